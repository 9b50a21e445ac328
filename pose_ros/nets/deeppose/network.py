"""DeepPose: joint coordinates by regression, then by a cascade of looks around each joint.

Source: Toshev & Szegedy, "DeepPose: Human Pose Estimation via Deep Neural Networks", CVPR 2014. As there, the
first stage sees the whole person and says all coordinates at once, every later one sees a window around each
joint of the present estimate, as large as the person's torso tells, and says how far the joint is off. Unlike
there, windows are cut from feature maps, which are computed once, not from the image.

Unit of all coordinates here: the crop's height; (0, 0) is its middle, x to the right, y down.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pose_ros.nets.deeppose.refiner import Refiner
from pose_ros.nets.mobilenet import FeaturePyramid
from pose_ros.skeleton import COCO_17

HEIGHT, WIDTH = 224, 160  # px of the crop
MARGIN = 1.25  # how much larger than the person's box it is
JOINTS = len(COCO_17)
# A window's half side in torsos, and the pyramid's level it is cut from (0: stride 4, 1: stride 8).
WINDOWS = ((0.8, 1), (0.4, 0))
STAGES = 1 + len(WINDOWS)
LIMITS = (-7.0, 0.0)  # of the logarithm of a scale
# MoveNet's maps are of very different size; so they come to about one.
FACTORS = (3.0, 0.1, 0.1, 0.016)


class Regression(NamedTuple):
    """What S stages say.

    xy: (S,B,17,2). log_scale: (S,B,17), of the Laplace law of x and of y. logit: (B,17), of the last stage
    being right: within a fifth of the torso of a joint that is inside the picture.
    """

    xy: Tensor
    log_scale: Tensor
    logit: Tensor


class DeepPoseNetwork(nn.Module):
    """network(crop (B,3,224,160) RGB in 0..255) -> Regression."""

    def __init__(self, hidden: int = 320) -> None:
        super().__init__()
        self.config = {"hidden": hidden}
        self.pyramid = FeaturePyramid()
        coarse = self.pyramid.channels[-1] * (HEIGHT // 32) * (WIDTH // 32)
        self.whole = nn.Sequential(
            nn.Flatten(), nn.Linear(coarse, hidden), nn.ReLU(), nn.Linear(hidden, JOINTS * 4)
        )
        with torch.no_grad():  # it starts from nearly nothing: everyone in the middle
            self.whole[-1].weight *= 0.1
        self.refiners = nn.ModuleList(
            Refiner(self.pyramid.channels[level], reach) for reach, level in WINDOWS
        )

    def forward(self, crop: Tensor, stages: int = STAGES) -> Regression:
        maps = self.maps(crop)
        estimates = [self.first(maps)]
        for n in range(1, stages):
            estimates.append(self.next(maps, estimates[-1][0], n))
        xy, log_scale, logit = (torch.stack(parts) for parts in zip(*estimates, strict=True))
        return Regression(xy, log_scale, logit[-1])

    def maps(self, crop: Tensor) -> tuple[Tensor, ...]:
        """Of all strides, what every stage looks at."""
        return tuple(m * factor for m, factor in zip(self.pyramid(crop), FACTORS, strict=True))

    def first(self, maps: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """xy (B,17,2), log_scale (B,17), logit (B,17) from the whole person."""
        return _split(self.whole(maps[-1]).float().unflatten(-1, (JOINTS, 4)))

    def next(self, maps: tuple[Tensor, ...], xy: Tensor, stage: int) -> tuple[Tensor, Tensor, Tensor]:
        """The same, better: stage 1 is the first refinement of xy (B,17,2)."""
        level = WINDOWS[stage - 1][1]
        moved, log_scale, logit = _split(self.refiners[stage - 1](maps[level], xy))
        return xy + moved, log_scale, logit


def _split(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return values[..., :2], (values[..., 2] - 2).clamp(*LIMITS), values[..., 3]
