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
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.nets.deeppose.evidence import Evidence
from pose_ros.nets.deeppose.refiner import Refiner
from pose_ros.nets.mobilenet import FeaturePyramid
from pose_ros.skeleton import COCO_17

HEIGHT, WIDTH = 224, 160  # px of the crop
MARGIN = 1.25  # how much larger than the person's box it is
JOINTS = len(COCO_17)
# Half a window's side in torsos, and over how many cells of the evidence's 4 px is averaged first.
WINDOWS = ((0.8, 2), (0.4, 1))
STAGES = 1 + len(WINDOWS)
LIMITS = (-7.0, 0.0)  # of the logarithm of a scale
COARSE = 0.016  # brings the coarsest map of MoveNet's pyramid to about one
WARMEST = 20.0  # how much the warmest place of a map counts more than others
CELLS = 8  # of the evidence are one of the coarsest map's


class Regression(NamedTuple):
    """What S stages say.

    xy: (S,B,17,2). log_scale: (S,B,17), of the Laplace law of x and of y. logit: (B,17), of the last stage
    being right: within a fifth of the torso of a joint that is inside the picture.
    """

    xy: Tensor
    log_scale: Tensor
    logit: Tensor


class Maps(NamedTuple):
    """What stages look at. evidence: (B,17*3,56,40), see Evidence. coarse: (B,64,7,5)."""

    evidence: Tensor
    coarse: Tensor


class DeepPoseNetwork(nn.Module):
    """network(crop (B,3,224,160) RGB in 0..255) -> Regression."""

    def __init__(self, hidden: int = 320) -> None:
        super().__init__()
        self.config = {"hidden": hidden}
        self.pyramid = FeaturePyramid()
        self.evidence = Evidence(self.pyramid.channels[0])
        cells = (HEIGHT // 32) * (WIDTH // 32)
        self.whole = nn.Sequential(
            nn.Linear((self.pyramid.channels[-1] + JOINTS) * cells + JOINTS * 3, hidden),
            nn.ReLU(),
            nn.Linear(hidden, JOINTS * 4),
        )
        with torch.no_grad():  # it starts from nearly nothing: everyone in the middle
            self.whole[-1].weight *= 0.1
        self.refiners = nn.ModuleList(Refiner(reach) for reach, _ in WINDOWS)

    def forward(self, crop: Tensor, stages: int = STAGES, short: bool = False) -> Regression:
        maps = self.maps(crop, short)
        estimates = [self.first(maps)]
        for n in range(1, stages):
            estimates.append(self.next(maps, estimates[-1][0], n))
        xy, log_scale, logit = (torch.stack(parts) for parts in zip(*estimates, strict=True))
        return Regression(xy, log_scale, logit[-1])

    def maps(self, crop: Tensor, short: bool) -> Maps:
        """short: they are computed in bfloat16, as in training; coordinates never are."""
        with torch.autocast(crop.device.type, torch.bfloat16, enabled=short):
            fine, *_, coarse = self.pyramid(crop)
            evidence = self.evidence(fine)
        return Maps(evidence.float(), coarse.float() * COARSE)

    def first(self, maps: Maps) -> tuple[Tensor, Tensor, Tensor]:
        """xy (B,17,2), log_scale (B,17), logit (B,17) from the whole person."""
        heat = maps.evidence[:, :: Evidence.MAPS]
        seen = F.max_pool2d(heat, CELLS)
        whole = torch.cat([maps.coarse.flatten(1), seen.flatten(1), peaks(heat).flatten(1)], 1)
        return _split(self.whole(whole).unflatten(-1, (JOINTS, 4)))

    def next(self, maps: Maps, xy: Tensor, stage: int) -> tuple[Tensor, Tensor, Tensor]:
        """The same, better: stage 1 is the first refinement of xy (B,17,2)."""
        evidence = F.avg_pool2d(maps.evidence, WINDOWS[stage - 1][1])
        moved, log_scale, logit = _split(self.refiners[stage - 1](evidence, xy))
        return xy + moved, log_scale, logit


def peaks(heat: Tensor) -> Tensor:
    """(B,17,3): where each map (B,17,h,w) is warmest, roughly (the middle where it is cold), and how warm."""
    _, _, height, width = heat.shape
    share = (heat * WARMEST).flatten(2).softmax(-1).unflatten(2, (height, width))
    rows = ((torch.arange(height, device=heat.device) + 0.5) / height - 0.5).to(heat)
    columns = ((torch.arange(width, device=heat.device) + 0.5) - width / 2).to(heat) / height
    at = (share.sum(2) * columns).sum(-1), (share.sum(3) * rows).sum(-1)
    return torch.stack([*at, heat.amax((2, 3))], -1)


def _split(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return values[..., :2], (values[..., 2] - 2).clamp(*LIMITS), values[..., 3]
