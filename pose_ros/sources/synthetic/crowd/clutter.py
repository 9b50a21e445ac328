"""Solids that stand in the way, behind people or under those who sit."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.solids import Solid, Texture
from pose_ros.sources.synthetic.textures import fabric, paint, painting, plain, wood

_TEXTURES = (fabric, paint, painting, wood)


def clutter(
    rng: np.random.Generator, camera: PinholeCamera, world_from_camera: RigidTransform, reach: float
) -> list[Solid]:
    """Up to four boxes, cylinders and ellipsoids anywhere in sight; those nearer than `reach` m, where people
    are, stay small in the picture, so that they hide parts of them and seldom all.
    """
    solids = []
    for _ in range(int(rng.choice(5, p=[0.4, 0.25, 0.2, 0.1, 0.05]))):
        pixel = rng.uniform((0, 0), (camera.width, camera.height))
        depth = reach * (rng.uniform(0.5, 0.95) if rng.random() < 0.5 else rng.uniform(1.1, 2.0))
        centre = world_from_camera.apply(camera.rays(pixel) * depth)
        largest = 0.18 * depth * min(camera.width, camera.height) / camera.fx
        size = rng.uniform(0.15, 1.0, 3) * largest * (1 if depth < reach else 1.5)
        kind = str(rng.choice(["box", "cylinder", "ellipsoid"]))
        solids.append(Solid(kind, centre, size, float(rng.uniform(-np.pi, np.pi)), _texture(rng)))
    return solids


def ground(rng: np.random.Generator) -> Solid:
    """A floor without walls."""
    size = np.array([*rng.uniform(3, 8, 2), 0.01])
    return Solid("box", np.array([3.0, 0.0, -0.011]), size, float(rng.uniform(-0.4, 0.4)), _texture(rng))


def _texture(rng: np.random.Generator) -> Texture:
    if rng.random() < 0.25:
        return plain(rng.uniform(0, 1, 3))
    return _TEXTURES[rng.integers(len(_TEXTURES))](rng)
