"""A furnished room about the people in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.sources.synthetic.solids import Solid
from pose_ros.sources.synthetic.textures import fabric, floor, paint, painting, plain, speckled, wood

REACH = 0.8  # m, from where somebody is to the nearest piece


@dataclass(frozen=True)
class Room:
    """Solids, and lights: position (3,) m and strength rgb (3,) at one metre, with an ambient rgb (3,)."""

    solids: tuple[Solid, ...]
    lights: tuple[tuple[np.ndarray, np.ndarray], ...]
    ambient: np.ndarray


def furnish(rng: np.random.Generator, paths: np.ndarray, seats: list[Solid]) -> Room:
    """A room about the people's `paths` (N,2) m on the floor, the camera at 0, 0; `seats` stand already.

    Furniture keeps its distance to the paths; some of it may stand between the camera and the people.
    """
    back = max(paths[:, 0].max() + rng.uniform(0.9, 2.2), 4.0)
    left, right = (rng.uniform(2.2, 3.4) for _ in range(2))
    left, right = max(left, paths[:, 1].max() + 0.8), max(right, -paths[:, 1].min() + 0.8)
    height = rng.uniform(2.4, 2.9)
    middle, width = (left - right) / 2, (left + right) / 2
    wall, accent = (paint(rng) for _ in range(2))
    shell = [
        _solid("box", (2, middle, -0.05), (6, width, 0.05), 0, floor(rng)),
        _solid("box", (2, middle, height + 0.05), (6, width, 0.05), 0, plain((0.93, 0.93, 0.91))),
        _solid("box", (back + 0.05, middle, height / 2), (0.05, width, height / 2), 0, accent),
        _solid("box", (2, left + 0.05, height / 2), (6, 0.05, height / 2), 0, wall),
        _solid("box", (2, -right - 0.05, height / 2), (6, 0.05, height / 2), 0, wall),
    ]
    solids = shell + _on_wall(rng, back, middle, width, height)
    taken = list(seats)
    for build in rng.permutation([_shelf, _sofa, _table, _plant, _lamp, _cabinet, _boxes]):
        for _ in range(12):
            spot = np.array([rng.uniform(1.3, back - 0.3), rng.uniform(-right + 0.3, left - 0.3)])
            piece = build(rng, spot, _against(spot, back, left, right))
            if _fits(piece, paths, taken, (back, left, right)):
                taken += piece
                break
    lights = tuple(
        (
            np.array([rng.uniform(0.5, back - 0.5), rng.uniform(-right, left) * 0.7, height - 0.15]),
            rng.uniform(1.2, 2.4) * np.array([1.0, rng.uniform(0.88, 1.0), rng.uniform(0.7, 1.0)]),
        )
        for _ in range(2)
    )
    return Room(tuple(solids + taken), lights, np.full(3, rng.uniform(0.28, 0.45)))


def chair(rng: np.random.Generator, centre: np.ndarray, heading: float, seat: float) -> list[Solid]:
    """A chair or stool whose seat is at this height; people on it look along `heading`."""
    cloth, deep = fabric(rng), 0.2
    forward = np.array([np.cos(heading), np.sin(heading)])
    aside = np.array([-forward[1], forward[0]])
    place = centre - 0.02 * forward
    parts = [_solid("box", (*place, seat - 0.03), (deep, 0.21, 0.03), heading, cloth)]
    if rng.random() < 0.7:
        rest = place - (deep + 0.1) * forward
        parts.append(_solid("box", (*rest, seat + 0.25), (0.02, 0.2, 0.22), heading, cloth))
        parts.append(
            _solid("box", (*(rest + 0.05 * forward), seat - 0.03), (0.06, 0.21, 0.02), heading, cloth)
        )
    leg = plain(rng.uniform(0.05, 0.4) * np.ones(3))
    for x, y in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        foot = place + 0.17 * x * forward + 0.18 * y * aside
        parts.append(
            _solid("cylinder", (*foot, (seat - 0.06) / 2), (0.016, 0.016, (seat - 0.06) / 2), 0, leg)
        )
    return parts


def _fits(piece: list[Solid], paths: np.ndarray, taken: list[Solid], walls: tuple[float, ...]) -> bool:
    back, left, right = walls
    for part in piece:
        x, y = part.centre[:2]
        if np.hypot(*(paths - part.centre[:2]).T).min() < part.radius + REACH:
            return False
        if x + part.size[:2].min() > back or y > left or y < -right or np.hypot(x, y) < part.radius + 1.0:
            return False
        # What is tall may not hide anybody; what is low may hide legs.
        behind = paths[np.hypot(*paths.T) > np.hypot(x, y)]
        off_sight = np.abs(behind @ (-y, x)) / np.hypot(x, y) > part.radius + 0.35
        if part.centre[2] + part.size[2] > 0.7 and not (off_sight | (behind @ (x, y) < 0)).all():
            return False
        if any(np.hypot(*(part.centre - other.centre)[:2]) < part.radius + other.radius for other in taken):
            return False
    return True


def _against(spot: np.ndarray, back: float, left: float, right: float) -> float:
    """Yaw with the piece's back to the nearest wall."""
    gaps = {np.pi: back - spot[0], -np.pi / 2: left - spot[1], np.pi / 2: spot[1] + right}
    return min(gaps, key=gaps.get)


def _solid(kind: str, centre, size, yaw: float, texture) -> Solid:
    return Solid(kind, np.array(centre, float), np.array(size, float), yaw, texture)


