"""One stage of the cascade: all joints of all people at once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.nets.deeppose.evidence import Evidence
from pose_ros.skeleton import COCO_17

JOINTS = len(COCO_17)
SIDE = 11  # samples along a window's side
SMALLEST, LARGEST = 0.06, 0.5  # torso, in heights of the crop
TORSO = tuple(
    COCO_17.indices(f"{side}_shoulder", f"{other}_hip")
    for side, other in (("left", "right"), ("right", "left"))
)


class Refiner(nn.Module):
    """refiner(evidence (B,17*3,h,w), xy (B,17,2)) -> (B,17,4): displacement x, y, log of its scale, logit.

    Every joint has maps of its own; what is seen of them in a window of `reach` torsos to each side is read
    by one perceptron for all joints, which knows the joint and where the others are.
    """

    def __init__(self, reach: float, hidden: int = 192) -> None:
        super().__init__()
        self.reach = reach
        self.joint = nn.Parameter(torch.randn(JOINTS, hidden) * 0.1)
        self.look = nn.Linear(Evidence.MAPS * SIDE * SIDE, hidden)
        self.pose = nn.Linear(JOINTS * 2, hidden)
        self.read = nn.Sequential(nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 4))
        nn.init.zeros_(self.read[-1].weight)
        self.read[-1].bias.data = torch.tensor([0.0, 0.0, -1.0, 0.0])

    def forward(self, evidence: Tensor, xy: Tensor) -> Tensor:
        xy = xy.detach()
        size = torso(xy)[:, None, None]
        looks = self.windows(evidence, xy, self.reach * size)
        others = (xy[:, None] - xy[:, :, None]).flatten(2) / size
        values = self.read(self.look(looks) + self.pose(others) + self.joint)
        return torch.cat([values[..., :2] * self.reach * size, values[..., 2:]], -1)

    @staticmethod
    def windows(evidence: Tensor, xy: Tensor, half: Tensor) -> Tensor:
        """(B,17,3 * SIDE²) samples of each joint's maps, 0 outside; half (B,1,1): half the side."""
        people, _, height, width = evidence.shape
        steps = torch.linspace(-1, 1, SIDE, device=xy.device)
        offset = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1)
        points = xy[:, :, None, None] + half[..., None, None] * offset
        extent = points.new_tensor([width / height, 1.0]) / 2  # from the middle to the edge
        grid = (points / extent).flatten(0, 1)
        own = evidence.reshape(people * JOINTS, Evidence.MAPS, height, width)
        return F.grid_sample(own, grid, align_corners=False).reshape(people, JOINTS, -1)


def torso(xy: Tensor) -> Tensor:
    """(B,) mean length of the torso's diagonals of xy (B,17,2), kept within what crops can hold."""
    diagonals = [torch.linalg.vector_norm(xy[:, a] - xy[:, b], dim=-1) for a, b in TORSO]
    return (sum(diagonals) / len(diagonals)).clamp(SMALLEST, LARGEST)
