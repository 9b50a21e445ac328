"""Pairs of opposite contacts: places where two fingers can press towards each other without slipping.

A pair is antipodal if the line between its contacts lies within the friction cone of both (Nguyen,
"Constructing force-closure grasps", 1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.grasp.skin import Rays, Skin
from pose_ros.geometry.rigid import rotation_exp

THINNEST = 0.0008  # m; thinner is a flaw of the mesh
CELL, TURN = 0.006, 0.35  # m, rad: pairs in one cell of this size are one


@dataclass(frozen=True)
class Pairs:
    """M pairs: places first, second (M,3) m; outward normals there; slant (M,) rad, the worse of the angles
    between the line and the two normals."""

    first: np.ndarray
    second: np.ndarray
    first_normal: np.ndarray
    second_normal: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    @property
    def width(self) -> np.ndarray:
        return np.linalg.norm(self.second - self.first, axis=1)

    @property
    def axis(self) -> np.ndarray:
        """(M,3) unit, from first to second."""
        return (self.second - self.first) / np.maximum(self.width, 1e-12)[:, None]

    @property
    def slant(self) -> np.ndarray:
        first = -(self.axis * self.first_normal).sum(1)
        second = (self.axis * self.second_normal).sum(1)
        return np.arccos(np.clip(np.minimum(first, second), -1, 1))

    def select(self, chosen: np.ndarray) -> Pairs:
        return Pairs(*(values[chosen] for values in vars(self).values()))


def antipodal_pairs(
    skin: Skin, rays: Rays, friction_angle: float, count: int, rng: np.random.Generator
) -> Pairs:
    """Pairs of any width whose line lies in both friction cones (half angle in rad).

    From `count` points of the skin, rays go inwards along the normal and at random within the cone; every
    surface at which they leave the object again is a partner.
    """
    start = rng.choice(len(skin), min(count, len(skin)), replace=False)
    start = np.concatenate([start, start])
    inward = -skin.normals[start]
    half = len(start) // 2
    inward[half:] = _tilted(inward[half:], friction_angle, rng)
    origin = skin.points[start]
    ray, place, normal = rays.through(origin - 1e-7 * inward, inward)
    along = ((place - origin[ray]) * inward[ray]).sum(1)
    pairs = Pairs(origin[ray], place, skin.normals[start[ray]], normal)
    # What is left on the other side must be open: a finger has to come there.
    leaves = (along > THINNEST) & ((normal * inward[ray]).sum(1) > 0)
    pairs = pairs.select(leaves)
    pairs = pairs.select(pairs.slant < friction_angle)
    return pairs.select(rays.depth(pairs.second, pairs.axis) < 0.5)


def thinned(pairs: Pairs, most: int) -> Pairs:
    """At most `most` pairs, the straightest of those that lie in one cell of place and direction."""
    order = np.argsort(pairs.slant, kind="stable")
    pairs = pairs.select(order)
    axis = pairs.axis * np.where(pairs.axis @ [1.0, 0.618, 0.382] < 0, -1, 1)[:, None]
    place = np.concatenate([(pairs.first + pairs.second) / 2 / CELL, axis / TURN], axis=1)
    while True:
        key = np.round(place).astype(int)
        chosen = np.sort(np.unique(key, axis=0, return_index=True)[1])
        if len(chosen) <= most:
            return pairs.select(chosen)
        place /= 1.08


def _tilted(directions: np.ndarray, most: float, rng: np.random.Generator) -> np.ndarray:
    """Each turned by a random angle of at most `most` rad about a random axis across it."""
    across = np.cross(directions, rng.normal(size=directions.shape))
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    angle = most * np.sqrt(rng.random(len(directions)))
    return np.einsum("nij,nj->ni", rotation_exp(across * angle[:, None]), directions)