def _turned(spot: np.ndarray, yaw: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return spot[0] + cos * x - sin * y, spot[1] + sin * x + cos * y, z


def _table(rng, spot, yaw) -> list[Solid]:
    height, a, b = rng.uniform(0.4, 0.75), rng.uniform(0.25, 0.4), rng.uniform(0.4, 0.7)
    top, yaw = wood(rng), rng.uniform(-np.pi, np.pi)
    legs = [
        _solid("cylinder", _turned(spot, yaw, x * (a - 0.05), y * (b - 0.05), height / 2 - 0.02),
               (0.025, 0.025, height / 2 - 0.02), 0, top) for x in (-1, 1) for y in (-1, 1)
    ]  # fmt: skip
    cup = _solid("cylinder", _turned(spot, yaw, 0.1, -0.2, height + 0.05), (0.04, 0.04, 0.05), 0, paint(rng))
    return [_solid("box", (*spot, height - 0.02), (a, b, 0.02), yaw, top), *legs, cup]


def _sofa(rng, spot, yaw) -> list[Solid]:
    cloth, width = fabric(rng), rng.uniform(0.6, 0.9)
    parts = [((0, 0, 0.21), (0.4, width, 0.21)), ((-0.32, 0, 0.6), (0.09, width, 0.2)),
             ((0, width, 0.3), (0.4, 0.09, 0.3)), ((0, -width, 0.3), (0.4, 0.09, 0.3))]  # fmt: skip
    sofa = [_solid("box", _turned(spot, yaw, *at), size, yaw, cloth) for at, size in parts]
    cushion = _turned(spot, yaw, -0.12, 0.3, 0.56)
    return [*sofa, _solid("ellipsoid", cushion, (0.1, 0.2, 0.17), yaw, fabric(rng))]


def _shelf(rng, spot, yaw) -> list[Solid]:
    height, half = rng.uniform(0.6, 0.95), rng.uniform(0.3, 0.5)
    parts = [_solid("box", (*spot, height), (0.14, half, height), yaw, wood(rng))]
    for level in np.arange(0.25, 2 * height - 0.2, 0.33):
        for y in np.arange(-half + 0.05, half - 0.05, 0.06):
            if rng.random() < 0.8:
                tall = rng.uniform(0.08, 0.13)
                book = _turned(spot, yaw, 0.145, y, level + tall)
                parts.append(_solid("box", book, (0.012, rng.uniform(0.012, 0.028), tall), yaw, paint(rng)))
    return parts


def _cabinet(rng, spot, yaw) -> list[Solid]:
    height, half = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6)
    screen = _turned(spot, yaw, 0, 0, 2 * height + 0.28)
    return [
        _solid("box", (*spot, height), (0.22, half, height), yaw, wood(rng)),
        _solid("box", screen, (0.02, min(half, 0.45), 0.26), yaw, plain((0.04, 0.04, 0.05))),
    ]


def _plant(rng, spot, yaw) -> list[Solid]:
    pot = _solid("cylinder", (*spot, 0.17), (0.16, 0.16, 0.17), 0, paint(rng))
    leaves = []
    for _ in range(14):
        at = (*(spot + rng.normal(0, 0.13, 2)), rng.uniform(0.4, 1.1))
        leaves.append(
            _solid(
                "ellipsoid",
                at,
                rng.uniform(0.04, 0.14, 3),
                rng.uniform(0, 6),
                speckled(rng, (0.15, 0.36, 0.13)),
            )
        )
    return [pot, *leaves]


def _lamp(rng, spot, yaw) -> list[Solid]:
    shade = _solid("cylinder", (*spot, 1.5), (0.19, 0.19, 0.14), 0, plain((1.0, 0.95, 0.8)))
    return [_solid("cylinder", (*spot, 0.7), (0.014, 0.014, 0.7), 0, plain((0.1, 0.1, 0.1))), shade]


def _boxes(rng, spot, yaw) -> list[Solid]:
    size, brown = rng.uniform(0.15, 0.28, 3), (0.62, 0.48, 0.32)
    low = _solid("box", (*spot, size[2]), size, rng.uniform(0, 3), speckled(rng, brown))
    return [
        low,
        _solid("box", (*spot, 2 * size[2] + 0.1), size * 0.6, rng.uniform(0, 3), speckled(rng, brown)),
    ]


def _on_wall(rng, back: float, middle: float, width: float, height: float) -> list[Solid]:
    """Pictures, a window or a door on the wall that the camera looks at, and a rug."""
    parts = [
        _solid("box", (3.0, middle * 0.5, 0.001), (0.9, 1.2, 0.001), rng.uniform(-0.3, 0.3), fabric(rng))
    ]
    for y in np.arange(middle - width + 0.6, middle + width - 0.5, 1.1):
        kind = rng.choice(["picture", "window", "door", "bare"])
        at = y + rng.uniform(-0.15, 0.15)
        if kind == "picture":
            half, z = rng.uniform(0.15, 0.4, 2), rng.uniform(1.3, 1.8)
            frame = _solid(
                "box", (back - 0.01, at, z), (0.012, *(half + 0.03)), 0, plain(rng.uniform(0, 0.9, 3))
            )
            parts += [frame, _solid("box", (back - 0.02, at, z), (0.006, *half), 0, painting(rng))]
        elif kind == "window":
            glass = plain(rng.uniform(0.8, 1.3) * np.array([0.85, 0.95, 1.0]))
            parts.append(_solid("box", (back - 0.005, at, 1.5), (0.01, 0.45, 0.55), 0, glass))
            parts.append(
                _solid("box", (back - 0.02, at, 1.5), (0.012, 0.02, 0.55), 0, plain((0.9, 0.9, 0.9)))
            )
        elif kind == "door":
            parts.append(
                _solid("box", (back - 0.01, at, min(1.0, height / 2)), (0.02, 0.42, 1.0), 0, wood(rng))
            )
    return parts
