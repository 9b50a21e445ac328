"""From the maps of MoveNet SinglePose to one person's key points; crops in a batch.

Source: Google, "Next-Generation Pose Detection with MoveNet and TensorFlow.js", 2021: the centre of the
person nearest to the crop's middle; from it a guess of each joint; the joint's heat near that; an offset.
"""

from __future__ import annotations

import torch
from torch import Tensor

SOFT = 1.8  # cells added to distances: how little those of the nearest cells count


def decode(center: Tensor, heat: Tensor, regression: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Key points x, y (B,K,2) as parts of the crop's sides, score (B,K).

    center (B,1,H,W) and heat (B,K,H,W): logits. regression, offset (B,2K,H,W): y and x of each joint in
    cells, from the centre and from the cell of the joint's heat.
    """
    batch, joints, height, width = heat.shape
    rows = torch.arange(height, device=heat.device, dtype=heat.dtype)[:, None]
    columns = torch.arange(width, device=heat.device, dtype=heat.dtype)
    middle = torch.hypot(rows - height / 2, columns - width / 2)
    likely = torch.sigmoid(center[:, 0]) / (middle + SOFT)
    at = likely.flatten(1).argmax(1)
    here = at[:, None, None].expand(-1, 2 * joints, 1)
    guess = regression.flatten(2).gather(2, here).reshape(batch, joints, 2)
    guess = guess + torch.stack([at // width, at % width], -1)[:, None]
    y, x = guess[..., None, None].unbind(2)
    heat = torch.sigmoid(heat)
    near = heat / (torch.hypot(rows - y, columns - x) + SOFT)
    cell = near.flatten(2).argmax(2)
    score = heat.flatten(2).gather(2, cell[..., None])[..., 0]
    which = cell[..., None].repeat_interleave(2, 1)
    shift = offset.flatten(2).gather(2, which).reshape(batch, joints, 2)
    size = heat.new_tensor([height, width])
    points = (torch.stack([cell // width, cell % width], -1) + shift) / size
    return points.flip(-1), score
