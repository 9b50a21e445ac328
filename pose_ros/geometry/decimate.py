"""Fewer triangles that look much the same: vertices that share a cell of a grid become one.

Source: Rossignac and Borrel, "Multi-resolution 3D approximations for rendering complex scenes", 1993.
"""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.mesh import Mesh

COARSEST, FINEST = 3, 256  # cells along the longest side


def decimated(mesh: Mesh, budget: int) -> Mesh:
    """The mesh with at most `budget` triangles (or as few as its coarsest grid has), one colour each."""
    if len(mesh.triangles) <= budget:
        return _flat(mesh, mesh.vertices, mesh.triangles, np.arange(len(mesh.triangles)))
    low, high = COARSEST, FINEST
    best = _clustered(mesh, low)
    while high - low > 1:  # the finest grid that keeps within the budget
        cells = (low + high) // 2
        finer = _clustered(mesh, cells)
        if len(finer[1]) <= budget:
            best, low = finer, cells
        else:
            high = cells
    return _flat(mesh, *best)


def _clustered(mesh: Mesh, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, triangles, and the triangle of `mesh` each comes from, with one vertex a grid cell."""
    low, high = mesh.bounds
    cell = np.floor((mesh.vertices - low) / (np.ptp([low, high], axis=0).max() / cells)).astype(int)
    _, cluster, count = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
    cluster = cluster.reshape(-1)
    vertices = np.zeros((len(count), 3))
    np.add.at(vertices, cluster, mesh.vertices)
    vertices /= count[:, None]
    triangles = cluster[mesh.triangles]
    a, b, c = triangles.T
    kept = np.flatnonzero((a != b) & (b != c) & (c != a))
    _, first = np.unique(np.sort(triangles[kept], axis=1), axis=0, return_index=True)
    return vertices, triangles[kept[first]], kept[first]


def _flat(mesh: Mesh, vertices: np.ndarray, triangles: np.ndarray, origin: np.ndarray) -> Mesh:
    middle = np.full((len(origin), 3), 1 / 3)
    rgb = np.repeat(mesh.colors(origin, middle)[:, None], 3, axis=1)
    return Mesh.plain(vertices, triangles, rgb)
