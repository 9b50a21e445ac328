"""The last millimetres: points on the surface, and the outline within the segment."""

from __future__ import annotations

import torch

from pose_ros.objects.appearance import compared, light
from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import field_rows, solve, stepped, to_object
from pose_ros.objects.segments import Outline
from pose_ros.objects.verify import Sight, look
from pose_ros.objects.view import View, depth_sigma

OUTLINE_SIGMA = 1.5  # px: how precise the border of a segment is
BRIGHTNESS_SIGMA = 12.0  # of 255: noise, and what the light's model leaves
BRIGHTNESS_SCALE = 30.0  # of 255: larger differences are of something else
OUTLINE_SCALE = 4.0  # px: samples farther outside count less


def refine(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    view: View,
    points: torch.Tensor,
    outline: Outline,
    samples: int,
    iterations: int,
    textured: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Poses after Gauss-Newton, and the information JᵀWJ (B,6,6) about steps from there.

    points (B,P,3) and outline: of each pose's segment. The residuals, each by its standard deviation:
    distance of the points from the surface; how far samples of the surface in sight fall beside the segment
    where nothing nearer hides them; and, where `textured` (B,) says so, brightness.
    """
    radius = bank.diameter[model] / 2
    information = torch.zeros(len(model), 6, 6, device=points.device)
    for number in range(iterations):
        # From three times the noise, or a hundredth of the object, down to the noise.
        widening = 3.0 * 0.5 ** min(number, 2)
        surface, slope = _surface_terms(bank, model, rotation, translation, points, widening)
        sight = look(bank, model, rotation, translation, view, samples)
        border, border_slope = _outline_terms(sight, rotation, view, outline)
        information, slope = surface + border, slope + border_slope
        if textured is not None and textured.any():
            bright, bright_slope = _brightness_terms(bank, model, rotation, sight, view)
            information = information + bright * textured[:, None, None]
            slope = slope + bright_slope * textured[:, None]
        step = solve(information, slope, radius)
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
    sight: Sight, rotation: torch.Tensor, view: View, outline: Outline
) -> tuple[torch.Tensor, torch.Tensor]:
    distance, slope = outline.outside(sight.pixel)
    counts = (sight.facing > 0) & ~sight.occluded & (distance > 0)
    weight = (OUTLINE_SCALE**2 / (OUTLINE_SCALE**2 + distance**2)) ** 2 / OUTLINE_SIGMA**2 * counts
    rows = pixel_rows(sight, rotation, view, slope)
    weighted = (rows * weight[..., None]).transpose(1, 2)
    return weighted @ rows, (weighted @ distance[..., None])[..., 0]


def _brightness_terms(
    bank: Bank, model: torch.Tensor, rotation: torch.Tensor, sight: Sight, view: View
) -> tuple[torch.Tensor, torch.Tensor]:
    seen, expected, weight = compared(bank, model, sight, view)
    lit = expected * light(bank, model, rotation, seen, expected, weight)
    difference = (seen - lit).mean(-1)
    weight = (weight > 0) / (1 + (difference / BRIGHTNESS_SCALE) ** 2) ** 2 / BRIGHTNESS_SIGMA**2
    rows = pixel_rows(sight, rotation, view, view.slope(sight.place))
    weighted = (rows * weight[..., None]).transpose(1, 2)
    return weighted @ rows, (weighted @ difference[..., None])[..., 0]


def pixel_rows(sight: Sight, rotation: torch.Tensor, view: View, slope: torch.Tensor) -> torch.Tensor:
    """(B,S,6) how the value under each sample changes with a step; slope (B,S,2): of the picture, per px."""
    depth = sight.points[..., 2:].clamp_min(1e-3)
    across = slope * view.focal / depth
    along = -(across * sight.points[..., :2]).sum(-1, keepdim=True) / depth
    local = torch.cat([across, along], -1) @ rotation
    return torch.cat([local, torch.linalg.cross(sight.local, local, dim=-1)], dim=-1)
