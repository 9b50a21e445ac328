"""Where things lie: stable poses on a plane, and piles as height maps without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import ConvexHull

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

CELL = 0.0015  # m, of the height map
CLEARANCE = 0.0004  # m, for what lies between two cells
FAR = 50.0  # m; from so far away a picture is as good as orthographic
SAME_FACE = np.cos(np.radians(1.0))


def centre_of_mass(mesh: Mesh) -> np.ndarray:
    """(3,) m of a closed mesh; of an open or inside-out one the centre of its bounds."""
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    six = np.einsum("ij,ij->i", a - a[:1], np.cross(b - a[:1], c - a[:1]))
    hull = ConvexHull(mesh.vertices)
    if not 0.02 * hull.volume < six.sum() / 6 < 1.5 * hull.volume:
        return mesh.bounds.mean(0)
    return np.einsum("i,ij->j", six, (a + b + c + a[:1]) / 4) / six.sum()


@dataclass(frozen=True)
class Rest:
    """world_from_object rotation (3,3) with which an object stands on a plane, and how likely it is."""

    rotation: np.ndarray
    weight: float


def stable_rests(mesh: Mesh) -> list[Rest]:
    """The faces of the convex hull above which the centre of mass lies, turned down; likely by their area."""
    hull, centre = ConvexHull(mesh.vertices), centre_of_mass(mesh)
    normals, offsets, rests = hull.equations[:, :3], hull.equations[:, 3], []
    left = np.ones(len(normals), bool)
    for n in range(len(normals)):
        if not left[n]:
            continue
        face = left & (normals @ normals[n] > SAME_FACE) & (np.abs(offsets - offsets[n]) < 1e-4)
        left &= ~face
        down = rotation_to_down(normals[n])
        corners = (hull.points[np.unique(hull.simplices[face])] @ down.T)[:, :2]
        outline = cv2.convexHull((1e3 * corners).astype(np.float32))
        inside = cv2.pointPolygonTest(outline, tuple((1e3 * (down @ centre)[:2]).tolist()), True)  # mm
        if inside > 0:
            rests.append(Rest(down, float(cv2.contourArea(outline))))
    if not rests:
        return [Rest(np.eye(3), 1.0)]
    total = sum(rest.weight for rest in rests)
    return [Rest(rest.rotation, rest.weight / total) for rest in rests]


def rotation_to_down(normal: np.ndarray) -> np.ndarray:
    """The shortest rotation (3,3) that takes a unit vector to -z."""
    axis, cosine = np.cross(normal, (0, 0, -1.0)), -normal[2]
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else np.diag([1.0, -1, -1])
    return rotation_exp(axis / sine * np.arctan2(sine, cosine))


def random_rest(rests: Sequence[Rest], rng: np.random.Generator, tilt: float = 0.0) -> np.ndarray:
    """A rotation (3,3): one of the rests, turned about the vertical, tilted by about `tilt` rad."""
    rest = rests[rng.choice(len(rests), p=[rest.weight for rest in rests])]
    lean = rotation_exp(np.append(rng.normal(0, tilt, 2), 0.0))
    return lean @ rotation_exp(np.array([0, 0, rng.uniform(0, 2 * np.pi)])) @ rest.rotation


class Pile:
    """Heights (n,n) m over a square of half width `reach` m about the origin; inf = nothing may be there."""

    def __init__(self, reach: float) -> None:
        self.reach = reach
        count = int(np.ceil(2 * reach / CELL)) + 1
        self.height = np.zeros((count, count), np.float32)
        self._axis = np.arange(count) * CELL - reach

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """x and y (n,n) m of every cell."""
        return np.meshgrid(self._axis, self._axis)

    def landing(
        self, mesh: Mesh, rotation: np.ndarray, xy: np.ndarray, gap: float | None = None
    ) -> RigidTransform | None:
        """Where a mesh comes to lie that is let down at xy (2,) m; None where it cannot.

        With `gap` it must stand on level ground and keep that distance (m) to what stands higher.
        """
        margin = 0 if gap is None else max(round(gap / CELL), 1)
        patch = self._patch(mesh, rotation, xy, margin)
        if patch is None:
            return None
        rows, columns, bottom, _ = patch
        ground = self.height[rows, columns]
        covered = np.isfinite(bottom)
        if gap is not None:
            wide = cv2.dilate(covered.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=margin)
            around = ground[wide > 0]
            if not np.isfinite(around).all() or np.ptp(around) > 1e-6:
                return None
        rise = np.max(ground[covered] - bottom[covered]) + (0.0 if gap is not None else CLEARANCE)
        if not np.isfinite(rise):
            return None
        origin = rotation @ mesh.bounds.mean(0)
        return RigidTransform(rotation, np.array([xy[0] - origin[0], xy[1] - origin[1], rise]))

    def add(self, mesh: Mesh, pose: RigidTransform) -> None:
        """Let the mesh be part of the pile at world_from_object `pose`."""
        xy = (pose.rotation @ mesh.bounds.mean(0) + pose.translation)[:2]
        rows, columns, _, top = self._patch(mesh, pose.rotation, xy)
        self.height[rows, columns] = np.maximum(self.height[rows, columns], top + pose.translation[2])

    def drop(
        self,
        mesh: Mesh,
        rests: Sequence[Rest],
        rng: np.random.Generator,
        spread: float,
        tries: int,
        tilt: float,
    ) -> RigidTransform | None:
        """The lowest of `tries` landings within `spread` m of the middle, as if it had rolled there."""
        best, lowest = None, np.inf
        centre = centre_of_mass(mesh)
        for n in range(tries):
            turned = random_rest(rests, rng, tilt * (n % 2))
            pose = self.landing(mesh, turned, rng.uniform(-spread, spread, 2))
            if pose is not None and pose.apply(centre)[2] < lowest:
                best, lowest = pose, pose.apply(centre)[2]
        return best

    def _patch(self, mesh: Mesh, rotation: np.ndarray, xy: np.ndarray, margin: int = 0):
        """Rows and columns below a mesh; least and greatest z (m, not yet raised) in each, ±inf = none."""
        points = mesh.vertices @ rotation.T
        points = points - np.append((rotation @ mesh.bounds.mean(0))[:2] - xy, 0.0)
        low = np.floor((points[:, :2].min(0) + self.reach) / CELL).astype(int) - 2 - margin
        high = np.ceil((points[:, :2].max(0) + self.reach) / CELL).astype(int) + 3 + margin
        if low.min() < 0 or high.max() > len(self.height):
            return None
        width, height = high - low
        pixels = (points[:, :2] + self.reach) / CELL - low
        bottom, top = (
            np.full((height, width), np.inf, np.float32),
            np.full((height, width), -np.inf, np.float32),
        )
        both = np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])
        for out, sign in ((bottom, 1), (top, -1)):
            hits = rasterize(pixels, FAR + sign * points[:, 2], both, height, width)
            out.ravel()[hits.pixel] = sign * (hits.depth - FAR)
        if not np.isfinite(bottom).any():
            return None
        return slice(low[1], high[1]), slice(low[0], high[0]), bottom, top
