"""What an image says for and against a pose: the surface that should be in sight, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import to_object
from pose_ros.objects.view import View, depth_sigma

SIGMAS = 3.0  # a depth that differs by more is another surface
GRAZING = 0.12  # cosine; surfaces seen at a flatter angle are not judged


@dataclass(frozen=True)
class Sight:
    """Samples of B posed models as the camera should see them, each (B,S,…) as named.

    points: in the camera's frame. pixel, place, inside: see View.project. facing: cosine to the ray,
    0 where a sample is not in sight. gap: measured minus expected depth, m; tolerance: of it.
    """

    points: torch.Tensor
    local: torch.Tensor
    pixel: torch.Tensor
    place: torch.Tensor
    facing: torch.Tensor
    measured: torch.Tensor
    gap: torch.Tensor
    tolerance: torch.Tensor

    @property
    def match(self) -> torch.Tensor:
        """Where the expected surface was measured."""
        return (self.facing > 0) & (self.measured > 0) & (self.gap.abs() <= self.tolerance)

    @property
    def seen_through(self) -> torch.Tensor:
        """Where something farther was measured: the object cannot be there."""
        return (self.facing > 0) & (self.measured > 0) & (self.gap > self.tolerance)

    @property
    def occluded(self) -> torch.Tensor:
        """Where something nearer was measured."""
        return (self.facing > 0) & (self.measured > 0) & (self.gap < -self.tolerance)

    @property
    def missing(self) -> torch.Tensor:
        """Where nothing was measured."""
        return (self.facing > 0) & (self.measured <= 0)


def look(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    view: View,
    samples: int,
) -> Sight:
    """Project the first `samples` of each model's surface: they are spread evenly however few they are."""
    local, normals = bank.points[model, :samples], bank.normals[model, :samples]
    points = local @ rotation.transpose(1, 2) + translation[:, None]
    distance = points.norm(dim=-1).clamp_min(1e-6)
    facing = -((normals @ rotation.transpose(1, 2)) * points).sum(-1) / distance
    visible = bank.visible[model, bank.view_of(rotation, translation)][:, :samples]
    pixel, place, inside = view.project(points)
    facing = torch.where(visible & inside & (facing > GRAZING), facing, torch.zeros_like(facing))
    measured = view.depth.reshape(-1)[place]
    depth = points[..., 2]
    # A pixel aside, a slanted surface is nearer or farther.
    slope = (1 - facing**2).clamp_min(0).sqrt() / facing.clamp_min(GRAZING)
    tolerance = SIGMAS * depth_sigma(depth) + slope * depth / view.focal[0]
    return Sight(points, local, pixel, place, facing, measured, measured - depth, tolerance)


@dataclass(frozen=True)
class Evidence:
    """For B poses, each (B,) in [0,1].

    match: share of the surface in sight that was measured where expected, of all that nothing hides.
    seen_through: share where something farther was measured. visible: share that nothing hides.
    explained: share of the segment's points that lie on the model. inside: share of the matches that lie
    in the segment. residual: mean distance of explained points, in tolerances.
    """

    match: torch.Tensor
    seen_through: torch.Tensor
    visible: torch.Tensor
    explained: torch.Tensor
    inside: torch.Tensor
    residual: torch.Tensor

    @property
    def fitness(self) -> torch.Tensor:
        """One number to rank hypotheses of one segment by; not a probability."""
        return self.match * self.explained * (0.5 + 0.5 * self.inside) * (1 - self.seen_through)

    def select(self, chosen: torch.Tensor) -> Evidence:
        return Evidence(*(values[chosen] for values in vars(self).values()))


def weigh(
    bank: Bank,
    model: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    sight: Sight,
    points: torch.Tensor,
    in_segment: torch.Tensor,
) -> Evidence:
    """Evidence from what is in sight, and from the segment: its points (B,P,3), samples within it (B,S)."""
    weight = sight.facing
    total = weight.sum(-1).clamp_min(1e-6)

    def share(which: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
        return (weight * which).sum(-1) / of.clamp_min(1e-6)

    match, through = sight.match, sight.seen_through
    hidden = share(sight.occluded, total)
    # What was not measured speaks half against: shiny and dark things are full of holes.
    judged = share(match, total) + share(through, total) + 0.5 * share(sight.missing, total)
    distance, _ = bank.distance(model, to_object(rotation, translation, points))
    tolerance = SIGMAS * depth_sigma(points[..., 2]) + 0.3 * bank.voxel[model, None]
    near = distance.abs() < tolerance
    residual = (distance.abs() / tolerance).clamp_max(1).mean(-1)
    return Evidence(
        share(match, total) / judged.clamp_min(1e-6),
        share(through, total) / judged.clamp_min(1e-6),
        1 - hidden,
        near.float().mean(-1),
        share(match & in_segment, (weight * match).sum(-1)),
        residual,
    )
