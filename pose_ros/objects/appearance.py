"""Colours break the ties that depth cannot: which of the poses that look alike in shape looks right."""

from __future__ import annotations

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.verify import Sight
from pose_ros.objects.view import View

SPREAD = 40.0  # of 255: a colour that is wrong by more is just wrong
RIDGE = 0.02  # pulls the light towards being the same from everywhere
PLAIN, WORST = 0.15, 1.5  # a picture plainer than this tells little; most that a ratio says against a pose
LEAST_SAMPLES = 12.0  # in sight, else nothing is said
CLIPPED = 250.0  # of 255: a channel as bright as this may be any brighter


def mismatch(
    bank: Bank, model: torch.Tensor, rotation: torch.Tensor, sight: Sight, view: View
) -> tuple[torch.Tensor, torch.Tensor]:
    """How wrong (B,) in [0,1] the colours in sight are once the light has been fitted, and the same over how
    wrong one colour for all would be: below 1 the texture explains the picture, whatever its contrast.

    The light's strength is linear in the surface's normal, one more for each channel's gain: the first order
    of Lambertian reflection. Source: Ramamoorthi & Hanrahan, "An efficient representation for irradiance
    environment maps", 2001. Only samples whose depth fits are compared; where there are hardly any, nothing
    is said: 0.5 and 1.
    """
    seen, expected, weight = compared(bank, model, sight, view)
    plain = (weight[..., None] * expected).sum(1, keepdim=True) / weight.sum(1).clamp_min(1e-6)[:, None, None]
    wrong = _wrong(bank, model, rotation, seen, expected, weight)
    without = _wrong(bank, model, rotation, seen, plain.expand_as(expected), weight)
    enough = (weight > 0).sum(1) >= LEAST_SAMPLES
    ratio = (wrong / without.clamp_min(PLAIN)).clamp_max(WORST)
    return (
        torch.where(enough, wrong, torch.full_like(wrong, 0.5)),
        torch.where(enough, ratio, torch.ones_like(wrong)),
    )


def _wrong(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    seen: torch.Tensor,
    expected: torch.Tensor,
    weight: torch.Tensor,
) -> torch.Tensor:
    lit = expected * light(bank, model, rotation, seen, expected, weight)
    difference = (seen - lit).abs()
    # What is brighter than the sensor tells is not wrong.
    difference = torch.where((seen > CLIPPED) & (lit > CLIPPED), torch.zeros_like(difference), difference)
    wrong = (difference.mean(-1) / SPREAD).clamp_max(1)
    return (weight * wrong).sum(1) / weight.sum(1).clamp_min(1e-6)


def light(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    seen: torch.Tensor,
    expected: torch.Tensor,
    weight: torch.Tensor,
) -> torch.Tensor:
    """Gain (B,S,3) that turns a model's colours (B,S,3) into those that are seen."""
    normals = bank.normals[model, : seen.shape[1]] @ rotation.transpose(1, 2)
    basis = torch.cat([torch.ones_like(normals[..., :1]), normals], -1)
    unclipped = weight[..., None] * (seen < CLIPPED)
    strength = (unclipped * expected**2).sum(-1)
    target = (unclipped * expected * seen).sum(-1)
    curvature = (basis * strength[..., None]).transpose(1, 2) @ basis
    slope = (basis * target[..., None]).sum(1)
    ridge = RIDGE * curvature[:, 0, 0].clamp_min(1.0)
    penalty = torch.tensor([1e-6, 1.0, 1.0, 1.0], device=seen.device)
    gain = torch.linalg.solve(curvature + torch.diag_embed(ridge[:, None] * penalty), slope)
    shade = (basis @ gain[..., None]).clamp(0.1, 4.0)
    lit = expected * shade
    channel = (unclipped * lit * seen).sum(1) / (unclipped * lit * lit).sum(1).clamp_min(1e-3)
    return shade * channel.clamp(0.8, 1.25)[:, None]


def compared(
    bank: Bank, model: torch.Tensor, sight: Sight, view: View
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Colours seen and expected (B,S,3) at the samples, and how much each counts (B,S)."""
    seen = view.color.reshape(-1, 3)[sight.place].float()
    return seen, bank.colors[model, : seen.shape[1]], sight.facing * sight.match
