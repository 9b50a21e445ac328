"""RoIAlign: what the feature maps hold under each box, sampled on a grid between the cells.

Sources: He et al., "Mask R-CNN", 2017, section 3; Lin et al., "Feature Pyramid Networks", 2017, equation 1
(levels).
All boxes on all maps are one sparse weighted sum of the maps' cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class RoIAlign:
    """size: of the grid of bins a box gets. sampling: samples a bin along each side.

    aligned: cells' centres lie half a cell from the map's edge (right); else the box is moved by half a cell
    and is at least one cell large, as networks of old were trained. canonical, level: boxes of area
    canonical² go to the map number `level` of the list, of half the side to the one before it.
    """

    size: int
    sampling: int = 2
    aligned: bool = True
    canonical: float = 224.0
    level: int = 2

    def __call__(
        self, maps: Sequence[Tensor], strides: Sequence[float], boxes: Tensor, image: Tensor
    ) -> Tensor:
        """(N,C,size,size) of boxes (N,4) px of images number `image` (N,) in maps (B,C,H,W)."""
        if len(boxes) == 0:
            return maps[0].new_zeros(0, maps[0].shape[1], self.size, self.size)
        level = self.level_of(boxes, len(maps))
        cells, weight = self._samples(maps, strides, boxes, image, level)
        table = torch.cat([one.permute(0, 2, 3, 1).reshape(-1, one.shape[1]) for one in maps])
        bins = F.embedding_bag(cells, table, mode="sum", per_sample_weights=weight.to(table.dtype))
        return bins.reshape(len(boxes), self.size, self.size, -1).permute(0, 3, 1, 2)

    def level_of(self, boxes: Tensor, levels: int) -> Tensor:
        """Which map each box is looked up in, (N,)."""
        side = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1).sqrt()
        return (self.level + torch.log2(side / self.canonical) + 1e-6).floor().clamp(0, levels - 1).long()

    def _samples(self, maps, strides, boxes, image, level) -> tuple[Tensor, Tensor]:
        """Rows of the table of all cells, and their weights, (N*size*size, 4*sampling²) both."""
        height, width = (
            torch.tensor([one.shape[side] for one in maps], device=boxes.device)[level] for side in (2, 3)
        )
        count = [one.shape[0] * one.shape[2] * one.shape[3] for one in maps]
        first = torch.tensor([sum(count[:n]) for n in range(len(maps))], device=boxes.device)[level]
        scale = 1 / torch.tensor(strides, dtype=boxes.dtype, device=boxes.device)[level]
        low, high = boxes[:, :2] * scale[:, None], boxes[:, 2:] * scale[:, None]
        extent = high - low
        if self.aligned:
            low = low - 0.5
        else:
            extent = extent.clamp(min=1)
        steps = (torch.arange(self.size * self.sampling, device=boxes.device) + 0.5) / self.sampling
        at = low[:, :, None] + extent[:, :, None] * steps / self.size  # (N, x y, size*sampling)
        left, across = _between(at[:, 0], width)
        top, down = _between(at[:, 1], height)
        # Row of the table and weight of the four neighbours of each sample: (N, rows, columns, 2, 2).
        row = (first + image * height * width)[:, None, None] + top * width[:, None, None]
        cells = row[:, :, None, :, None] + left[:, None, :, None, :]
        weight = down[:, :, None, :, None] * across[:, None, :, None, :] / self.sampling**2
        return self._by_bin(cells), self._by_bin(weight)

    def _by_bin(self, samples: Tensor) -> Tensor:
        n, s, k = len(samples), self.size, self.sampling
        return samples.reshape(n, s, k, s, k, 4).transpose(2, 3).reshape(n * s * s, k * k * 4)


def _between(at: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """The two cells (N,S,2) beside each position (N,S) and their weights; none more than a cell outside."""
    last = end[:, None] - 1
    inside = (at >= -1) & (at <= end[:, None])
    at = torch.minimum(at.clamp(min=0), last.to(at.dtype))
    low = at.floor().long()
    high = torch.minimum(low + 1, last)
    part = at - low
    weight = torch.stack([1 - part, part], -1) * inside[..., None]
    return torch.stack([low, high], -1), weight
