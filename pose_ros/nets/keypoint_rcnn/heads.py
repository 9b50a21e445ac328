"""What is asked of the feature maps: where people are, how sure, and of each of them mask and joints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.nets.keypoint_rcnn.features import JOINTS, WIDTH
from pose_ros.nets.roi import RoIAlign

STRIDE = 8  # of the map proposals are made on
USUAL = 32.0  # px; distances of a box's sides from its middle are told as factors of it
MASK, HEAT = 28, 56  # sides of masks and heat maps

BOX_BINS = RoIAlign(7, sampling=2, canonical=224, level=2)
SHAPE_BINS = RoIAlign(28, sampling=1, canonical=320, level=2)
HEAT_BINS = RoIAlign(28, sampling=2, level=0)


class ProposalHead(nn.Module):
    """Map (B,C,H,W) at STRIDE -> logits (B,1,H,W) of a person's middle, boxes (B,4,H,W) px about each cell.

    Source: Zhou et al., "Objects as Points", 2019, and "Probabilistic two-stage detection", 2021: middles of
    people propose as well as anchors do, need no matching, and a few of them are enough.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.out = nn.Conv2d(WIDTH, 5, 3, padding=1)
        nn.init.normal_(self.out.weight, std=0.01)
        with torch.no_grad():
            self.out.bias.zero_()[0] = -4.0  # middles are rare

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        out = self.out(F.relu(self.trunk(features))).float()
        reach = USUAL * out[:, 1:].clamp(-6, 5).exp()
        y, x = (STRIDE * (torch.arange(n, device=out.device) + 0.5) for n in out.shape[2:])
        x, y = x.expand(len(y), -1), y[:, None].expand(-1, len(x))
        boxes = torch.stack([x - reach[:, 0], y - reach[:, 1], x + reach[:, 2], y + reach[:, 3]], 1)
        return out[:, :1], boxes


class BoxHead(nn.Module):
    """Bins (N,C,7,7) -> logit (N,) of a person, code (N,4) of a better box."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.narrow = nn.Conv2d(WIDTH, 48, 3, stride=2, padding=1)
        self.think = nn.Linear(48 * 4 * 4, 96)
        self.out = nn.Linear(96, 5)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)

    def forward(self, bins: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.narrow(F.relu(self.look(bins))))
        out = self.out(F.relu(self.think(x.flatten(1)))).float()
        return out[:, 0], out[:, 1:]


class ShapeHead(nn.Module):
    """Bins (N,C,28,28), heat (N,17,28,28) -> logits of the mask (N,28,28) and of joints (N,17,56,56).

    Both branches of the paper upon one trunk: a small U, so that every joint is judged in sight of the whole
    person and told as finely as the bins are. What is learnt of joints is what the heat, which is anybody's,
    lacks to be this person's.
    """

    def __init__(self) -> None:
        super().__init__()
        wide = 2 * WIDTH
        self.down = nn.Conv2d(WIDTH, wide, 3, stride=2, padding=1)
        self.middle = nn.ModuleList(nn.Conv2d(wide, wide, 3, padding=1) for _ in range(2))
        self.deep = nn.ModuleList(
            (nn.Conv2d(wide, wide, 3, stride=2, padding=1), nn.Conv2d(wide, wide, 3, padding=1))
        )
        self.rise = nn.Conv2d(wide, wide, 3, padding=1)
        self.narrow = nn.Conv2d(wide, WIDTH, 1)
        self.fine = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.gain = nn.Parameter(torch.ones(JOINTS, 1, 1))
        self.points = nn.ConvTranspose2d(WIDTH, JOINTS, 4, stride=2, padding=1)
        self.outline = nn.Conv2d(WIDTH, WIDTH // 2, 3, padding=1)
        self.mask = nn.Conv2d(WIDTH // 2, 1, 1)
        nn.init.normal_(self.points.weight, std=0.02)

    def forward(self, bins: Tensor, heat: Tensor) -> tuple[Tensor, Tensor]:
        half = F.relu(self.down(bins))
        half = half + F.relu(self.middle[1](F.relu(self.middle[0](half))))
        quarter = F.relu(self.deep[1](F.relu(self.deep[0](half))))
        half = F.relu(self.rise(half + _twice(quarter)))
        full = F.relu(self.fine(bins + _twice(self.narrow(half))))
        mask = self.mask(F.relu(self.outline(full)))[:, 0]
        return mask.float(), self.points(full).float() + self.gain * _twice(heat.float())


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
