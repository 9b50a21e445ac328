"""Peaks of heat maps between the cells, by the distribution about them; all joints of all people in a batch.

Source: Zhang et al., "Distribution-Aware Coordinate Representation for Human Pose Estimation", 2020 (DARK),
as Huang et al., "The Devil is in the Details", 2020 (UDP), do it: smooth the map, take its logarithm, and go
from the highest cell to where the parabola through its neighbours is highest.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SIGMA, RADIUS = 0.8, 5  # cells, of the smoothing
FLOOR, CEILING = 0.001, 50.0  # of heat, before its logarithm is taken
EPSILON = torch.finfo(torch.float32).eps


def decode(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Peaks x, y (B,K,2) in cells and their heat (B,K), of maps (B,K,H,W)."""
    width = heat.shape[3]
    score, at = heat.flatten(2).max(2)
    row, column = at // width, at % width
    smooth = F.pad(_blurred(heat).clamp(FLOOR, CEILING).log(), (1, 1, 1, 1), mode="replicate").flatten(2)

    def near(dx: int, dy: int) -> Tensor:
        index = (row + 1 + dy) * (width + 2) + column + 1 + dx
        return smooth.gather(2, index[..., None])[..., 0]

    here, right, below, left, above = near(0, 0), near(1, 0), near(0, 1), near(-1, 0), near(0, -1)
    dx, dy = (right - left) / 2, (below - above) / 2
    dxx, dyy = right - 2 * here + left + EPSILON, below - 2 * here + above + EPSILON
    dxy = (near(1, 1) - right - below + 2 * here - left - above + near(-1, -1)) / 2
    det = dxx * dyy - dxy * dxy
    step = torch.stack([dyy * dx - dxy * dy, dxx * dy - dxy * dx], -1) / det[..., None]
    # Where there is no peak the parabola says nothing, and neither does it far from the cell.
    peak = ((det > 0) & (dxx < 0))[..., None]
    step = torch.where(peak, step, 0.0).clamp(-1, 1)
    return torch.stack([column, row], -1) - step, score


def _blurred(heat: Tensor) -> Tensor:
    """Gaussian smoothing that mirrors the map at its edges."""
    steps = torch.arange(-RADIUS, RADIUS + 1, device=heat.device, dtype=heat.dtype)
    kernel = torch.exp(-(steps**2) / (2 * SIGMA**2))
    kernel = (kernel / kernel.sum())[None, None]
    batch, joints, height, width = heat.shape
    rows = _mirrored(heat.reshape(-1, 1, width))
    heat = F.conv1d(rows, kernel).reshape(batch, joints, height, width).transpose(2, 3)
    columns = _mirrored(heat.reshape(-1, 1, height))
    return F.conv1d(columns, kernel).reshape(batch, joints, width, height).transpose(2, 3)


def _mirrored(lines: Tensor) -> Tensor:
    """Lines (N,1,L) with their ends seen in a mirror at the edge."""
    return torch.cat([lines[..., :RADIUS].flip(-1), lines, lines[..., -RADIUS:].flip(-1)], -1)
