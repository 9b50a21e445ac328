"""Which motions bring a shape, and its colours, onto itself."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.bank import Bank
from pose_ros.objects.fit import fit_to_field, to_object
from pose_ros.objects.so3 import angle_between, even_rotations, orthogonal
from pose_ros.objects.surface import Surface
from pose_ros.types import Symmetries

ROTATIONS = 4000  # tried, about 16 degrees apart
KEPT = 400  # of them are refined
POINTS = 500  # of the surface that are compared
# How far a surface may miss itself, of the diameter. Designs are exact; scans of real things are not.
MEAN_ERROR, MOST_ERROR = 0.0075, 0.02  # on average; all but the worst of it
WORST = 0.03  # of the surface
CLEARLY_WORSE = 6.0  # times the best symmetry's error: of an exact design that is no symmetry
EXACT = 0.05  # of the tolerance: errors below it are those of the grid
SAME = np.radians(8)  # turns nearer than this are one
TURNS = 24  # about an axis that are tried to find a continuous symmetry


class SymmetryFinder:
    """Looks for symmetries of one model by fitting its surface to its own distance field."""

    def __init__(self, bank: Bank, surface: Surface) -> None:
        """`bank` holds just this model."""
        self._bank = bank
        chosen = np.linspace(0, len(surface.points) - 1, POINTS).astype(int)
        middle = bank.center[0].numpy()
        self._offset = middle.astype(float)
        self._points = torch.as_tensor(surface.points[chosen] - middle, dtype=torch.float32)
        self._center = self._points.mean(0)
        self._diameter = float(bank.diameter[0])

    def shape(self) -> Symmetries:
        """Symmetries of the shape alone, in the mesh's frame."""
        return self._about_center().shifted(self._offset)

    def _about_center(self) -> Symmetries:
        turns, moves, limit = self._symmetric(torch.as_tensor(even_rotations(ROTATIONS), dtype=torch.float32))
        rings = [self._ring(axis, limit) for axis in self._axis_candidates(turns)]
        rings = [ring for ring in rings if ring is not None]
        center = self._center.numpy().astype(float)
        if not rings:
            return Symmetries(_motions(*_closed(*_distinct(turns, moves))))
        axes = [axis for axis, _ in rings]
        axis, center = rings[0]
        if any(abs(float(axis @ other)) < 0.9 for other in axes):
            return Symmetries(Symmetries.none().discrete, None, True, self._center.numpy().astype(float))
        flipped = (turns @ axis) @ axis < -0.99
        motions = Symmetries.none().discrete
        if flipped.any():
            both = (
                torch.stack([torch.eye(3), turns[flipped][0]]),
                torch.stack([torch.zeros(3), moves[flipped][0]]),
            )
            motions = _motions(*both)
        return Symmetries(motions, axis.numpy().astype(float), False, center)

    def _error(self, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        """How far (B,) the moved surface lies from the surface; up to 1 it counts as the same."""
        model = torch.zeros(len(rotation), dtype=torch.long)
        distance, _ = self._bank.distance(model, to_object(rotation, translation, self._points))
        distance = distance.abs() / self._diameter
        return torch.maximum(distance.mean(1) / MEAN_ERROR, distance.quantile(1 - WORST, dim=1) / MOST_ERROR)

    def _symmetric(self, turns: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Of these turns about the centre those that, once fitted, are symmetries; each with its shift.

        And the error below which they are.
        """
        shift = self._center - turns @ self._center
        best = self._error(turns, shift).argsort()[:KEPT]
        turns, shift = turns[best], shift[best]
        model = torch.zeros(len(turns), dtype=torch.long)
        scales = [0.05 * self._diameter] * 4 + [0.02 * self._diameter] * 4
        turns, shift = fit_to_field(self._bank, model, turns, shift, self._points, scales)
        error = self._error(turns, shift)
        identity = torch.eye(3, device=turns.device)
        others = error[angle_between(turns, identity) > 2 * SAME]
        # Exact designs have symmetries far below the tolerance; what lies above them by far is none.
        limit = min(1.0, CLEARLY_WORSE * max(float(others.min()), EXACT)) if len(others) else 1.0
        order = error.argsort()
        good = order[error[order] < limit]
        return turns[good], shift[good], limit

    def _axis_candidates(self, turns: torch.Tensor) -> list[torch.Tensor]:
        """Directions about which the shape may be round: its principal axes, and axes of partial turns."""
        spread = torch.linalg.eigh(torch.cov((self._points - self._center).T)).eigenvectors.T
        vectors = Rotation.from_matrix(turns.numpy()).as_rotvec() if len(turns) else np.zeros((0, 3))
        angles = np.linalg.norm(vectors, axis=1)
        # Half turns are as well about any axis across a round shape's own.
        partial = (angles > 0.5) & (angles < np.pi - SAME)
        found = vectors[partial] / angles[partial, None]
        axes: list[torch.Tensor] = list(spread)
        for axis in torch.as_tensor(found, dtype=torch.float32):
            if all(abs(float(axis @ other)) < np.cos(SAME) for other in axes) and len(axes) < 16:
                axes.append(axis)
        return axes

    def _ring(self, axis: torch.Tensor, limit: float) -> tuple[torch.Tensor, np.ndarray] | None:
        """The axis, made precise, and a point on it, if all turns about it are symmetries."""
        angles = np.arange(1, TURNS)[:, None] * (2 * np.pi / TURNS)
        turns = torch.as_tensor(Rotation.from_rotvec(angles * axis.numpy()).as_matrix(), dtype=torch.float32)
        shift = self._center - turns @ self._center
        model = torch.zeros(len(turns), dtype=torch.long)
        scales = [0.03 * self._diameter] * 6
        fitted, moved = fit_to_field(self._bank, model, turns, shift, self._points, scales)
        near = angle_between(turns, fitted) < SAME
        if not (near & (self._error(fitted, moved) < limit)).all():
            return None
        # A fitted half turn shows its axis best; every turn keeps the points of the axis where they are.
        vectors = Rotation.from_matrix(fitted.numpy()).as_rotvec()
        vectors *= np.sign(vectors @ axis.numpy())[:, None]
        precise = (vectors * np.sin(angles / 2)).sum(0)
        still = (np.eye(3) - fitted.numpy().astype(float)).reshape(-1, 3)
        center = self._center.numpy().astype(float)
        offset = np.linalg.lstsq(still, moved.numpy().reshape(-1) - still @ center, rcond=0.05)[0]
        return torch.as_tensor(precise / np.linalg.norm(precise), dtype=torch.float32), center + offset


def _distinct(turns: torch.Tensor, moves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The identity and then one of each bunch of turns that are nearly the same."""
    kept, shifts = [torch.eye(3)], [torch.zeros(3)]
    for turn, move in zip(turns, moves, strict=True):
        if all(float(angle_between(turn, other)) > 2 * SAME for other in kept):
            kept.append(turn)
            shifts.append(move)
    return torch.stack(kept), torch.stack(shifts)


def _closed(turns: torch.Tensor, moves: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """With the products of all pairs: two symmetries one after the other are one, too."""
    products = (turns[:, None] @ turns).reshape(-1, 3, 3)
    shifts = ((turns[:, None] @ moves[None, :, :, None])[..., 0] + moves[:, None]).reshape(-1, 3)
    return _distinct(torch.cat([turns[1:], products]), torch.cat([moves[1:], shifts]))


def _motions(turns: torch.Tensor, moves: torch.Tensor) -> RigidTransform:
    return RigidTransform(orthogonal(turns.numpy().astype(float)), moves.numpy().astype(float))


COLOR_MEAN = 9.0  # of 255: two sides that differ less on average ...
COLOR_MOST = 45.0  # ... and less than this in all but a twentieth of their surface look alike


def color_symmetries(shape: Symmetries, surface: Surface) -> Symmetries:
    """The part of a shape's symmetries that its colours have, too."""
    tree = cKDTree(surface.points)

    def alike(motions: RigidTransform) -> np.ndarray:
        same = []
        for rotation, translation in zip(motions.rotation, motions.translation, strict=True):
            other = tree.query(surface.points @ rotation.T + translation)[1]
            difference = np.abs(surface.colors - surface.colors[other]).mean(1)
            same.append(difference.mean() < COLOR_MEAN and np.percentile(difference, 95) < COLOR_MOST)
        return np.array(same)

    if shape.is_continuous:
        ring = Symmetries(Symmetries.none().discrete, shape.axis, shape.is_sphere, shape.center)
        if alike(ring.sampled(TURNS)).all():
            kept = alike(shape.discrete)
            return Symmetries(_select(shape.discrete, kept), shape.axis, shape.is_sphere, shape.center)
        return Symmetries.none()
    return Symmetries(_select(shape.discrete, alike(shape.discrete)))


def _select(motions: RigidTransform, chosen: np.ndarray) -> RigidTransform:
    chosen = chosen.copy()
    chosen[0] = True  # the identity is always one
    return RigidTransform(motions.rotation[chosen], motions.translation[chosen])
