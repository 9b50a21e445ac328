"""The last millimetres: points on the surface, and the outline within the segment."""

from __future__ import annotations

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import field_rows, solve, stepped, to_object
from pose_ros.objects.segments import HALVED
from pose_ros.objects.verify import Sight, look
from pose_ros.objects.view import View, depth_sigma

OUTLINE_SIGMA = 1.5  # px: how precise the border of a segment is
OUTLINE_SCALE = 4.0  # px: samples farther outside count less


def refine(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    view: View,
    points: torch.Tensor,
    away: torch.Tensor,
    samples: int,
    iterations: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Poses after Gauss-Newton, and the information JᵀWJ (B,6,6) about steps from there.

    points (B,P,3): of each pose's segment. away (B,h,w) px: see Segments. Two kinds of residuals, each by
    its standard deviation: distance of the points from the surface, and how far samples of the surface in
    sight fall beside the segment where nothing nearer hides them.
    """
    radius = bank.diameter[model] / 2
    information = torch.zeros(len(model), 6, 6, device=points.device)
    for number in range(iterations):
        # From three times the noise, or a hundredth of the object, down to the noise.
        widening = 3.0 * 0.5 ** min(number, 2)
        surface, slope = _surface_terms(bank, model, rotation, translation, points, widening)
        sight = look(bank, model, rotation, translation, view, samples)
        outline, outline_slope = _outline_terms(sight, rotation, view, away)
        information = surface + outline
        step = solve(information, slope + outline_slope, radius)
        rotation, translation = stepped(rotation, translation, step)
    return rotation, translation, information


def _surface_terms(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    points: torch.Tensor,
    widening: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    local = to_object(rotation, translation, points)
    distance, gradient = bank.distance(model, local)
    sigma = depth_sigma(points[..., 2]) + 0.1 * bank.voxel[model, None]
    scale = (2 * widening * sigma) ** 2
    weight = (scale / (scale + distance**2)) ** 2 / sigma**2
    rows = field_rows(local, gradient)
    weighted = (rows * weight[..., None]).transpose(1, 2)
    return weighted @ rows, (weighted @ distance[..., None])[..., 0]


def _outline_terms(
    sight: Sight, rotation: torch.Tensor, view: View, away: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    distance, slope = outside(away, sight.pixel)
    counts = (sight.facing > 0) & ~sight.occluded & (distance > 0)
    weight = (OUTLINE_SCALE**2 / (OUTLINE_SCALE**2 + distance**2)) ** 2 / OUTLINE_SIGMA**2 * counts
    rows = pixel_rows(sight, rotation, view, slope)
    weighted = (rows * weight[..., None]).transpose(1, 2)
    return weighted @ rows, (weighted @ distance[..., None])[..., 0]


def pixel_rows(sight: Sight, rotation: torch.Tensor, view: View, slope: torch.Tensor) -> torch.Tensor:
    """(B,S,6) how a picture's value under each sample changes with a step; slope (B,S,2): of it, per pixel."""
    depth = sight.points[..., 2:].clamp_min(1e-3)
    across = slope * view.focal / depth
    along = -(across * sight.points[..., :2]).sum(-1, keepdim=True) / depth
    local = torch.cat([across, along], -1) @ rotation
    return torch.cat([local, torch.linalg.cross(sight.local, local, dim=-1)], dim=-1)


def outside(away: torch.Tensor, pixel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Distance (B,S) px of pixels (B,S,2) to the segment and its slope (B,S,2), from half resolution."""
    batch, height, width = away.shape
    column = (pixel[..., 0] / HALVED).round().long().clamp(1, width - 2)
    row = (pixel[..., 1] / HALVED).round().long().clamp(1, height - 2)
    flat = away.reshape(batch, -1)
    place = row * width + column
    around = torch.stack([place, place - 1, place + 1, place - width, place + width], 1)
    middle, left, right, up, down = flat.gather(1, around.reshape(batch, -1)).reshape(batch, 5, -1).unbind(1)
    slope = torch.stack([right - left, down - up], -1) / (2 * HALVED)
    nearest = torch.stack([column, row], -1) * HALVED
    return (middle + ((pixel - nearest) * slope).sum(-1)).clamp_min(0) * (middle > 0), slope
