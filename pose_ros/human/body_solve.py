"""Damped Gauss-Newton on bodies: root, 15 joints, six numbers of shape; all people at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pose_ros.body.posing import Posed, Poser
from pose_ros.body.rotations import exp_rotation
from pose_ros.config import option
from pose_ros.human.body_bias import Bias
from pose_ros.human.body_terms import SHAPE, UNKNOWNS, Habit, Normal, Slopes
from pose_ros.human.body_view import BodyView, add_view
from pose_ros.human.segment import SegmentConfig

AFRESH = 4  # steps for which the body is linear in its shape
FLOOR = 0.01  # m; a joint's centre is not known better than this


@dataclass(frozen=True)
class BodyFitConfig:
    points: int = option(500, "depth points a person", range=(50, 20000))
    first_steps: int = option(8, "steps on key points only, for who is new", range=(0, 100))
    cold_steps: int = option(8, "further steps with depth, for who is new", range=(1, 100))
    steps: int = option(4, "steps a frame", range=(1, 100))
    pixel_sigma: float = option(
        5.0, "standard deviation of a key point at 1 px = 4 mm", unit="px", range=(0.1, 100.0)
    )
    rough_sigma: float = option(0.08, "standard deviation of the rough joints", unit="m", range=(0.005, 2.0))
    depth_sigma: float = option(
        0.01, "standard deviation of skin from depth, near by", unit="m", range=(0.001, 0.2)
    )
    depth_noise: float = option(
        0.0015, "noise of depth at 1 m; it grows as the square", unit="m", range=(0.0, 0.05)
    )
    independent: float = option(
        300.0, "depth points weigh together as so many independent ones", range=(1.0, 1e5)
    )
    outline: float = option(0.5, "weight of free space against that of depth", range=(0.0, 10.0))
    habit: float = option(2.0, "weight of how people hold their joints", range=(0.0, 100.0))
    turn_rate: float = option(4.0, "how fast joints turn", unit="rad/s", range=(0.1, 100.0))
    learn: float = option(0.5, "part of a frame's information on shape that is kept", range=(0.0, 1.0))
    shape_frames: float = option(
        60.0, "so many frames tell the shape, older ones fade", unit="frames", range=(1.0, 1e6)
    )
    cloth: float = option(0.007, "thickness of clothes", unit="m", range=(0.0, 0.1))
    forget_after: float = option(1.0, "a person unseen for so long starts anew", unit="s", range=(0.0, 60.0))
    segment: SegmentConfig = field(default_factory=SegmentConfig)


@dataclass(frozen=True)
class Bodies:
    """N bodies on the fit's device: turned (N,15,3,3) and root (N,3) as Poser's, shape (N,6).

    information (N,6,6): what is known of the shape, the inverse of its covariance.
    """

    turned: torch.Tensor
    root: torch.Tensor
    shape: torch.Tensor
    information: torch.Tensor

    def select(self, chosen: Sequence[int]) -> Bodies:
        at = torch.as_tensor(list(chosen), dtype=torch.long, device=self.root.device)
        return Bodies(self.turned[at], self.root[at], self.shape[at], self.information[at])

    @staticmethod
    def joined(parts: Sequence[Bodies]) -> Bodies:
        names = ("turned", "root", "shape", "information")
        return Bodies(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


@dataclass(frozen=True)
class Solution:
    """Bodies (N), the last normal equations, slopes of the key points (N,17,3,54)."""

    bodies: Bodies
    normal: Normal
    of_joints: torch.Tensor

    def select(self, chosen: Sequence[int]) -> Solution:
        at = list(chosen)
        normal = Normal(self.normal.matrix[at], self.normal.right[at])
        return Solution(self.bodies.select(at), normal, self.of_joints[at])

    @staticmethod
    def joined(parts: Sequence[Solution]) -> Solution:
        normal = Normal(
            torch.cat([part.normal.matrix for part in parts]),
            torch.cat([part.normal.right for part in parts]),
        )
        return Solution(
            Bodies.joined([part.bodies for part in parts]),
            normal,
            torch.cat([part.of_joints for part in parts]),
        )

    def covariance(self) -> np.ndarray:
        """(N,17,3,3) m² of the joints' centres."""
        matrix = self.normal.matrix.double()
        matrix = matrix + 1e-6 * torch.eye(UNKNOWNS, device=matrix.device)
        rows = self.of_joints.double()
        spread = torch.linalg.solve(matrix[:, None], rows.transpose(-1, -2))
        return (rows @ spread).cpu().numpy() + np.eye(3) * FLOOR**2


