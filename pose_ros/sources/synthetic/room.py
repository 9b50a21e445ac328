"""A furnished room from boxes, cylinders and ellipsoids, and what a still camera sees of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Texture = Callable[[np.ndarray], np.ndarray]  # points (N,3) in the solid's own frame -> rgb (N,3) in [0,1]


@dataclass(frozen=True)
class Solid:
    """A box, upright cylinder or ellipsoid: `centre` (3,), half `size` (3,) m, turned by `yaw` rad."""

    kind: str
    centre: np.ndarray
    size: np.ndarray
    yaw: float
    texture: Texture

    @property
    def rotation(self) -> np.ndarray:
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])

    @property
    def radius(self) -> float:
        """Of the circle on the floor that holds it."""
        return float(np.hypot(*self.size[:2])) if self.kind == "box" else float(self.size[:2].max())

    def hit(self, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First crossing from outside of origin + t * rays (N,3): t (N,), inf = none, and normals (N,3)."""
        result, normals = np.full(len(rays), np.inf), np.zeros((len(rays), 3))
        to_centre = self.centre - origin
        along = rays @ to_centre
        # Most rays miss the sphere about the solid: only for the others is it looked at closely.
        squared = np.einsum("ij,ij->i", rays, rays)
        near = np.flatnonzero((to_centre @ to_centre - self.size @ self.size) * squared <= along**2)
        near = near[along[near] > -np.linalg.norm(self.size) * np.sqrt(squared[near])]
        o = -to_centre @ self.rotation / self.size
        d = rays[near] @ self.rotation / self.size
        with np.errstate(divide="ignore", invalid="ignore"):
            t, normal = {"box": _box, "cylinder": _cylinder, "ellipsoid": _ellipsoid}[self.kind](o, d)
        result[near] = np.where(t > 1e-4, t, np.inf)
        normal = normal / self.size
        normals[near] = (normal / np.linalg.norm(normal, axis=1, keepdims=True)) @ self.rotation.T
        return result, normals

    def colour(self, points: np.ndarray) -> np.ndarray:
        return self.texture((points - self.centre) @ self.rotation)


