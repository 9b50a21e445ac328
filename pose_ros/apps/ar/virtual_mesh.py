"""A mesh made ready to be drawn again and again: normals, colours as light, both sides if it is open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pose_ros.apps.ar.colour import LINEAR
from pose_ros.geometry.decimate import decimated
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform

CREASE = 40.0  # degrees between two faces from which on the edge between them is sharp
SMALLEST_TEXTURE = 8  # px
BUDGET = 20_000  # triangles; more are not seen at the size of a thing in a picture


@dataclass(frozen=True)
class VirtualMesh:
    """mesh: as drawn. corner_normals (F,3,3): unit, smooth over blunt edges. corner_light (F,3,3): albedo at
    the corners, linear. plane (F,4): `plane @ (x, y, z, 1) > 0` where a face is seen from. pyramid: the
    textures, and again each half as large as before, and so on. note: what was changed.
    """

    mesh: Mesh
    corner_normals: np.ndarray
    corner_light: np.ndarray
    plane: np.ndarray
    pyramid: tuple[tuple[np.ndarray, ...], ...]
    note: str = ""

    @classmethod
    def of(cls, mesh: Mesh) -> VirtualMesh:
        note, closed = "", _is_closed(_welded(mesh.vertices)[mesh.triangles])
        if len(mesh.triangles) > BUDGET:
            note = f"{len(mesh.triangles)} triangles are drawn as {BUDGET} of one colour each"
            mesh = decimated(mesh, BUDGET)
        if not closed:
            mesh = _two_sided(mesh)
        elif _volume(mesh) < 0:
            mesh = _inside_out(mesh)
        normals = mesh.normals
        behind = -np.einsum("fc,fc->f", normals, mesh.vertices[mesh.triangles[:, 0]])
        return cls(
            mesh,
            _corner_normals(mesh, _welded(mesh.vertices)[mesh.triangles]),
            LINEAR[mesh.corner_rgb],
            np.column_stack([normals, behind]),
            _pyramid(mesh.textures),
            note,
        )

    @property
    def is_textured(self) -> bool:
        return bool(self.mesh.textures)

    def facing(self, mesh_from_camera: RigidTransform) -> np.ndarray:
        """Indices of the faces whose outside the camera's centre sees."""
        return np.flatnonzero(self.plane @ [*mesh_from_camera.translation, 1.0] > 0)


def _welded(vertices: np.ndarray) -> np.ndarray:
    """(V,): one number a place; files repeat vertices where colours or textures change."""
    size = max(np.ptp(vertices, axis=0).max(), 1e-9)
    return np.unique(np.rint(vertices / size * 1e5).astype(np.int64), axis=0, return_inverse=True)[1].reshape(
        -1
    )


def _is_closed(corner_of: np.ndarray) -> bool:
    """Every edge is gone along as often in each direction: no inside can be seen."""
    edges = np.concatenate([corner_of[:, [k, (k + 1) % 3]] for k in range(3)])
    edges = edges[edges[:, 0] != edges[:, 1]]
    there, back = edges @ (corner_of.max() + 1, 1), edges @ (1, corner_of.max() + 1)
    return bool(np.array_equal(np.sort(there), np.sort(back)))


def _volume(mesh: Mesh) -> float:
    a, b, c = np.moveaxis((mesh.vertices - mesh.vertices.mean(0))[mesh.triangles], 1, 0)
    return float(np.einsum("fc,fc->", a, np.cross(b, c)) / 6)


def _inside_out(mesh: Mesh) -> Mesh:
    return replace(
        mesh,
        triangles=mesh.triangles[:, ::-1],
        corner_rgb=mesh.corner_rgb[:, ::-1],
        uv=mesh.uv[:, ::-1],
    )


def _two_sided(mesh: Mesh) -> Mesh:
    both = {name: getattr(mesh, name) for name in ("triangles", "corner_rgb", "uv", "texture")}
    other = vars(_inside_out(mesh))
    return replace(mesh, **{name: np.concatenate([values, other[name]]) for name, values in both.items()})


def _corner_normals(mesh: Mesh, corner_of: np.ndarray) -> np.ndarray:
    """At each corner the mean, by area, of the faces that meet there and are turned like this one."""
    normals, areas = mesh.normals, mesh.areas
    corner = corner_of.ravel()
    order = np.argsort(corner, kind="stable")
    first = np.searchsorted(corner[order], np.arange(corner.max() + 2))
    count = np.diff(first)[corner]
    # Every corner with every corner at the same place.
    mine = np.repeat(np.arange(len(corner)), count)
    step = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count, count)
    other = order[first[corner[mine]] + step] // 3
    alike = np.einsum("pc,pc->p", normals[mine // 3], normals[other]) > np.cos(np.radians(CREASE))
    total = np.zeros((len(corner), 3))
    np.add.at(total, mine[alike], normals[other[alike]] * areas[other[alike], None])
    total += 1e-12 * np.repeat(normals, 3, axis=0)  # faces without an area
    return (total / np.linalg.norm(total, axis=1, keepdims=True)).reshape(-1, 3, 3)


def _pyramid(textures: tuple[np.ndarray, ...]) -> tuple[tuple[np.ndarray, ...], ...]:
    levels = [textures]
    while textures and min(min(t.shape[:2]) for t in levels[-1]) >= 2 * SMALLEST_TEXTURE:
        halved = (
            cv2.resize(t, (t.shape[1] // 2, t.shape[0] // 2), interpolation=cv2.INTER_AREA)
            for t in levels[-1]
        )
        levels.append(tuple(halved))
    return tuple(levels)
