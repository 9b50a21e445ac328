"""What a key-point R-CNN finds in one image, and how its maps become joints and masks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WINDOW = 5  # cells of a heat map about its peak that belong to it


@dataclass(frozen=True)
class Found:
    """N people of one image, the surest first, in pixels of the image the network saw, counted from its edge.

    boxes: (N,4). score: (N,) in [0,1]. xy: (N,17,2). point_score: (N,17) in [0,1].
    frame: (N,4), the boxes masks are told in; mask: (N,S,S) logits, None where the network tells none.
    """

    boxes: Tensor
    score: Tensor
    xy: Tensor
    point_score: Tensor
    frame: Tensor
    mask: Tensor | None


def peaks(heat: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Joints (N,K,2) px and scores (N,K) of logits (N,K,S,S) told in boxes (N,4).

    The heat of a joint is a distribution over the box. The score is the probability that lies in a window
    about its highest cell; the joint is the window's mean.
    """
    n, k, size, _ = heat.shape
    share = heat.flatten(2).softmax(-1)
    best = share.argmax(-1)
    share = F.pad(share.reshape(n, k, size, size), (WINDOW // 2,) * 4)
    near = torch.arange(WINDOW, device=heat.device)
    rows, columns = best // size, best % size
    person, joint = (torch.arange(m, device=heat.device) for m in (n, k))
    window = share[
        person[:, None, None, None], joint[:, None, None],
        (rows[..., None] + near)[..., :, None], (columns[..., None] + near)[..., None, :],
    ]  # fmt: skip
    score = window.sum((-1, -2))
    offset = near - WINDOW // 2
    x = columns + (window.sum(-2) * offset).sum(-1) / score
    y = rows + (window.sum(-1) * offset).sum(-1) / score
    return at_cells(torch.stack([x, y], -1), boxes, size), score.clamp(max=1)


def at_cells(cells: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cells (N,K,2) of grids of `size` cells a side, counted from the first cell's centre, in px of boxes."""
    low, extent = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    return low + extent * (cells + 0.5) / size


def peaks_resized(heat: Tensor, boxes: Tensor) -> Tensor:
    """Joints (N,K,2) px at the highest pixel of the heat enlarged to its box, as torchvision finds them."""
    found = heat.new_zeros(*heat.shape[:2], 2)
    for n, (one, box) in enumerate(zip(heat, boxes, strict=True)):
        size = (box[2:] - box[:2]).clamp(min=1)
        columns, rows = (int(side) for side in size.ceil())
        large = F.interpolate(one[None], size=(rows, columns), mode="bicubic", align_corners=False)[0]
        best = large.flatten(1).argmax(-1)
        cells = torch.stack([best % columns, best // columns], -1)
        found[n] = box[:2] + (cells + 0.5) * size / torch.tensor([columns, rows], device=heat.device)
    return found


def paint(mask: np.ndarray, frame: np.ndarray, height: int, width: int) -> np.ndarray:
    """Masks (N,height,width) bool of logits (N,S,S) told in boxes `frame` (N,4) px from the image's edge.

    A pixel that several people claim is the surest one's.
    """
    best = np.zeros((height, width), np.float32)
    owner = np.full((height, width), -1, np.int16)
    for n, (logits, box) in enumerate(zip(mask, frame, strict=True)):
        x0, y0 = np.clip(np.floor(box[:2]), 0, (width, height)).astype(int)
        x1, y1 = np.clip(np.ceil(box[2:]), 0, (width, height)).astype(int)
        if x1 <= x0 or y1 <= y0:
            continue
        cell = (box[2:] - box[:2]) / logits.shape[::-1]
        # From pixels of the window to cells; both counted from the first one's centre.
        at = np.array([[1 / cell[0], 0, 0], [0, 1 / cell[1], 0]])
        at[:, 2] = ((x0, y0) - box[:2] + 0.5) / cell - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        here = cv2.warpAffine(logits, at, (x1 - x0, y1 - y0), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        window = np.s_[y0:y1, x0:x1]
        mine = here > best[window]
        best[window][mine] = here[mine]
        owner[window][mine] = n
    return owner == np.arange(len(mask))[:, None, None]
