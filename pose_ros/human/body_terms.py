"""Normal equations J'WJ, J'Wr of the body fit, the derivatives that make J, and the terms of habit.

Unknowns of a person, U = 54: root (3) m, small turns of the 15 local joints (45) in the camera's axes,
phenotype (6). A row is the derivative of a residual by them; residuals are scaled by their sigma.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pose_ros.body.posing import Posed, Poser, Rest
from pose_ros.body.rig import PARENTS, SEGMENTS
from pose_ros.body.rotations import exp_rotation, left_jacobian, log_rotation, skew

TURNS = slice(3, 48)
SHAPE = slice(48, 54)
UNKNOWNS = 54

# Rest of each local joint (rotation vector in its carrier's frame, left side) and how far it strays, rad.
HABITS = {
    "chest": ((0, 0.05, 0), (0.2, 0.3, 0.3)), "head": ((0, 0, 0), (0.3, 0.4, 0.5)),
    "shoulder": ((0.35, -0.5, 0), (0.9, 1.1, 0.8)), "elbow": ((0, -0.6, 0), (0.12, 1.0, 0.15)),
    "hand": ((0, 0, 0), (0.15, 0.3, 0.6)), "hip": ((0.08, -0.3, 0), (0.3, 0.8, 0.4)),
    "knee": ((0, 0.4, 0), (0.1, 0.9, 0.15)), "foot": ((0, 0, 0), (0.2, 0.4, 0.25)),
}  # fmt: skip
HINGE_LIMIT = 0.08  # rad; how far an elbow or knee bends the wrong way


@dataclass
class Normal:
    """Normal equations of N people, and what they cost."""

    matrix: torch.Tensor  # (N,54,54)
    right: torch.Tensor  # (N,54)

    @classmethod
    def zeros(cls, people: int, device: torch.device) -> Normal:
        return cls(
            torch.zeros(people, UNKNOWNS, UNKNOWNS, device=device),
            torch.zeros(people, UNKNOWNS, device=device),
        )

    def add(self, rows: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor) -> None:
        """rows (N,R,54), residual (N,R), weight (N,R): pulls the residual to 0."""
        weighed = rows * weight[..., None]
        self.matrix += weighed.transpose(-1, -2) @ rows
        self.right -= (weighed * residual[..., None]).sum(1)


class Slopes:
    """Derivatives of one posed body by its unknowns."""

    def __init__(self, poser: Poser, rest: Rest, slopes: Rest, posed: Posed, turned: torch.Tensor) -> None:
        self.poser, self.rest, self.posed = poser, rest, posed
        n, groups = posed.heads.shape[:2]
        self._turns = poser.turns_of_groups(turned).reshape(n, groups * 3, 45)
        # How the phenotype moves the groups' heads: as the heads themselves, from a root that stays.
        six = slopes.heads.view(n, 6, groups, 3)
        rotations = posed.rotations[:, None].expand(n, 6, groups, 3, 3).reshape(-1, groups, 3, 3)
        heads = poser.heads_of(rotations, slopes.heads, torch.zeros(n * 6, 3, device=poser.device))
        self._heads = heads.view(n, 6, groups, 3)
        self._shifts = self._heads - torch.einsum("ngab,nsgb->nsga", posed.rotations, six)
        self._vertices = slopes.vertices.view(n, 6, -1, 3)
        self._moments = slopes.moments.view(n, 6, -1, groups, 3)

    def of_joints(self) -> torch.Tensor:
        """(N,17,3,54): key points."""
        posed, poser = self.posed, self.poser
        n = len(posed.heads)
        own = torch.einsum("ngab,njgb->njga", posed.rotations, self.rest.moments)
        levers = poser.levers(own, poser.joint_loads.expand(n, -1, -1), posed.heads)
        joints = levers.shape[1]
        crosses = -skew(levers).permute(0, 1, 3, 2, 4).reshape(n, joints * 3, -1)
        turns = (crosses @ self._turns).view(n, joints, 3, 45)
        shape = torch.einsum("ngab,nsjgb->njas", posed.rotations, self._moments)
        shape = shape + torch.einsum("jg,nsga->njas", poser.joint_weights, self._heads)
        root = torch.eye(3, device=poser.device).expand(n, joints, 3, 3)
        return torch.cat([root, turns, shape], dim=-1)

    def of_vertices(self, chosen: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        """(N,M,54): vertices `chosen` (N,M), along directions (N,M,3)."""
        posed, poser = self.posed, self.poser
        n, m = chosen.shape
        weights, loads = poser.vertex_weights[chosen], poser.vertex_loads[chosen]
        x = torch.gather(self.rest.vertices, 1, chosen[..., None].expand(n, m, 3))
        local = x[:, :, None] - self.rest.heads[:, None]  # (N,M,G,3)
        own = torch.einsum("ngab,nmgb->nmga", posed.rotations, local) * weights[..., None]
        levers = poser.levers(own, loads, posed.heads)
        moments = torch.linalg.cross(levers, direction[:, :, None].expand_as(levers), dim=-1)
        turns = moments.reshape(n, m, -1) @ self._turns
        mixed = torch.gather(posed.mixed, 1, chosen[..., None, None].expand(n, m, 3, 3))
        back = (direction[:, :, None] @ mixed)[:, :, 0]  # the direction in the rest pose
        slope = torch.gather(self._vertices, 2, chosen[:, None, :, None].expand(n, 6, m, 3))
        shape = torch.einsum("nma,nsma->nms", back, slope)
        shift = torch.einsum("nmg,nsga->nmsa", weights, self._shifts)
        shape = shape + (shift @ direction[..., None])[..., 0]
        return torch.cat([direction, turns, shape], dim=-1)


class Habit:
    """Gaussian prior on local joints, with elbows and knees that bend one way only."""

    def __init__(self, poser: Poser) -> None:
        means, sigmas = [], []
        for name in SEGMENTS[1:]:
            mean, sigma = HABITS[name.split("_")[-1]]
            mirror = -1.0 if name.startswith("right") else 1.0
            means.append([mirror * mean[0], mean[1], mirror * mean[2]])
            sigmas.append(sigma)
        self._mean = exp_rotation(torch.tensor(means, device=poser.device))
        self._sigma = torch.tensor(sigmas, device=poser.device)
        self._parents = torch.tensor([SEGMENTS.index(PARENTS[s]) for s in SEGMENTS[1:]], device=poser.device)
        # Segment, axis, unknown and axis of the turn of each entry of the rows.
        segment, axis, turn = torch.meshgrid(
            torch.arange(14), torch.arange(3), torch.arange(3), indexing="ij"
        )
        unknown = TURNS.start + 3 * (segment + 1) + turn  # the pelvis has no habit
        self._at = [index.reshape(-1).to(poser.device) for index in (segment, axis, unknown, turn)]
        hinges = [(s - 1, sign) for s, name in enumerate(SEGMENTS)
                  for part, sign in (("elbow", -1.0), ("knee", 1.0)) if name.endswith(part)]  # fmt: skip
        self._hinges = torch.tensor([s for s, _ in hinges], device=poser.device)
        self._signs = torch.tensor([sign for _, sign in hinges], device=poser.device)

    def add_to(self, normal: Normal, frames: torch.Tensor, weight: float) -> None:
        """frames (N,15,3,3): camera_from_segment."""
        n = len(frames)
        carrier = frames[:, self._parents]
        off = self._mean.transpose(-1, -2) @ carrier.transpose(-1, -2) @ frames[:, 1:]
        phi = log_rotation(off)
        turn = torch.linalg.inv(left_jacobian(phi)) @ self._mean.transpose(-1, -2) @ carrier.transpose(-1, -2)
        rows = torch.zeros(n, 14, 3, UNKNOWNS, device=frames.device)
        rows[:, self._at[0], self._at[1], self._at[2]] = turn[:, self._at[0], self._at[1], self._at[3]]
        strength = (weight / self._sigma**2).expand(n, 14, 3)
        normal.add(rows.view(n, 42, -1), phi.reshape(n, 42), strength.reshape(n, 42))
        relative = log_rotation(carrier[:, self._hinges].transpose(-1, -2) @ frames[:, 1 + self._hinges])
        wrong = (-relative[..., 1] * self._signs).clamp_min(0)  # rad of bend the wrong way
        bend = rows[:, self._hinges, 1]  # the mean of a hinge turns about y, too
        normal.add(bend, -wrong * self._signs, (wrong > 0) * (weight / HINGE_LIMIT**2))

    def change(self, before: torch.Tensor, now: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows (N,45,54) and residual (N,45): how far each local joint turned between poses (N,15,3,3).

        The root's own turn is the first. All are rotation vectors in the camera's axes.
        """
        n = len(now)
        parents = torch.cat([self._parents.new_zeros(1), self._parents])
        way = now @ before.transpose(-1, -2)  # of each segment
        carried = way[:, parents].clone()
        carried[:, 0] = torch.eye(3, device=now.device)
        phi = log_rotation(way @ carried.transpose(-1, -2))
        rows = torch.zeros(n, 45, UNKNOWNS, device=now.device)
        index = torch.arange(45, device=now.device)
        rows[:, index, TURNS.start + index] = 1.0
        return rows, phi.reshape(n, 45)


def robust(residual: torch.Tensor, scale: float | torch.Tensor) -> torch.Tensor:
    """Geman and McClure's weight: 1 for small residuals, falling as their fourth power beyond `scale`."""
    return 1 / (1 + (residual / scale) ** 2) ** 2