def _box(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    near, far = np.minimum((-1 - o) / d, (1 - o) / d), np.maximum((-1 - o) / d, (1 - o) / d)
    axis = near.argmax(1)
    t = near.max(1)
    normal = np.zeros_like(d)
    rows = np.arange(len(d))
    normal[rows, axis] = -np.sign(d[rows, axis])
    return np.where(t < far.min(1), t, np.inf), normal


def _ellipsoid(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (d**2).sum(1), d @ o, (o**2).sum() - 1
    t = (-b - np.sqrt(b**2 - a * c)) / a
    t = np.where(np.isnan(t), np.inf, t)
    return t, np.where(np.isfinite(t)[:, None], o + t[:, None] * d, 1.0)


def _cylinder(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = np.array([1.0, 1, 0])
    t, normal = _ellipsoid(o * flat, d * flat)
    t = np.where(np.abs(o[2] + t * d[:, 2]) <= 1, t, np.inf)
    cap = (np.sign(o[2]) - o[2]) / d[:, 2]
    on_cap = ((o[:2] + cap[:, None] * d[:, :2]) ** 2).sum(1) <= 1
    cap = np.where(on_cap & (cap > 0) & (abs(o[2]) > 1), cap, np.inf)
    upright = np.array([0, 0, np.sign(o[2])])
    return np.minimum(t, cap), np.where((cap < t)[:, None], upright, normal * flat)


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
    wall, accent = (_paint(rng) for _ in range(2))
    shell = [
        _solid("box", (2, middle, -0.05), (6, width, 0.05), 0, _floor(rng)),
        _solid("box", (2, middle, height + 0.05), (6, width, 0.05), 0, _plain((0.93, 0.93, 0.91))),
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
    cloth, deep = _fabric(rng), 0.2
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
    leg = _plain(rng.uniform(0.05, 0.4) * np.ones(3))
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
        if np.hypot(*(paths - part.centre[:2]).T).min() < part.radius + 0.5:
            return False
        if x + part.size[:2].min() > back or y > left or y < -right or np.hypot(x, y) < part.radius + 0.6:
            return False
        if any(np.hypot(*(part.centre - other.centre)[:2]) < part.radius + other.radius for other in taken):
            return False
    return True


def _against(spot: np.ndarray, back: float, left: float, right: float) -> float:
    """Yaw with the piece's back to the nearest wall."""
    gaps = {np.pi: back - spot[0], -np.pi / 2: left - spot[1], np.pi / 2: spot[1] + right}
    return min(gaps, key=gaps.get)


def _solid(kind: str, centre, size, yaw: float, texture: Texture) -> Solid:
    return Solid(kind, np.array(centre, float), np.array(size, float), yaw, texture)


def _turned(spot: np.ndarray, yaw: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    cos, sin = np.cos(yaw), np.sin(yaw)
    return spot[0] + cos * x - sin * y, spot[1] + sin * x + cos * y, z


def _table(rng, spot, yaw) -> list[Solid]:
    height, a, b = rng.uniform(0.4, 0.75), rng.uniform(0.25, 0.4), rng.uniform(0.4, 0.7)
    top, yaw = _wood(rng), rng.uniform(-np.pi, np.pi)
    legs = [
        _solid("cylinder", _turned(spot, yaw, x * (a - 0.05), y * (b - 0.05), height / 2 - 0.02),
               (0.025, 0.025, height / 2 - 0.02), 0, top) for x in (-1, 1) for y in (-1, 1)
    ]  # fmt: skip
    cup = _solid("cylinder", _turned(spot, yaw, 0.1, -0.2, height + 0.05), (0.04, 0.04, 0.05), 0, _paint(rng))
    return [_solid("box", (*spot, height - 0.02), (a, b, 0.02), yaw, top), *legs, cup]


def _sofa(rng, spot, yaw) -> list[Solid]:
    cloth, width = _fabric(rng), rng.uniform(0.6, 0.9)
    parts = [((0, 0, 0.21), (0.4, width, 0.21)), ((-0.32, 0, 0.6), (0.09, width, 0.2)),
             ((0, width, 0.3), (0.4, 0.09, 0.3)), ((0, -width, 0.3), (0.4, 0.09, 0.3))]  # fmt: skip
    sofa = [_solid("box", _turned(spot, yaw, *at), size, yaw, cloth) for at, size in parts]
    cushion = _turned(spot, yaw, -0.12, 0.3, 0.56)
    return [*sofa, _solid("ellipsoid", cushion, (0.1, 0.2, 0.17), yaw, _fabric(rng))]


def _shelf(rng, spot, yaw) -> list[Solid]:
    height, half, wood = rng.uniform(0.6, 0.95), rng.uniform(0.3, 0.5), _wood(rng)
    parts = [_solid("box", (*spot, height), (0.14, half, height), yaw, wood)]
    for level in np.arange(0.25, 2 * height - 0.2, 0.33):
        for y in np.arange(-half + 0.05, half - 0.05, 0.06):
            if rng.random() < 0.8:
                tall = rng.uniform(0.08, 0.13)
                book = _turned(spot, yaw, 0.145, y, level + tall)
                parts.append(_solid("box", book, (0.012, rng.uniform(0.012, 0.028), tall), yaw, _paint(rng)))
    return parts


def _cabinet(rng, spot, yaw) -> list[Solid]:
    height, half = rng.uniform(0.35, 0.6), rng.uniform(0.3, 0.6)
    screen = _turned(spot, yaw, 0, 0, 2 * height + 0.28)
    return [
        _solid("box", (*spot, height), (0.22, half, height), yaw, _wood(rng)),
        _solid("box", screen, (0.02, min(half, 0.45), 0.26), yaw, _plain((0.04, 0.04, 0.05))),
    ]


def _plant(rng, spot, yaw) -> list[Solid]:
    pot = _solid("cylinder", (*spot, 0.17), (0.16, 0.16, 0.17), 0, _paint(rng))
    leaves = []
    for _ in range(14):
        at = (*(spot + rng.normal(0, 0.13, 2)), rng.uniform(0.4, 1.1))
        leaves.append(
            _solid(
                "ellipsoid",
                at,
                rng.uniform(0.04, 0.14, 3),
                rng.uniform(0, 6),
                _speckled(rng, (0.15, 0.36, 0.13)),
            )
        )
    return [pot, *leaves]


def _lamp(rng, spot, yaw) -> list[Solid]:
    shade = _solid("cylinder", (*spot, 1.5), (0.19, 0.19, 0.14), 0, _plain((1.0, 0.95, 0.8)))
    return [_solid("cylinder", (*spot, 0.7), (0.014, 0.014, 0.7), 0, _plain((0.1, 0.1, 0.1))), shade]


def _boxes(rng, spot, yaw) -> list[Solid]:
    size, brown = rng.uniform(0.15, 0.28, 3), (0.62, 0.48, 0.32)
    low = _solid("box", (*spot, size[2]), size, rng.uniform(0, 3), _speckled(rng, brown))
    return [
        low,
        _solid("box", (*spot, 2 * size[2] + 0.1), size * 0.6, rng.uniform(0, 3), _speckled(rng, brown)),
    ]


def _on_wall(rng, back: float, middle: float, width: float, height: float) -> list[Solid]:
    """Pictures, a window or a door on the wall that the camera looks at, and a rug."""
    parts = [
        _solid("box", (3.0, middle * 0.5, 0.004), (0.9, 1.2, 0.004), rng.uniform(-0.3, 0.3), _fabric(rng))
    ]
    for y in np.arange(middle - width + 0.6, middle + width - 0.5, 1.1):
        kind = rng.choice(["picture", "window", "door", "bare"])
        at = y + rng.uniform(-0.15, 0.15)
        if kind == "picture":
            half, z = rng.uniform(0.15, 0.4, 2), rng.uniform(1.3, 1.8)
            frame = _solid(
                "box", (back - 0.01, at, z), (0.012, *(half + 0.03)), 0, _plain(rng.uniform(0, 0.9, 3))
            )
            parts += [frame, _solid("box", (back - 0.02, at, z), (0.006, *half), 0, _painting(rng))]
        elif kind == "window":
            glass = _plain(rng.uniform(0.8, 1.3) * np.array([0.85, 0.95, 1.0]))
            parts.append(_solid("box", (back - 0.005, at, 1.5), (0.01, 0.45, 0.55), 0, glass))
            parts.append(
                _solid("box", (back - 0.02, at, 1.5), (0.012, 0.02, 0.55), 0, _plain((0.9, 0.9, 0.9)))
            )
        elif kind == "door":
            parts.append(
                _solid("box", (back - 0.01, at, min(1.0, height / 2)), (0.02, 0.42, 1.0), 0, _wood(rng))
            )
    return parts


def _plain(colour) -> Texture:
    colour = np.asarray(colour, float)
    return lambda points: np.broadcast_to(colour, points.shape)


def _paint(rng) -> Texture:
    colour = (
        rng.uniform(0.25, 0.9)
        * np.array([1.0, rng.uniform(0.75, 1.0), rng.uniform(0.6, 1.0)])[rng.permutation(3)]
    )
    return _speckled(rng, colour, 0.03)


def _speckled(rng, colour, strength: float = 0.12) -> Texture:
    noise, colour = _Noise(rng), np.asarray(colour, float)
    return lambda points: colour * (1 + strength * noise(points, 3.0))[:, None]


def _fabric(rng) -> Texture:
    noise, colour, other = _Noise(rng), rng.uniform(0.1, 0.8, 3), rng.uniform(0.1, 0.8, 3)
    period, striped = rng.uniform(0.05, 0.2), rng.random() < 0.4
    return lambda points: (
        np.where(striped & (np.mod(points[:, 1] / period, 1) < 0.3)[:, None], other, colour)
        * (1 + 0.15 * noise(points, 40.0))[:, None]
    )


def _wood(rng) -> Texture:
    noise, colour = _Noise(rng), rng.uniform(0.35, 1.0) * np.array([0.75, 0.55, 0.36])
    return lambda points: colour * (1 + 0.25 * noise(points * (1, 12, 12), 1.5))[:, None]


def _painting(rng) -> Texture:
    noises, colours = [_Noise(rng) for _ in range(3)], rng.uniform(0, 1, (3, 3))

    def texture(points: np.ndarray) -> np.ndarray:
        layers = [np.tanh(4 * noise(points, 4.0)) for noise in noises]
        return np.clip(0.5 + 0.5 * np.stack(layers, axis=-1) @ colours, 0, 1)

    return texture


def _floor(rng) -> Texture:
    noise, colour = _Noise(rng), rng.uniform(0.5, 1.1) * np.array([0.62, 0.5, 0.38])
    plank, tiled = rng.uniform(0.09, 0.2), rng.random() < 0.3
    tile, grey = rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.8)

    def texture(points: np.ndarray) -> np.ndarray:
        row = np.floor(points[:, 1] / plank)
        grain = noise(points * (1, 14, 1) + np.stack([row * 7.3, 0 * row, 0 * row], -1), 1.2)
        tone = 0.85 + 0.3 * np.mod(np.sin(row * 12.9898) * 43758.5453, 1)
        seam = np.mod(points[:, 1] / plank, 1) < 0.03
        planks = colour * (tone * (1 + 0.2 * grain) * np.where(seam, 0.6, 1))[:, None]
        joint = (np.mod(points[:, :2] / tile, 1) < 0.015).any(1)
        tiles = grey * (np.where(joint, 0.7, 1) * (1 + 0.05 * noise(points, 6.0)))[:, None] * np.ones(3)
        return tiles if tiled else planks

    return texture


class _Noise:
    """Smooth noise over points, mean 0, about ±1: a random lattice, interpolated."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._lattice = rng.normal(0, 0.6, (32, 32, 32))

    def __call__(self, points: np.ndarray, frequency: float) -> np.ndarray:
        scaled = points * frequency
        cell = np.floor(scaled).astype(int)
        x = scaled - cell
        x = x * x * (3 - 2 * x)
        result = np.zeros(len(points))
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(corner, x, 1 - x), axis=1)
            result += weight * self._lattice[tuple(((cell + corner) % 32).T)]
        return result
