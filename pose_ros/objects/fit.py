"""Robust Gauss-Newton on poses, many hypotheses at once.

A pose is camera_from_object: rotation (B,3,3) and translation (B,3). A step (B,6) turns about the object's
own axes and moves along them: translation first, then rotation (rad).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.so3 import rotation_exp

DAMPING = 1e-4  # of the mean curvature: keeps unobservable directions where they are


def to_object(rotation: torch.Tensor, translation: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Points (B,P,3) or (P,3) of the camera's frame in the objects' frames (B,P,3)."""
    return (points - translation[:, None]) @ rotation


def field_rows(points: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
    """(B,P,6) how the field's distance at points (B,P,3) of the object's frame changes with a step."""
    return torch.cat([-gradient, torch.linalg.cross(gradient, points, dim=-1)], dim=-1)


def stepped(
    rotation: torch.Tensor, translation: torch.Tensor, step: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The poses after a step."""
    translation = translation + (rotation @ step[:, :3, None])[..., 0]
    return rotation @ rotation_exp(step[:, 3:]), translation


def solve(curvature: torch.Tensor, slope: torch.Tensor, radius: torch.Tensor) -> torch.Tensor:
    """The damped Gauss-Newton step (B,6) for JᵀWJ (B,6,6) and JᵀWr (B,6).

    radius (B,): size of the objects in m; makes turns and shifts comparable, so that the damping is fair.
    """
    unit = torch.ones_like(slope)
    unit[:, 3:] = 1 / radius[:, None]
    scaled = curvature * unit[:, :, None] * unit[:, None, :]
    trace = torch.diagonal(scaled, dim1=-2, dim2=-1).mean(-1).clamp_min(1e-9)
    scaled = scaled + torch.diag_embed((DAMPING * trace)[:, None].expand_as(slope))
    factor, _ = torch.linalg.cholesky_ex(scaled)
    step = torch.cholesky_solve(-(slope * unit)[..., None], factor)[..., 0] * unit
    return torch.nan_to_num(step).clamp(-0.5, 0.5)


def fit_to_field(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    points: torch.Tensor,
    scales: Sequence[float | torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move objects so that points (P,3) or (B,P,3) of the camera's frame lie on their surfaces.

    One iteration for each of `scales` (m, or (B,) m): points farther than about that count little
    (Geman-McClure), so that a falling series finds the way from far and ends precise.
    """
    radius = bank.diameter[model] / 2
    for scale in scales:
        local = to_object(rotation, translation, points)
        distance, gradient = bank.distance(model, local)
        squared = scale**2 if isinstance(scale, float) else (scale**2)[:, None]
        weight = (squared / (squared + distance**2)) ** 2
        rows = field_rows(local, gradient)
        weighted = (rows * weight[..., None]).transpose(1, 2)
        step = solve(weighted @ rows, (weighted @ distance[..., None])[..., 0], radius)
        rotation, translation = stepped(rotation, translation, step)
    return rotation, translation
