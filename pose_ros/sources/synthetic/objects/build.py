"""Closed triangle meshes from a few numbers: turned, extruded, joined, and boxes and cans with prints."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform

STEPS = 48  # of a full turn
# Faces of a box: outward axis, and which axes go right and up on it, seen from outside.
BOX_FACES = tuple(
    np.array(face, float)
    for face in (
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)), ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
        ((0, 1, 0), (-1, 0, 0), (0, 0, 1)), ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
        ((0, 0, 1), (1, 0, 0), (0, 1, 0)), ((0, 0, -1), (1, 0, 0), (0, -1, 0)),
    )
)  # fmt: skip
BORDER = 4  # px about each picture of an atlas, so that neighbours do not bleed in


def revolve(profile: Sequence[tuple[float, float]], steps: int = STEPS, closed: bool = False) -> Mesh:
    """A body of revolution about z from its profile of (radius, z) m.

    The outside lies to the right of the profile's direction: up along an outer wall. It begins and ends on
    the axis (radius 0) or, where `closed`, joins its ends.
    """
    radius, z = np.array(profile, float).T
    angle = np.arange(steps) * (2 * np.pi / steps)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    rows = np.concatenate(
        [radius[:, None, None] * ring, np.broadcast_to(z[:, None, None], (len(z), steps, 1))], -1
    )
    first, second = _rows(len(z), closed)
    here, there = np.arange(steps), (np.arange(steps) + 1) % steps
    a, b = first[:, None] * steps + here, first[:, None] * steps + there
    c, d = second[:, None] * steps + there, second[:, None] * steps + here
    quads = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    return tidy(rows.reshape(-1, 3), quads)


def _rows(count: int, closed: bool) -> tuple[np.ndarray, np.ndarray]:
    first = np.arange(count if closed else count - 1)
    return first, (first + 1) % count


def extrude(polygon: Sequence[tuple[float, float]], height: float) -> Mesh:
    """A prism over a simple polygon (P,2) m, counter-clockwise, from z = -height/2 to height/2."""
    outline = np.array(polygon, float)
    count = len(outline)
    caps = np.array(_ears(outline))
    vertices = np.concatenate([np.c_[outline, np.full(count, z)] for z in (-height / 2, height / 2)])
    here = np.arange(count)
    there = (here + 1) % count
    walls = [np.stack([here, there, there + count], 1), np.stack([here, there + count, here + count], 1)]
    return Mesh.plain(vertices, np.concatenate([caps[:, ::-1], caps + count, *walls]))


def _ears(outline: np.ndarray) -> list[tuple[int, int, int]]:
    """Triangles of a simple counter-clockwise polygon, cut off ear by ear."""
    left, triangles = list(range(len(outline))), []
    while len(left) > 3:
        for k in range(len(left)):
            ear = left[k - 1], left[k], left[(k + 1) % len(left)]
            a, b, c = outline[list(ear)]
            if _turn(a, b, c) <= 1e-15:
                continue
            others = outline[[i for i in left if i not in ear]]
            inside = (_turn(a, b, others) >= 0) & (_turn(b, c, others) >= 0) & (_turn(c, a, others) >= 0)
            if not inside.any():
                triangles.append(ear)
                left.pop(k)
                break
        else:
            raise ValueError("the polygon crosses itself or runs clockwise")
    return [*triangles, tuple(left)]


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the area of a, b, c (…,2): positive counter-clockwise."""
    return (b[0] - a[0]) * (c[..., 1] - a[1]) - (b[1] - a[1]) * (c[..., 0] - a[0])


def regular(corners: int, radius: float) -> np.ndarray:
    """A regular polygon (corners,2), its first corner on x."""
    angle = np.arange(corners) * (2 * np.pi / corners)
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def box(size: Sequence[float]) -> Mesh:
    """A box with edges `size` (3,) m about the origin."""
    half = np.array(size, float) / 2
    return extrude(
        [(half[0], half[1]), (-half[0], half[1]), (-half[0], -half[1]), (half[0], -half[1])], size[2]
    )


def sweep(path: np.ndarray, radius: float, steps: int = 16) -> Mesh:
    """A round bar along a path (P,3) m that lies in one plane, with flat ends."""
    path = np.asarray(path, float)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normal = np.linalg.svd(path - path.mean(0))[2][2]
    side = np.cross(along, normal)
    angle = np.arange(steps) * (2 * np.pi / steps)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * normal
    rings = path[:, None] + radius * ring
    rows = np.concatenate([np.repeat(path[:1, None], steps, 1), rings, np.repeat(path[-1:, None], steps, 1)])
    first, second = _rows(len(rows), False)
    here, there = np.arange(steps), (np.arange(steps) + 1) % steps
    a, b = first[:, None] * steps + here, first[:, None] * steps + there
    c, d = second[:, None] * steps + there, second[:, None] * steps + here
    quads = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], axis=2).reshape(-1, 3)
    bar = tidy(rows.reshape(-1, 3), quads)
    return bar if volume(bar) > 0 else flipped(bar)


