"""Virtual things that need no file: a hat, a ring, a box, axes. Metres, in the frame they are worn in."""

from __future__ import annotations

import numpy as np

from pose_ros.errors import ConfigError, unknown
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import rotation_exp

FELT, BAND, GOLD = (172, 44, 50), (34, 32, 44), (236, 178, 52)
SEGMENTS = 40
# Outline of a hat, (radius, height) in m from the middle of its underside outwards and up to its top, and
# the colour after each point. A head is about 0.19 m long and 0.15 m wide, its top 0.12 m above the ears.
_HAT = (
    (0.000, 0.054, FELT), (0.100, 0.054, FELT), (0.140, 0.057, FELT), (0.153, 0.064, FELT),
    (0.154, 0.069, FELT), (0.140, 0.064, FELT), (0.106, 0.061, BAND), (0.104, 0.102, FELT),
    (0.099, 0.145, FELT), (0.090, 0.163, FELT), (0.070, 0.169, FELT), (0.040, 0.159, FELT),
    (0.000, 0.155, FELT),
)  # fmt: skip
_HAT_LENGTH, _HAT_WIDTH, _HAT_FORWARD = 1.08, 0.90, 0.005


def hat() -> Mesh:
    """In the frame of a head: origin between the ears, x forward, z up."""
    profile = np.array([point[:2] for point in _HAT])
    mesh = _turned(profile, [point[2] for point in _HAT[:-1]])
    vertices = mesh.vertices * [_HAT_LENGTH, _HAT_WIDTH, 1.0] + [_HAT_FORWARD, 0, 0]
    return Mesh.plain(vertices, mesh.triangles, mesh.corner_rgb)


def ring(radius: float = 0.040, thickness: float = 0.007) -> Mesh:
    """A torus about z, as a wrist wears it."""
    angle = np.linspace(0, 2 * np.pi, 11)  # outside first, then up
    profile = np.stack([radius + thickness * np.cos(angle), thickness * np.sin(angle)], axis=1)
    return _turned(profile, [GOLD] * 10)


def box(size: float = 0.1) -> Mesh:
    """A cube about the origin, a colour a side: x red, y green, z blue, the far sides darker."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size / 2
    sides, rgb = [], []
    for axis in range(3):
        for sign in (-1, 1):
            side = [k for k in range(8) if np.sign(corners[k, axis]) == sign]
            a, b, c, d = side[0], side[1], side[3], side[2]
            normal = np.cross(corners[b] - corners[a], corners[c] - corners[a])
            if normal[axis] * sign < 0:
                b, d = d, b
            sides += [[a, b, c], [a, c, d]]
            color = np.full(3, 60)
            color[axis] = 230 if sign > 0 else 120
            rgb += [color, color]
    return Mesh.plain(corners, np.array(sides), np.repeat(np.array(rgb)[:, None], 3, axis=1))


def axes(length: float = 0.1) -> Mesh:
    """Arrows along x (red), y (green), z (blue)."""
    thin, thick, neck = 0.04 * length, 0.09 * length, 0.75 * length
    profile = np.array([[0, 0], [thin, 0], [thin, neck], [thick, neck], [0, length]])
    onto = (rotation_exp([0, np.pi / 2, 0]), rotation_exp([-np.pi / 2, 0, 0]), np.eye(3))
    arrows = []
    for axis, turn in enumerate(onto):
        color = np.full(3, 40)
        color[axis] = 230
        arrow = _turned(profile, [tuple(color)] * 4, 16)
        arrows.append(Mesh.plain(arrow.vertices @ turn.T, arrow.triangles, arrow.corner_rgb))
    return _joined(arrows)


SHAPES = {"hat": hat, "ring": ring, "box": box, "axes": axes}


def shape(name: str) -> Mesh:
    if name not in SHAPES:
        raise ConfigError(unknown("shape", name, SHAPES))
    return SHAPES[name]()


def _turned(profile: np.ndarray, colors: list[tuple[int, int, int]], segments: int = SEGMENTS) -> Mesh:
    """The closed surface that a profile (P,2) of radius and height makes about z, a colour a stretch.

    Outside lies to the right of the profile's way.
    """
    turn = np.arange(segments) * 2 * np.pi / segments
    rings = np.stack(
        [
            profile[:, :1] * np.cos(turn),
            profile[:, :1] * np.sin(turn),
            np.repeat(profile[:, 1:], segments, 1),
        ],
        -1,
    )
    triangles, rgb = [], []
    number = np.arange(len(profile) * segments).reshape(len(profile), segments)
    for k, color in enumerate(colors):
        a, d = number[k], number[k + 1]
        b, c = np.roll(a, -1), np.roll(d, -1)
        if profile[k, 0] > 0:
            triangles.append(np.stack([a, b, c], 1))
        if profile[k + 1, 0] > 0:
            triangles.append(np.stack([a, c, d], 1))
        count = segments * ((profile[k, 0] > 0) + int(profile[k + 1, 0] > 0))
        rgb.append(np.broadcast_to(np.uint8(color), (count, 3, 3)))
    return Mesh.plain(rings.reshape(-1, 3), np.concatenate(triangles), np.concatenate(rgb))


def _joined(meshes: list[Mesh]) -> Mesh:
    first = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes])
    return Mesh.plain(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + start for mesh, start in zip(meshes, first, strict=False)]),
        np.concatenate([mesh.corner_rgb for mesh in meshes]),
    )
