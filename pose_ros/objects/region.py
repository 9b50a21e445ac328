"""Which pixels of an image belong to a posed object."""

from __future__ import annotations

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import to_object
from pose_ros.objects.register import Hypotheses
from pose_ros.objects.verify import SIGMAS
from pose_ros.objects.view import View, depth_sigma

BORDER = 3  # px around the projected samples


def claimed(bank: Bank, hypotheses: Hypotheses, number: int, view: View) -> torch.Tensor:
    """(H*W,) bool: pixels whose measured point lies on the surface of one of the hypotheses."""
    chosen = slice(number, number + 1)
    model = hypotheses.model[chosen]
    rotation, translation = hypotheses.rotation[chosen], hypotheses.translation[chosen]
    height, width = view.depth.shape
    pixel, _, inside = view.project(bank.points[model] @ rotation.transpose(1, 2) + translation[:, None])
    mask = torch.zeros(height, width, dtype=torch.bool, device=bank.device)
    if not inside.any():
        return mask.reshape(-1)
    left, top = (pixel[inside].amin(0) - BORDER).long().clamp_min(0).tolist()
    right, bottom = (pixel[inside].amax(0) + BORDER).long().tolist()
    depth = view.depth[top : bottom + 1, left : right + 1]
    rows = torch.arange(top, top + depth.shape[0], device=bank.device, dtype=torch.float32)
    columns = torch.arange(left, left + depth.shape[1], device=bank.device, dtype=torch.float32)
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)
    points = (
        torch.cat([(grid - view.center) / view.focal, torch.ones_like(grid[..., :1])], -1) * depth[..., None]
    )
    distance, _ = bank.distance(model, to_object(rotation, translation, points.reshape(1, -1, 3)))
    tolerance = SIGMAS * depth_sigma(depth) + 0.3 * bank.voxel[model]
    near = (distance.reshape(depth.shape).abs() < tolerance) & (depth > 0)
    mask[top : top + depth.shape[0], left : left + depth.shape[1]] = near
    return mask.reshape(-1)
