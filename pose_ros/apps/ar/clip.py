"""Triangles before the camera: cut to what it can see, and split until its lens bends none of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pose_ros.geometry.camera import PinholeCamera

NEAR = 0.102  # m, just beyond where the rasteriser leaves triangles out
MARGIN = 0.02  # of the field of view, kept on every side
BENT = 0.1  # px by which an edge's middle may lie beside where the picture's straight edge has it
SHORT = 6.0  # px, no lens bends an edge this short
MOST_SPLITS = 16
_EDGES = np.array([[0, 1, 2], [1, 2, 0]])


@dataclass(frozen=True)
class Patches:
    """T pieces of triangles. corners (T,3,3) m, optical frame. triangle (T,): of which each is a piece.

    weights (T,3,3): row k tells corner k as weights of the triangle's three corners. is_whole: every piece is
    a whole triangle.
    """

    corners: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    is_whole: bool

    def at_corners(self, values: np.ndarray) -> np.ndarray:
        """What triangles have at their corners (F,3,C), at the corners of the pieces (T,3,C)."""
        values = values[self.triangle]
        return values if self.is_whole else self.weights.astype(values.dtype) @ values

    def __len__(self) -> int:
        return len(self.triangle)


def patches_in_sight(points: np.ndarray, triangles: np.ndarray, camera: PinholeCamera) -> Patches:
    """Of triangles (F,3) with corners at points (V,3) m of the optical frame, what lies before the camera.

    Neighbours are split alike, so that no cracks open between them.
    """
    planes = _planes(camera)
    beyond = points @ planes[:, :3].T + planes[:, 3] < 0
    sides = (beyond @ 2 ** np.arange(len(planes)))[triangles.T]  # a bit a plane: Cohen and Sutherland
    owner = np.flatnonzero((sides[0] & sides[1] & sides[2]) == 0)
    pieces = np.concatenate([points[triangles[owner]], np.tile(np.eye(3), (len(owner), 1, 1))], axis=2)
    crossing = (sides[0] | sides[1] | sides[2])[owner] != 0
    if crossing.any():
        cut, cut_owner = _clipped(pieces[crossing], owner[crossing], planes)
        pieces, owner = (
            np.concatenate([pieces[~crossing], cut]),
            np.concatenate([owner[~crossing], cut_owner]),
        )
    if camera.is_distorted and len(pieces):
        pieces, owner = _straight(pieces, owner, camera)
    is_whole = not (crossing.any() or camera.is_distorted)
    return Patches(pieces[..., :3], owner, pieces[..., 3:], is_whole)


@lru_cache(maxsize=8)
def _planes(camera: PinholeCamera) -> np.ndarray:
    """(5,4): x is seen where ``plane[:3] @ x + plane[3] >= 0`` for all: near, left, right, top, bottom."""
    right, bottom = camera.width - 0.5, camera.height - 0.5
    across, down = np.linspace(-0.5, right, 33), np.linspace(-0.5, bottom, 33)
    border = np.concatenate(
        [np.stack(np.broadcast_arrays(u, v), -1) for u, v in
         ((across, -0.5), (across, bottom), (-0.5, down), (right, down))]
    )  # fmt: skip
    rays = camera.rays(border)[:, :2]
    low, high = np.nanmin(rays, axis=0), np.nanmax(rays, axis=0)
    spare = MARGIN * (high - low)
    (left, top), (right, bottom) = low - spare, high + spare
    return np.array(
        [[0, 0, 1, -NEAR], [1, 0, -left, 0], [-1, 0, right, 0], [0, 1, -top, 0], [0, -1, bottom, 0]]
    )


def _clipped(pieces: np.ndarray, owner: np.ndarray, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces (T,3,6) of corner and weights, cut by each plane in turn.

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", 1974; here on triangles, many at once.
    """
    for plane in planes:
        height = pieces[..., :3] @ plane[:3] + plane[3]
        inside = height >= 0
        count = inside.sum(1)
        # The corner that is alone on its side comes first; the turn keeps the triangle's sense.
        alone = np.where(count == 1, inside.argmax(1), (~inside).argmax(1))
        order = (alone[:, None] + np.arange(3)) % 3
        pieces, height = _taken(pieces, order), _taken(height, order)
        one, two = count == 1, count == 2
        a, b, c = (pieces[one][:, k] for k in range(3))
        ha, hb, hc = height[one].T
        tip = np.stack([a, _between(a, b, ha, hb), _between(a, c, ha, hc)], axis=1)
        a, b, c = (pieces[two][:, k] for k in range(3))
        ha, hb, hc = height[two].T
        ab, ca = _between(a, b, ha, hb), _between(a, c, ha, hc)
        stump = [np.stack(corners, axis=1) for corners in ((b, c, ca), (b, ca, ab))]
        pieces = np.concatenate([pieces[count == 3], tip, *stump])
        owner = np.concatenate([owner[count == 3], owner[one], owner[two], owner[two]])
    return pieces, owner


def _taken(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, order.reshape(*order.shape, *[1] * (values.ndim - 2)), axis=1)


def _between(a: np.ndarray, b: np.ndarray, height_a: np.ndarray, height_b: np.ndarray) -> np.ndarray:
    """Where the edges from `a` to `b` (N,6) go through the plane."""
    share = (height_a / (height_a - height_b))[:, None]
    return a + share * (b - a)


def _straight(pieces: np.ndarray, owner: np.ndarray, camera: PinholeCamera) -> tuple[np.ndarray, np.ndarray]:
    """Pieces halved at their most bent edge until the lens bends none by more than BENT."""
    done = []
    for _ in range(MOST_SPLITS):
        error = _bend(pieces[..., :3], camera)
        worst = error.argmax(1)
        bent = error.max(1) > BENT
        done.append((pieces[~bent], owner[~bent]))
        if not bent.any():
            break
        pieces = _taken(pieces[bent], (worst[bent, None] + np.arange(3)) % 3)
        a, b, c = (pieces[:, k] for k in range(3))
        middle = (a + b) / 2
        pieces = np.concatenate([np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)])
        owner = np.tile(owner[bent], 2)
    else:
        done.append((pieces, owner))
    return np.concatenate([p for p, _ in done]), np.concatenate([o for _, o in done])


def _bend(corners: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """(T,3) px: how far the lens moves the middle of each edge from where a pinhole would have it between
    its ends. 0 for short edges.
    """
    pixels = camera.project(corners)
    start, end = _EDGES
    length = np.linalg.norm(pixels[:, end] - pixels[:, start], axis=-1)
    triangle, edge = np.nonzero(length > SHORT)
    a, b = (triangle, start[edge]), (triangle, end[edge])
    za, zb = corners[a][:, 2:], corners[b][:, 2:]
    straight = (za * pixels[a] + zb * pixels[b]) / (za + zb)
    error = np.zeros(length.shape)
    error[triangle, edge] = np.linalg.norm(camera.project((corners[a] + corners[b]) / 2) - straight, axis=-1)
    return error
