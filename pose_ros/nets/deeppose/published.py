"""DeepPose as others published it: mmpose's ResNet with one fully connected layer (top-down regression).

Their checkpoints (`td-reg_res50_8xb64-210e_coco-256x192`, `td-reg_res50_rle-…`, also ResNet-101 and
-152) hold `backbone.…` as torchvision names it and `head.fc`, or `keypoint_head.fc` before mmpose 1.
One trained with RLE (Li et al., "Human Pose Regression with Residual Log-likelihood Estimation", 2021)
says a scale for x and y, too; its normalising flow serves training only. None of the published weights
was run here.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from pose_ros.errors import WeightsError
from pose_ros.nets.checkpoint import fill, read_state
from pose_ros.nets.resnet import BLOCKS, DEVIATION, MEAN, ResNet

HEIGHT, WIDTH = 256, 192  # px of the crop
HEADS = ("head.", "keypoint_head.")
TRAINING_ONLY = ("flow", "loss")


class ResNetRegression(nn.Module):
    """network(crop (B,3,256,192) RGB in 0..255) -> xy (B,K,2) and scale (B,K,2).

    xy: 0 to 1 across the crop's width and height, from the first pixel's centre. scale: in the same unit, NaN
    where the checkpoint knows none.
    """

    def __init__(self, depth: int, joints: int, knows_scale: bool) -> None:
        super().__init__()
        self.backbone = ResNet(depth)
        self.head = nn.ModuleDict(
            {"fc": nn.Linear(self.backbone.channels[-1], joints * (4 if knows_scale else 2))}
        )
        self.joints = joints
        self.knows_scale = knows_scale
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone((crop - self.mean) / self.deviation)[-1].mean(dim=(2, 3))
        values = self.head["fc"](features).unflatten(-1, (self.joints, -1))
        xy = values[..., :2]
        return xy, values[..., 2:].sigmoid() if self.knows_scale else torch.full_like(xy, torch.nan)


def load_published(path: Path, joints: int = 17) -> ResNetRegression:
    """The network of a checkpoint, which tells its depth and kind; WeightsError says what does not fit."""
    state = _read(path)
    weight = state.get("head.fc.weight")
    blocks = tuple(
        len({name.split(".")[2] for name in state if name.startswith(f"backbone.layer{n}.")})
        for n in (1, 2, 3, 4)
    )
    depth = next((depth for depth, known in BLOCKS.items() if known == blocks), None)
    if weight is None or depth is None or len(weight) not in (2 * joints, 4 * joints):
        raise WeightsError(
            f"{path} is no regression of {joints} joints by a ResNet of depth {', '.join(map(str, BLOCKS))}: "
            f"its layers have {blocks} blocks, its head.fc {None if weight is None else len(weight)} outputs"
        )
    network = ResNetRegression(depth, joints, knows_scale=len(weight) == 4 * joints)
    return fill(network, state, path)


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by the names of mmpose 1, without those that training alone needs."""
    tensors = {}
    for name, value in read_state(path).items():
        old = next((head for head in HEADS if name.startswith(head)), None)
        name = name if old is None else "head." + name.removeprefix(old)
        if not any(part in name for part in TRAINING_ONLY):
            tensors[name] = value
    return tensors
