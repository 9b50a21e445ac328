"""Tables, floors, walls, lamps and cameras. World: z up, the table's top at z = 0 about the origin."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects.render import Stage
from pose_ros.sources.synthetic.solids import Solid, Texture
from pose_ros.sources.synthetic.textures import fabric, floor, paint, painting, plain, speckled, wood


def solid(kind: str, centre, half, yaw: float, texture: Texture) -> Solid:
    return Solid(kind, np.array(centre, float), np.array(half, float), yaw, texture)


def finer(texture: Texture, factor: float) -> Texture:
    """A room's texture as a table has it."""
    return lambda points: texture(points * factor)


def surface(rng: np.random.Generator) -> Texture:
    kind = rng.choice(["wood", "paint", "fabric", "speckled", "painting"], p=[0.35, 0.25, 0.15, 0.15, 0.1])
    if kind == "wood":
        return finer(wood(rng), 4)
    if kind == "fabric":
        return finer(fabric(rng), 2)
    if kind == "painting":
        return finer(painting(rng), 5)
    return (
        paint(rng) if kind == "paint" else finer(speckled(rng, rng.uniform(0.15, 0.85) * np.ones(3), 0.3), 15)
    )


def draw_stage(rng: np.random.Generator, azimuth: float, more: tuple[Solid, ...] = ()) -> Stage:
    """A table, walls behind it as seen from `azimuth` (rad, where the camera stands), lamps, and `more`."""
    away = np.array([-np.cos(azimuth), -np.sin(azimuth)])
    yaw = azimuth + rng.normal(0, 0.25)
    length, width = rng.uniform(0.55, 0.9), rng.uniform(0.4, 0.6)
    back = rng.uniform(0.7, 1.6)
    parts = [
        solid("box", (0, 0, -0.015), (width, length, 0.015), yaw, surface(rng)),
        solid("box", (0, 0, -0.78), (4, 4, 0.03), yaw, floor(rng)),
        solid("box", (*(away * (back + 0.05)), 0.5), (0.05, 4, 1.5), yaw, paint(rng)),
    ]
    if rng.random() < 0.5:
        side = np.array([-away[1], away[0]]) * rng.choice([-1, 1]) * rng.uniform(0.9, 1.4)
        parts.append(solid("box", (*side, 0.5), (4, 0.05, 1.5), yaw, paint(rng)))
    for _ in range(rng.integers(0, 4)):  # things on the floor or on shelves behind
        spot = away * rng.uniform(0.6, 0.95) * back + np.array([-away[1], away[0]]) * rng.uniform(-0.7, 0.7)
        half = rng.uniform(0.05, 0.2, 3)
        look = surface(rng) if rng.random() < 0.7 else plain(rng.uniform(0, 1, 3))
        parts.append(
            solid("box", (*spot, -0.75 + half[2] + rng.uniform(0, 0.6)), half, rng.uniform(0, 3), look)
        )
    lamps = tuple(
        (
            np.array([rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), rng.uniform(1.1, 1.9)]),
            rng.uniform(0.8, 2.0) * np.array([1.0, rng.uniform(0.88, 1.0), rng.uniform(0.72, 1.0)]),
        )
        for _ in range(rng.integers(1, 3))
    )
    return Stage(tuple(parts) + more, lamps, np.full(3, rng.uniform(0.25, 0.5)) * rng.uniform(0.92, 1.0, 3))


def riser(rng: np.random.Generator, reach: float) -> Solid:
    """A second plane to stand on, higher than the table: a box at its edge."""
    half = np.append(rng.uniform(0.09, 0.14, 2), rng.uniform(0.02, 0.07))
    angle = rng.uniform(0, 2 * np.pi)
    spot = (reach - 0.02) * np.array([np.cos(angle), np.sin(angle)])
    return solid("box", (*spot, half[2]), half, rng.uniform(0, 3), surface(rng))


def bin_walls(rng: np.random.Generator, inner: np.ndarray, height: float) -> tuple[Solid, ...]:
    """Four walls about the origin; inner (2,): half sizes m."""
    thick, look = 0.004, paint(rng)
    x, y = inner
    return tuple(
        solid("box", (*centre, height / 2), (*half, height / 2), 0, look)
        for centre, half in (
            ((x + thick, 0), (thick, y + 2 * thick)), ((-x - thick, 0), (thick, y + 2 * thick)),
            ((0, y + thick), (x, thick)), ((0, -y - thick), (x, thick)),
        )
    )  # fmt: skip


def draw_camera(rng: np.random.Generator, width: int, height: int) -> PinholeCamera:
    """A camera of the RealSense, Orbbec or Kinect kind: 500 to 900 px at 640 px of width."""
    focal = rng.uniform(500, 900) * width / 640
    centre = (np.array([width, height]) - 1) / 2 + rng.uniform(-0.015, 0.015, 2) * width
    return PinholeCamera(focal, focal * rng.uniform(0.997, 1.003), *centre, width, height)


def look_at(
    target: np.ndarray, azimuth: float, elevation: float, distance: float, roll: float = 0.0
) -> RigidTransform:
    """world_from_camera of a camera at that place about the target (3,) m, in optical axes."""
    back = np.array(
        [np.cos(azimuth) * np.cos(elevation), np.sin(azimuth) * np.cos(elevation), np.sin(elevation)]
    )
    right = np.cross(-back, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(-back, right), -back], axis=1)
    return RigidTransform(rotation @ rotation_exp(np.array([0, 0, roll])), target + distance * back)
