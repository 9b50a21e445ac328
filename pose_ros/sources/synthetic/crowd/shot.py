"""Where people of one picture stand, and the camera that takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

SIZES = ((320, 240), (320, 240), (320, 240), (240, 320), (288, 256), (352, 224))  # width, height
APART = 0.45  # m between two people at least
PEOPLE = (0.36, 0.32, 0.2, 0.12)  # how often there are one, two, three, four
NEAREST, FARTHEST = 1.1, 6.0  # m, of whom the camera looks at


@dataclass(frozen=True)
class Shot:
    """camera at world_from_camera. feet (N,2) m: where people stand, N - 1 behind or beside the first.

    heading (N,) rad, 0 looks along x. reach: distance of the first, m.
    """

    camera: PinholeCamera
    world_from_camera: RigidTransform
    feet: np.ndarray
    heading: np.ndarray
    reach: float


def shot(rng: np.random.Generator) -> Shot:
    """A camera above the world's origin, from a toddler's height to the ceiling's, looking at somebody."""
    width, height = SIZES[rng.integers(len(SIZES))]
    focal = rng.uniform(0.7, 1.4) * max(width, height)
    centre = (np.array([width, height]) - 1) / 2 + rng.normal(0, 0.01, 2) * width
    camera = PinholeCamera(focal, focal, *centre, width, height)
    reach = float(np.exp(rng.uniform(np.log(NEAREST), np.log(FARTHEST))))
    bearing = rng.uniform(-0.4, 0.4)
    feet = _feet(rng, reach, bearing, width / focal)
    high = rng.uniform(0.3, 1.0) if rng.random() < 0.3 else rng.uniform(1.0, 2.3)
    # Somewhere on the first one's body lies somewhere about the picture's middle.
    level = np.arctan2(rng.uniform(0.5, 1.4) - high, reach)
    off = rng.uniform(-0.27, 0.27, 2) * (width, height) / focal
    turn = rng.normal(0, 0.07) if rng.random() < 0.95 else rng.uniform(-0.8, 0.8)
    return Shot(
        camera,
        RigidTransform(_towards(bearing + off[0], level + off[1]) @ rotation_exp(np.array([0, 0, turn])),
                       np.array([0.0, 0.0, high])),
        feet,
        _headings(rng, feet),
        reach,
    )  # fmt: skip


def _feet(rng: np.random.Generator, reach: float, bearing: float, spread: float) -> np.ndarray:
    """(N,2) m. Half of the others stand nearly before or behind the first."""
    feet = [reach * np.array([np.cos(bearing), np.sin(bearing)])]
    for _ in range(int(rng.choice(4, p=PEOPLE))):
        for _ in range(20):
            away = max(reach * rng.uniform(0.65, 1.8), 0.9)
            aside = rng.normal(0, 0.4) / away if rng.random() < 0.5 else rng.uniform(-0.5, 0.5) * spread
            place = away * np.array([np.cos(bearing + aside), np.sin(bearing + aside)])
            if min(np.hypot(*(place - other)) for other in feet) > APART:
                feet.append(place)
                break
    return np.array(feet)


def _headings(rng: np.random.Generator, feet: np.ndarray) -> np.ndarray:
    """Most face the camera more or less; the others look anywhere."""
    to_camera = np.arctan2(-feet[:, 1], -feet[:, 0])
    about = rng.random(len(feet)) < 0.6
    return to_camera + np.where(about, rng.normal(0, 0.6, len(feet)), rng.uniform(-np.pi, np.pi, len(feet)))


def _towards(bearing: float, level: float) -> np.ndarray:
    """World-from-camera (3,3) of a camera that looks so far to the left and up, rad, with no roll."""
    forward = np.array([np.cos(bearing) * np.cos(level), np.sin(bearing) * np.cos(level), np.sin(level)])
    right = np.array([np.sin(bearing), -np.cos(bearing), 0.0])
    return np.stack([right, np.cross(forward, right), forward], axis=1)