class Solver:
    """Moves bodies until they agree with what is seen."""

    def __init__(self, config: BodyFitConfig, poser: Poser, bias: Bias) -> None:
        self.config, self.poser, self._bias = config, poser, bias
        self._habit = Habit(poser)

    def posed(self, bodies: Bodies) -> Posed:
        return self.poser.pose(self.poser.rest(bodies.shape), bodies.turned, bodies.root)

    def improve(
        self,
        bodies: Bodies,
        view: BodyView,
        steps: int,
        depth: bool = True,
        seconds: Sequence[float] | None = None,
    ) -> Solution:
        """So many steps. seconds: since the bodies were so; None where they are a mere guess."""
        poser, config = self.poser, self.config
        before, rest, slopes_of_rest, known = bodies, None, None, bodies.shape
        normal, of_joints = Normal.zeros(len(bodies.root), poser.device), None
        # Robust scales begin wide, the wider the less the start is known.
        wide = 3.0 if seconds is None else min(3.0, 15 * max(seconds))
        for step in range(steps):
            if step % AFRESH == 0:
                known, rest = bodies.shape, poser.rest(bodies.shape)
                slopes_of_rest = poser.rest_slopes(known)
            else:
                rest = rest.moved(slopes_of_rest, bodies.shape - known)
                known = bodies.shape
            posed = poser.pose(rest, bodies.turned, bodies.root)
            slopes = Slopes(poser, rest, slopes_of_rest, posed, bodies.turned)
            normal = Normal.zeros(len(bodies.root), poser.device)
            of_joints = slopes.of_joints()
            frames = bodies.turned @ poser.rest_frames
            loose = 1 + wide * (1 - step / max(steps - 1, 1))
            biased = posed.joints + self._bias(frames)
            add_view(normal, view, posed, slopes, of_joints, biased, config, depth, loose)
            self._habit.add_to(normal, frames, config.habit)
            self._add_memory(normal, bodies, before, seconds)
            bodies = self._step(bodies, normal)
        return Solution(bodies, normal, of_joints)

    def _add_memory(
        self, normal: Normal, bodies: Bodies, before: Bodies, seconds: Sequence[float] | None
    ) -> None:
        """The learned shape, and the pose of the last frame where it is not long ago."""
        normal.matrix[:, SHAPE, SHAPE] += before.information
        pull = before.information @ (before.shape - bodies.shape)[..., None]
        normal.right[:, SHAPE] += pull[..., 0]
        if seconds is None:
            return
        gap = torch.tensor(seconds, dtype=torch.float32, device=bodies.root.device).clamp_min(1e-3)
        root = 1 / (0.02 + 2.0 * gap) ** 2
        turn = 1 / (0.03 + self.config.turn_rate * gap) ** 2
        index = torch.arange(3, device=gap.device)
        normal.matrix[:, index, index] += root[:, None]
        normal.right[:, :3] += root[:, None] * (before.root - bodies.root)
        # Each local joint by itself: what it turned since, seen from its carrier's side.
        rows, residual = self._habit.change(before.turned, bodies.turned)
        normal.add(rows, residual, turn[:, None].expand(residual.shape))

    def _step(self, bodies: Bodies, normal: Normal) -> Bodies:
        matrix = normal.matrix.double()
        damping = torch.full((UNKNOWNS,), 2.0, dtype=torch.float64, device=matrix.device)
        damping[:3] = 100.0
        matrix = (
            matrix + torch.diag(damping) + 1e-3 * torch.diag_embed(torch.diagonal(matrix, dim1=1, dim2=2))
        )
        change = torch.linalg.solve(matrix, normal.right.double()).float()
        local = change[:, 3:48].view(-1, 15, 3)
        size = local.norm(dim=-1, keepdim=True)
        local = local * (0.5 / size.clamp_min(0.5))
        turn = torch.einsum("st,nta->nsa", self.poser.follows, local)
        return replace(
            bodies,
            turned=exp_rotation(turn) @ bodies.turned,
            root=bodies.root + change[:, :3].clamp(-0.3, 0.3),
            shape=(bodies.shape + change[:, SHAPE].clamp(-0.15, 0.15)).clamp(0.02, 0.98),
        )

    def learned(self, solution: Solution, prior: torch.Tensor, trusted: torch.Tensor) -> Bodies:
        """The bodies, with what this frame tells of shape (the pose eliminated) added to what is known.

        prior (6,6): information before any frame. trusted (N,) bool: the others' frames tell nothing.
        """
        h, before = solution.normal.matrix.double(), solution.bodies.information.double()
        pose = h[:, : SHAPE.start, : SHAPE.start] + 1e-3 * torch.eye(SHAPE.start, device=h.device)
        cross = h[:, : SHAPE.start, SHAPE]
        marginal = h[:, SHAPE, SHAPE] - cross.transpose(-1, -2) @ torch.linalg.solve(pose, cross)
        gained = (marginal - before) * self.config.learn * trusted[:, None, None]
        known = prior + (before - prior) * (1 - 1 / self.config.shape_frames)
        information = known + (gained + gained.transpose(-1, -2)) / 2
        return replace(solution.bodies, information=information.float())

    def misfit(self, bodies: Bodies, view: BodyView) -> tuple[torch.Tensor, torch.Tensor]:
        """As BodyView.misfit."""
        posed = self.posed(bodies)
        biased = posed.joints + self._bias(bodies.turned @ self.poser.rest_frames)
        return view.misfit(posed, self.poser, biased, self.config)
