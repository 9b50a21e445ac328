"""Boxes, cylinders and ellipsoids, and what can be seen of them from a point.

Rays and points are (3,N) here, one row a coordinate: numpy is many times faster on long rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import NEAR
from pose_ros.geometry.rigid import RigidTransform

Texture = Callable[[np.ndarray], np.ndarray]  # points (N,3) in the solid's own frame -> rgb (N,3) in [0,1]
_CORNERS = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T


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

    @property
    def corners(self) -> np.ndarray:
        """(8,3) m, of its box in the world."""
        return self.centre + (_CORNERS * self.size) @ self.rotation.T

    def hit(self, origin: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First crossing of origin + t * rays (3,N) from outside: t (N,), inf = none; unit normals (3,N)."""
        to_unit = (self.rotation / self.size).T.astype(np.float32)
        o = (to_unit @ (origin - self.centre)).astype(np.float32)
        d = to_unit @ rays
        with np.errstate(divide="ignore", invalid="ignore"):
            t, normal = {"box": _box, "cylinder": _cylinder, "ellipsoid": _ellipsoid}[self.kind](o, d)
            normal = to_unit.T @ normal
            normal /= np.sqrt((normal**2).sum(0))
        return np.where(t > 1e-4, t, np.float32(np.inf)), normal

    def colour(self, points: np.ndarray) -> np.ndarray:
        """rgb (N,3) at points (N,3) of the world."""
        return self.texture((points - self.centre) @ self.rotation)


def _box(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = (-1 - o[:, None]) / d, (1 - o[:, None]) / d
    near, far = np.minimum(low, high), np.maximum(low, high)
    t = near.max(0)
    normal = -np.sign(d) * (near == t)
    return np.where(t < far.min(0), t, np.float32(np.inf)), normal


def _ellipsoid(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b, c = (d**2).sum(0), o @ d, o @ o - 1
    t = (-b - np.sqrt(b**2 - a * c)) / a
    t = np.where(np.isnan(t), np.float32(np.inf), t)
    return t, np.where(np.isfinite(t), o[:, None] + t * d, np.float32(1))


def _cylinder(o: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = np.array([1, 1, 0], np.float32)
    t, normal = _ellipsoid(o * flat, d * flat[:, None])
    t = np.where(np.abs(o[2] + t * d[2]) <= 1, t, np.float32(np.inf))
    cap = (np.sign(o[2]) - o[2]) / d[2]
    on_cap = ((o[:2, None] + cap * d[:2]) ** 2).sum(0) <= 1
    cap = np.where(on_cap & (cap > 0) & (abs(o[2]) > 1), cap, np.float32(np.inf))
    upright = np.array([[0], [0], [np.sign(o[2])]], np.float32)
    return np.minimum(t, cap), np.where(cap < t, upright, normal * flat[:, None])


@dataclass(frozen=True)
class View:
    """A pinhole camera somewhere in the world, or a lamp, which sees what it lights."""

    camera: PinholeCamera
    world_from_camera: RigidTransform

    @property
    def shape(self) -> tuple[int, int]:
        return self.camera.height, self.camera.width

    @property
    def origin(self) -> np.ndarray:
        return self.world_from_camera.translation

    def rays(self) -> np.ndarray:
        """(3,H,W) in the world, as long as to depth 1."""
        grid = self.camera.ray_grid.reshape(-1, 3) @ self.world_from_camera.rotation.T.astype(np.float32)
        return np.ascontiguousarray(grid.T).reshape(3, *self.shape)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (N,3) of the world to pixels (N,2), meaningless where they lie behind, and depth (N,) m."""
        seen = (points - self.origin) @ self.world_from_camera.rotation
        scale = np.array([self.camera.fx, self.camera.fy]) / np.maximum(seen[:, 2:], 1e-6)
        return seen[:, :2] * scale + (self.camera.cx, self.camera.cy), seen[:, 2]


def cast(solids: Sequence[Solid], view: View) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a view shows: depth (H,W) m, inf = nothing; unit normals (3,H,W); index of the solid (H,W), -1."""
    rays = view.rays()
    depth = np.full(view.shape, np.inf, np.float32)
    normals, owner = np.zeros_like(rays), np.full(view.shape, -1, np.int16)
    for index, solid in enumerate(solids):
        rows, columns = _footprint(solid, view)
        part = rays[:, rows, columns]
        if not part.size:
            continue
        t, normal = solid.hit(view.origin, part.reshape(3, -1))
        t, normal = t.reshape(part.shape[1:]), normal.reshape(part.shape)
        closer = t < depth[rows, columns]
        depth[rows, columns][closer] = t[closer]
        owner[rows, columns][closer] = index
        normals[:, rows, columns][:, closer] = normal[:, closer]
    return depth, normals, owner


def _footprint(solid: Solid, view: View) -> tuple[slice, slice]:
    """Rows and columns that hold all of the solid."""
    height, width = view.shape
    pixels, depth = view.project(solid.corners)
    if depth.min() < NEAR:
        return slice(0, height), slice(0, width)
    low = np.floor(np.clip(pixels.min(0), 0, (width, height))).astype(int)
    high = np.ceil(np.clip(pixels.max(0) + 1, 0, (width, height))).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])
