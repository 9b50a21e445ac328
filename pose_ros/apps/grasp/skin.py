"""Points spread over the outside of a mesh, their normals pointing outwards, and rays through it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import Mesh
from pose_ros.shapes import check_shape

SPACING = 0.0022  # m between neighbouring points, about
FEWEST, MOST = 2500, 16000
TILTS = 0.15  # rad; rays that tell inside from outside are tilted, not to run along edges


@dataclass(frozen=True)
class Skin:
    """points (S,3) m and unit normals (S,3) in the object's frame. area: of the surface for each point, m².

    center (3,): of mass, were the object solid.
    """

    points: np.ndarray
    normals: np.ndarray
    area: float
    center: np.ndarray

    def __post_init__(self) -> None:
        check_shape("points", self.points, ("S", 3))
        check_shape("normals", self.normals, (len(self.points), 3))
        check_shape("center", self.center, (3,))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def extent(self) -> float:
        """Diagonal of the box along the axes, m."""
        return float(np.linalg.norm(np.ptp(self.points, axis=0)))


class Rays:
    """Casts rays through a mesh; normals are turned outwards where the file has them inwards."""

    def __init__(self, mesh: Mesh) -> None:
        try:
            import trimesh
        except ImportError as error:
            raise MeshError("grasps are sought with trimesh: pip install 'pose_ros[objects]'") from error
        used, triangles = np.unique(mesh.triangles, return_inverse=True)
        self._mesh = trimesh.Trimesh(mesh.vertices[used], triangles.reshape(-1, 3), process=False)
        self.sign = 1.0 if signed_volume(mesh) >= 0 else -1.0
        self._normals = self.sign * mesh.normals
        self._size = float(np.linalg.norm(np.ptp(mesh.bounds, axis=0)))

    def through(
        self, origins: np.ndarray, directions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All hits of rays (M,3): the ray (H,), the place (H,3) m, the outward normal (H,3)."""
        try:
            places, ray, triangle = self._mesh.ray.intersects_location(
                origins, directions, multiple_hits=True
            )
        except ImportError as error:
            raise MeshError(f"rays need embreex or rtree: pip install embreex ({error})") from error
        return np.asarray(ray, int), np.asarray(places, float).reshape(-1, 3), self._normals[triangle]

    def depth(self, points: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(M,) in how many closed parts of the mesh the points lie: exits less entries of a ray."""
        start = points + 1e-5 * self._size * directions
        ray, _, normals = self.through(start, directions)
        crossing = np.sign((normals * directions[ray]).sum(1))
        return np.bincount(ray, crossing, minlength=len(points))


def signed_volume(mesh: Mesh) -> float:
    """m³; negative where triangles are seen from inside counter-clockwise."""
    middle = mesh.bounds.mean(0)
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] - middle for k in range(3))
    return float((np.cross(a, b) * c).sum() / 6)


def center_of_mass(mesh: Mesh) -> np.ndarray:
    """(3,) m of the solid; of the surface where the mesh is not closed enough to have a volume inside it."""
    corners = mesh.vertices[mesh.triangles]
    middle = mesh.bounds.mean(0)
    a, b, c = (corners[:, k] - middle for k in range(3))
    volumes = (np.cross(a, b) * c).sum(1)
    low, high = mesh.bounds
    if abs(volumes.sum()) > 1e-12:
        solid = middle + (volumes[:, None] * (a + b + c)).sum(0) / (4 * volumes.sum())
        if np.all(solid > low) and np.all(solid < high):
            return solid
    return np.average(corners.mean(1), axis=0, weights=mesh.areas)


def skin_of(mesh: Mesh, rays: Rays, rng: np.random.Generator) -> Skin:
    """Samples of the outside: what lies within another part of the mesh cannot be touched."""
    count = int(np.clip(mesh.areas.sum() / SPACING**2, FEWEST, MOST))
    triangle, weights = mesh.sample(count, rng)
    points, normals = mesh.points(triangle, weights), rays.sign * mesh.normals[triangle]
    depth = []
    for _ in range(3):
        tilted = normals + rng.uniform(-TILTS, TILTS, normals.shape)
        depth.append(rays.depth(points, tilted / np.linalg.norm(tilted, axis=1, keepdims=True)))
    outside = np.median(depth, axis=0) < 0.5
    if outside.mean() < 0.1:  # a mesh whose normals mean nothing
        outside[:] = True
    return Skin(points[outside], normals[outside], float(mesh.areas.sum()) / count, center_of_mass(mesh))
