"""Boxes (N,4) x0 y0 x1 y1 in pixels counted from the image's edge: overlap, suppression, coding, anchors.

Sources: Ren et al., "Faster R-CNN", 2015, section 3.1 (anchors, coding); torchvision's conventions of both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

LARGEST_STRETCH = math.log(1000 / 16)  # of a decoded side: what a broken network says must stay finite


def area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (N,M) of every box of a with every one of b; 0 for boxes of no area."""
    low = torch.maximum(a[:, None, :2], b[None, :, :2])
    high = torch.minimum(a[:, None, 2:], b[None, :, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    union = area(a)[:, None] + area(b)[None] - common
    return torch.where(union > 0, common / union, 0.0)


def clip(boxes: Tensor, height: float, width: float) -> Tensor:
    """What of the boxes lies in an image of that size."""
    return torch.stack(
        [side.clamp(0, end) for side, end in zip(boxes.unbind(-1), (width, height) * 2, strict=True)], -1
    )


def grown(boxes: Tensor, factor: float) -> Tensor:
    """Boxes of `factor` times the sides about the same middles."""
    middle, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    return torch.cat([middle - factor * half, middle + factor * half], -1)


def nms(boxes: Tensor, score: Tensor, most_iou: float, group: Tensor | None = None) -> Tensor:
    """Positions of the boxes that no better kept box of their group (N,) overlaps by more; the best first.

    Greedy suppression is the only fixed point of "kept: no kept box before it overlaps it": the k best are
    right after k rounds, and as a rule all of them after a few, each of which is one batch.
    """
    order = torch.argsort(score, descending=True, stable=True)
    overlaps = iou(boxes[order], boxes[order]) > most_iou
    if group is not None:
        overlaps &= group[order][:, None] == group[order][None]
    overlaps = overlaps.triu(1)
    kept = torch.ones_like(order, dtype=torch.bool)
    while True:
        now = ~(overlaps & kept[:, None]).any(0)
        if torch.equal(now, kept):
            return order[kept]
        kept = now


def encode(boxes: Tensor, reference: Tensor, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """Boxes as (dx, dy, log dw, log dh) of the references, each times its weight."""
    middle, size = _middle_size(boxes)
    at, of = _middle_size(reference)
    code = torch.cat([(middle - at) / of, (size / of).log()], -1)
    return code * code.new_tensor(weights)


def decode(code: Tensor, reference: Tensor, weights: Sequence[float] = (1, 1, 1, 1)) -> Tensor:
    """The boxes that `encode` wrote; sides grow by 62.5 at most."""
    code = code / code.new_tensor(weights)
    at, of = _middle_size(reference)
    middle = at + code[..., :2] * of
    size = of * code[..., 2:].clamp(max=LARGEST_STRETCH).exp()
    return torch.cat([middle - size / 2, middle + size / 2], -1)


def _middle_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def anchors(
    size: float, ratios: Sequence[float], cells: tuple[int, int], stride: tuple[int, int], device=None
) -> Tensor:
    """Boxes (rows * columns * ratios, 4) of size² px² at each cell's corner; ratio: height over width.

    As torchvision places them, rounded: the ratio runs fastest, then columns.
    """
    root = torch.tensor(ratios, dtype=torch.float32, device=device).sqrt()
    half = torch.stack([-size / root, -size * root, size / root, size * root], 1).div(2).round()
    y, x = (torch.arange(n, device=device) * step for n, step in zip(cells, stride, strict=True))
    y, x = torch.meshgrid(y, x, indexing="ij")
    corner = torch.stack([x, y, x, y], -1).reshape(-1, 1, 4)
    return (corner + half).reshape(-1, 4)
