"""Signed-distance field of a mesh on a grid, with its gradient: made once, looked up millions of times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from pose_ros.geometry.mesh import Mesh
from pose_ros.objects.surface import Skin

CELLS = 64  # voxels along the longest side of the object itself
MARGIN = 0.15  # of the longest side, around the object
NEIGHBOURS = 4  # dense points whose triangles are tried for the exact distance


@dataclass(frozen=True)
class DistanceField:
    """values (X,Y,Z,4) float32: signed distance m (negative inside) and its gradient, at voxel centres.

    origin (3,) m: centre of voxel 0,0,0. voxel: its size, m.
    """

    values: np.ndarray
    origin: np.ndarray
    voxel: float


def distance_field(mesh: Mesh, skin: Skin) -> tuple[DistanceField, Skin]:
    """The field, and the skin with its normals turned outwards, whatever the file says.

    Outside is what is connected to the border of the grid without crossing the surface. So holes smaller
    than two voxels do no harm, and an open sheet has an outside on both of its faces.
    """
    low, high = mesh.bounds
    side = float((high - low).max())
    voxel = side / CELLS
    origin = low - MARGIN * side
    shape = np.ceil((high + MARGIN * side - origin) / voxel).astype(int) + 1
    centres = (
        np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1) * voxel + origin
    ).reshape(-1, 3)
    tree = cKDTree(skin.points)
    _, index = tree.query(centres, k=NEIGHBOURS, workers=-1)
    closest, best = np.zeros_like(centres), np.full(len(centres), np.inf)
    owner, steep = np.zeros(len(centres), int), np.zeros(len(centres))
    for k in range(NEIGHBOURS):
        near = index[:, k]
        point = closest_on_triangles(centres, mesh.vertices[mesh.triangles[skin.triangle[near]]])
        offset = centres - point
        distance = np.linalg.norm(offset, axis=1)
        # At an edge two triangles are as near: the one faced more squarely tells the side one is on.
        square = np.abs(np.einsum("ij,ij->i", offset, skin.normals[near]))
        same = np.abs(distance - best) < 1e-6 * voxel
        better = (distance < best) & ~same | same & (square > steep)
        for values, new in ((best, distance), (closest, point), (owner, near), (steep, square)):
            values[better] = new[better]
    outside = _outside(best.reshape(shape) > 0.87 * voxel)
    normals = _outward(skin, outside, origin, voxel)
    offset = centres - closest
    at_surface = best < 0.87 * voxel
    behind = np.einsum("ij,ij->i", offset, normals[owner]) < 0
    sign = np.where(np.where(at_surface, behind, ~outside.ravel()), -1.0, 1.0)
    gradient = offset * (sign / np.maximum(best, 1e-12))[:, None]
    touching = best < 1e-3 * voxel
    gradient[touching] = normals[owner[touching]]
    values = np.concatenate([(sign * best)[:, None], gradient], axis=1).astype(np.float32)
    field = DistanceField(values.reshape(*shape, 4), origin, voxel)
    return field, Skin(skin.points, skin.triangle, normals, skin.colors)


def _outside(free: np.ndarray) -> np.ndarray:
    """Which of the free voxels hang together with the border."""
    labels, _ = ndimage.label(free)
    border = np.zeros_like(free)
    for axis in range(3):
        edge = np.moveaxis(border, axis, 0)
        edge[[0, -1]] = True
    reached = np.setdiff1d(np.unique(labels[border]), [0])
    return np.isin(labels, reached)


def _outward(skin: Skin, outside: np.ndarray, origin: np.ndarray, voxel: float) -> np.ndarray:
    """The skin's normals, turned to the side that is outside.

    Where both sides are, a thin wall or a sheet, the file's own orientation counts, or its reverse if that
    is how most of the rest of the file is.
    """

    def is_outside(points: np.ndarray) -> np.ndarray:
        cell = np.rint((points - origin) / voxel).astype(int)
        return outside[tuple(cell.T.clip(0, np.array(outside.shape)[:, None] - 1))]

    ahead = is_outside(skin.points + 1.8 * voxel * skin.normals)
    behind = is_outside(skin.points - 1.8 * voxel * skin.normals)
    reverse = -1.0 if (behind & ~ahead).sum() > (ahead & ~behind).sum() else 1.0
    sign = np.where(ahead & ~behind, 1.0, np.where(behind & ~ahead, -1.0, reverse))
    return skin.normals * sign[:, None]


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Closest point (N,3) of each triangle (N,3,3) to each point (N,3).

    Source: Ericson, "Real-Time Collision Detection", 5.1.5: the nearest of the plane's foot, if it is
    within, and the three edges.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    squared = np.maximum(np.einsum("ij,ij->i", normal, normal), 1e-30)
    foot = points - normal * (np.einsum("ij,ij->i", points - a, normal) / squared)[:, None]
    best, distance, inside = foot, np.full(len(points), np.inf), np.ones(len(points), bool)
    for start, end in ((a, b), (b, c), (c, a)):
        edge = end - start
        inside &= np.einsum("ij,ij->i", np.cross(edge, foot - start), normal) >= 0
        length = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-30)
        share = np.clip(np.einsum("ij,ij->i", points - start, edge) / length, 0, 1)
        on_edge = start + share[:, None] * edge
        away = np.einsum("ij,ij->i", points - on_edge, points - on_edge)
        nearer = away < distance
        best, distance = np.where(nearer[:, None], on_edge, best), np.where(nearer, away, distance)
    return np.where(inside[:, None], foot, best)
