"""Non-maximum suppression on heat maps, with peaks between the pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Peaks:
    """xy (K,P,2) cells, score (K,P), the highest of each map first; count (K,): so many of the P are real."""

    xy: Tensor
    score: Tensor
    count: Tensor

    @property
    def real(self) -> Tensor:
        """(K,P)."""
        return torch.arange(self.score.shape[1], device=self.score.device) < self.count[:, None]


def find_peaks(heat: Tensor, threshold: float, most: int) -> Peaks:
    """The peaks of maps (K,H,W) above a threshold, at most so many of each.

    A cell is a peak where no neighbour is higher; of equal neighbours the first in reading order counts.
    Along x and along y a parabola through the cell and its two neighbours says how far the top is from
    its middle, at most half a cell.
    """
    joints, height, width = heat.shape
    framed = F.pad(heat, (1, 1, 1, 1), value=float("-inf"))
    around = {
        (dy, dx): framed[:, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    }
    earlier = torch.stack([around[d] for d in ((-1, -1), (-1, 0), (-1, 1), (0, -1))]).amax(0)
    later = torch.stack([around[d] for d in ((0, 1), (1, -1), (1, 0), (1, 1))]).amax(0)
    joint, y, x = ((heat > threshold) & (heat > earlier) & (heat >= later)).nonzero(as_tuple=True)
    score = heat[joint, y, x]
    order = torch.argsort(score, descending=True, stable=True)
    order = order[torch.argsort(joint[order], stable=True)]
    joint, y, x, score = joint[order], y[order], x[order], score[order]
    count = torch.bincount(joint, minlength=joints)
    rank = torch.arange(len(joint), device=heat.device) - (count.cumsum(0) - count)[joint]
    chosen = rank < most
    joint, y, x, score, rank = (v[chosen] for v in (joint, y, x, score, rank))
    count = count.clamp(max=most)
    places = int(count.max()) if joints else 0
    left, right = (around[0, d][joint, y, x] for d in (-1, 1))
    above, below = (around[d, 0][joint, y, x] for d in (-1, 1))
    top = torch.stack([x + _offset(left, score, right), y + _offset(above, score, below)], -1)
    xy = heat.new_zeros(joints, places, 2)
    scores = heat.new_zeros(joints, places)
    xy[joint, rank], scores[joint, rank] = top, score
    return Peaks(xy, scores, count)


def _offset(before: Tensor, here: Tensor, after: Tensor) -> Tensor:
    """Where the parabola through values at -1, 0, 1 is highest; 0 at the map's edge and where it is flat."""
    bend = before - 2 * here + after
    inside = torch.isfinite(bend) & (bend < 0)
    offset = 0.5 * (before - after) / torch.where(inside, bend, -1.0)
    return torch.where(inside, offset, 0.0).clamp(-0.5, 0.5)
