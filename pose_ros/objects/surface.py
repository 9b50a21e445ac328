"""What a camera can see of a mesh: samples of its skin, and from which directions each is in sight."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from pose_ros.geometry.mesh import Mesh

DENSE = 60_000  # points that stand for the whole surface while a model is made
SAMPLES = 1024  # points that stand for it afterwards
DIRECTIONS = 162  # views of the table of visibility, about 16 degrees apart
LEAST_VIEWS = 3  # from which a point must be in sight, else it lies within
VIEW_PIXELS = 96  # across the object in those views


@dataclass(frozen=True)
class Surface:
    """points (S,3) m, outward unit normals (S,3), colors (S,3) float32 in [0,255]: mean around each point.

    visible (D,S) bool: seen from afar along view directions (D,3), which point from camera to object.
    """

    points: np.ndarray
    normals: np.ndarray
    colors: np.ndarray
    visible: np.ndarray
    directions: np.ndarray


@dataclass(frozen=True)
class Skin:
    """Dense points (P,3) of a mesh, their triangles (P,), unit normals (P,3) and colours (P,3)."""

    points: np.ndarray
    triangle: np.ndarray
    normals: np.ndarray
    colors: np.ndarray

    def select(self, chosen: np.ndarray) -> Skin:
        return Skin(*(values[chosen] for values in (self.points, self.triangle, self.normals, self.colors)))


def skin_of(mesh: Mesh, rng: np.random.Generator, count: int = DENSE) -> Skin:
    triangle, weights = mesh.sample(count, rng)
    return Skin(
        mesh.points(triangle, weights), triangle, mesh.normals[triangle], mesh.colors(triangle, weights)
    )


def surface_of(skin: Skin, diameter: float, count: int = SAMPLES) -> Surface:
    """Evenly spread samples of the part of the skin that can be seen from outside.

    The skin's normals must point outwards. What lies hidden within an assembly is left out.
    """
    directions = spiral(DIRECTIONS)
    visible = _visible(skin, directions, diameter)
    seen = visible.sum(0) >= LEAST_VIEWS
    # A mesh seen from nowhere is one whose normals mean nothing; then all of it counts.
    seen = seen if seen.any() else np.ones_like(seen)
    skin, visible = skin.select(seen), visible[:, seen]
    chosen = _farthest(skin.points, count)
    owner = cKDTree(skin.points[chosen]).query(skin.points, workers=-1)[1]
    number = np.bincount(owner, minlength=len(chosen))
    colors = np.stack(
        [np.bincount(owner, skin.colors[:, c], len(chosen)) / np.maximum(number, 1) for c in range(3)], axis=1
    )
    return Surface(
        skin.points[chosen],
        skin.normals[chosen],
        colors.astype(np.float32),
        visible[:, chosen],
        directions,
    )


def spiral(count: int) -> np.ndarray:
    """(count,3) unit vectors spread evenly over the sphere, the golden spiral.

    Source: Swinbank & Purser, "Fibonacci grids", 2006.
    """
    step = np.arange(count) + 0.5
    z = 1 - 2 * step / count
    angle = np.pi * (1 + 5**0.5) * step
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def _visible(skin: Skin, directions: np.ndarray, diameter: float) -> np.ndarray:
    """(D,P): turned towards the viewer, and no part of the skin lies before it (orthographic views)."""
    pixel = diameter / VIEW_PIXELS
    centered = skin.points - (skin.points.min(0) + skin.points.max(0)) / 2
    half = VIEW_PIXELS // 2 + 2
    visible = np.zeros((len(directions), len(skin.points)), bool)
    for row, view in enumerate(directions):
        across = np.cross(view, np.eye(3)[np.abs(view).argmin()])
        across /= np.linalg.norm(across)
        place = np.rint(centered @ np.stack([across, np.cross(view, across)], axis=1) / pixel).astype(int)
        place = ((place + half).clip(0, 2 * half - 1) * [1, 2 * half]).sum(1)
        depth = centered @ view
        nearest = np.full((2 * half) ** 2, np.inf)
        np.minimum.at(nearest, place, depth)
        # Points are no surface: what is behind must not show through the gaps between them.
        nearest = cv2.erode(nearest.reshape(2 * half, 2 * half), np.ones((3, 3), np.uint8)).reshape(-1)
        facing = -(skin.normals @ view)
        slope = np.sqrt(np.maximum(1 - facing**2, 0)) / np.maximum(facing, 0.2)
        # Over these pixels a slanted surface spans some depth of its own.
        visible[row] = (facing > 0.05) & (depth < nearest[place] + (1 + 2.2 * slope) * pixel)
    return visible


def _farthest(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` points, each the farthest from those before it: even spacing."""
    points = points.astype(np.float32)
    chosen = np.zeros(min(count, len(points)), int)
    distance = np.full(len(points), np.inf, np.float32)
    for n in range(1, len(chosen)):
        offset = points - points[chosen[n - 1]]
        np.minimum(distance, np.einsum("ij,ij->i", offset, offset), out=distance)
        chosen[n] = distance.argmax()
    return chosen