def volume(mesh: Mesh) -> float:
    """m³; negative where a closed mesh is inside out."""
    a, b, c = (mesh.vertices[mesh.triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def flipped(mesh: Mesh) -> Mesh:
    return Mesh.plain(mesh.vertices, mesh.triangles[:, ::-1])


def tidy(vertices: np.ndarray, triangles: np.ndarray) -> Mesh:
    """Without vertices that coincide and triangles that have no area."""
    keys = np.round(vertices, 9) + 0.0
    _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    triangles = place.reshape(-1)[triangles]
    a, b, c = triangles.T
    return Mesh.plain(vertices[first], triangles[(a != b) & (b != c) & (c != a)])


def join(*parts: Mesh) -> Mesh:
    """Several plain meshes as one; closed parts may stick into each other."""
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    vertices = np.concatenate([part.vertices for part in parts])
    triangles = np.concatenate([part.triangles + offset for part, offset in zip(parts, offsets, strict=True)])
    rgb = np.concatenate([part.corner_rgb for part in parts])
    joined = Mesh.plain(vertices, triangles, rgb)
    return joined if any(part.has_color for part in parts) else Mesh.plain(vertices, triangles)


def at(
    mesh: Mesh, x: float = 0.0, y: float = 0.0, z: float = 0.0, rotation: np.ndarray | None = None
) -> Mesh:
    """The mesh turned about its origin, then moved by x, y, z m."""
    return mesh.moved(RigidTransform(np.eye(3) if rotation is None else rotation, np.array([x, y, z], float)))


def painted(mesh: Mesh, rgb: Sequence[int] | np.ndarray) -> Mesh:
    """One colour (3,), or one a triangle (F,3)."""
    rgb = np.asarray(rgb, np.uint8)
    return Mesh.plain(
        mesh.vertices, mesh.triangles, rgb if rgb.ndim == 1 else np.repeat(rgb[:, None], 3, axis=1)
    )


def atlas(pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures below each other in one, and the place (N,4) of each: u0, v0, u1, v1, v upwards."""
    width = max(picture.shape[1] for picture in pictures) + 2 * BORDER
    height = sum(picture.shape[0] + 2 * BORDER for picture in pictures)
    sheet, places, top = np.zeros((height, width, 3), np.uint8), [], 0
    for picture in pictures:
        h, w = picture.shape[:2]
        framed = cv2.copyMakeBorder(picture, *[BORDER] * 4, cv2.BORDER_REPLICATE)
        sheet[top : top + h + 2 * BORDER, : w + 2 * BORDER] = framed
        upper = top + BORDER
        places.append((BORDER / width, 1 - (upper + h) / height, (BORDER + w) / width, 1 - upper / height))
        top += h + 2 * BORDER
    return sheet, np.array(places)


def textured(vertices: np.ndarray, triangles: np.ndarray, uv: np.ndarray, sheet: np.ndarray) -> Mesh:
    """uv (F,3,2) of every corner in the picture `sheet`."""
    faces = len(triangles)
    grey = np.full((faces, 3, 3), 160, np.uint8)
    return Mesh(vertices, triangles, grey, uv, np.zeros(faces, int), (sheet,), True)


def printed_box(size: Sequence[float], prints: Sequence[np.ndarray]) -> Mesh:
    """A box with a picture (h,w,3) on each face, in the order of BOX_FACES, upright as each face sees it."""
    sheet, places = atlas(prints)
    half = np.array(size, float) / 2
    vertices, triangles, uv = [], [], []
    for (out, right, up), (u0, v0, u1, v1) in zip(BOX_FACES, places, strict=True):
        corners = [
            out * half + sx * right * half + sy * up * half for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        uvs = np.array([(u0, v0), (u1, v0), (u1, v1), (u0, v1)])
        start = len(vertices)
        vertices += corners
        for triangle in ((0, 1, 2), (0, 2, 3)):
            triangles.append([start + k for k in triangle])
            uv.append(uvs[list(triangle)])
    # Corners are shared, so that the mesh is closed in its topology, too.
    vertices, place = np.unique(np.round(vertices, 9), axis=0, return_inverse=True)
    return textured(vertices, place.reshape(-1)[np.array(triangles)], np.array(uv), sheet)


def printed_turning(
    profile: Sequence[tuple[float, float]], wall: tuple[float, float], prints: Sequence[np.ndarray]
) -> Mesh:
    """A body of revolution, prints[0] wrapped about it between the heights `wall`, prints[1] on the rest."""
    mesh = revolve(profile)
    sheet, places = atlas(prints)
    corners = mesh.vertices[mesh.triangles]
    turn = np.arctan2(corners[..., 1], corners[..., 0]) / (2 * np.pi) % 1.0
    # The seam's triangles go on beyond 1 instead of back to 0.
    turn = np.where((np.ptp(turn, axis=1) > 0.5)[:, None] & (turn < 0.5), turn + 1, turn)
    up = (corners[..., 2] - wall[0]) / (wall[1] - wall[0])
    on_axis = np.hypot(corners[..., 0], corners[..., 1]) < 1e-9
    is_wall = ((up > -1e-6) & (up < 1 + 1e-6)).all(1) & ~on_axis.any(1) & (np.abs(mesh.normals[:, 2]) < 0.9)
    reach = np.hypot(*np.array(profile)[:, :1].T, 0).max()
    wrapped = _into(places[0], np.stack([turn, up], -1))
    lid = _into(places[1], 0.5 + 0.5 * corners[..., :2] / reach)
    return textured(mesh.vertices, mesh.triangles, np.where(is_wall[:, None, None], wrapped, lid), sheet)


def _into(place: np.ndarray, uv: np.ndarray) -> np.ndarray:
    return place[:2] + uv * (place[2:] - place[:2])
