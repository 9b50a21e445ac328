"""What of each joint is seen where, for all stages."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose_ros.nets.mobilenet import Separable
from pose_ros.skeleton import COCO_17

JOINTS = len(COCO_17)


class Evidence(nn.Module):
    """evidence(features (B,C,h,w)) -> (B,17*3,h,w): of each joint a map in 0..1 where it may be, and two more
    of which only training knows what they say."""

    MAPS = 3

    def __init__(self, channels: int, wide: int = 96) -> None:
        super().__init__()
        self.look = Separable(channels, wide)
        self.heat = nn.Conv2d(wide, JOINTS, 1)  # these two are built like MoveNet's, to start from it
        self.more = nn.Conv2d(wide, JOINTS * (self.MAPS - 1), 1)

    def forward(self, features: Tensor) -> Tensor:
        seen = self.look(features)
        heat, more = self.heat(seen).sigmoid(), self.more(seen).unflatten(1, (JOINTS, self.MAPS - 1))
        return torch.cat([heat[:, :, None], more], 2).flatten(1, 2)
