"""Colour, exact depth and owner of every pixel of things on a table before a camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import NEAR, rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.render import GAMMA, Lamp, Picture
from pose_ros.sources.synthetic.solids import Solid, View, cast

CREASE = np.cos(np.radians(35))  # edges sharper than this stay sharp


@dataclass(frozen=True)
class Item:
    """A mesh in the scene. paint (3,) rgb in [0,1] where the mesh has no colours; gloss in [0,1]: how shiny.

    model: number of the model that is to be found, 0 = nobody knows it.
    """

    mesh: Mesh
    world_from_object: RigidTransform
    model: int = 0
    paint: np.ndarray = field(default_factory=lambda: np.full(3, 0.5))
    gloss: float = 0.0


@dataclass(frozen=True)
class Stage:
    """What things lie on and before, and its light: lamps as position (3,) m and strength rgb (3,)."""

    solids: tuple[Solid, ...]
    lamps: tuple[tuple[np.ndarray, np.ndarray], ...]
    ambient: np.ndarray


@dataclass(frozen=True)
class Silhouette:
    """What a view sees of one item alone, also beyond its border.

    inside (M,) bool: in the picture. pixel (M,): row * width + column there, meaningless outside.
    """

    inside: np.ndarray
    pixel: np.ndarray
    depth: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def silhouette(item: Item, view: View) -> Silhouette:
    height, width = view.shape
    pixels, depth = view.project(item.world_from_object.apply(item.mesh.vertices))
    front = depth > NEAR
    some = pixels[front] if front.any() else np.zeros((1, 2))
    low = np.floor(np.clip(some.min(0), (-width, -height), (2 * width, 2 * height))).astype(int)
    high = np.ceil(np.clip(some.max(0), (-width, -height), (2 * width, 2 * height))).astype(int) + 1
    size = high - low
    triangles, faces = _two_sided(item.mesh), len(item.mesh.triangles)
    hits = rasterize(pixels - low, depth, triangles, size[1], size[0])
    row, column = np.divmod(hits.pixel, size[0])
    row, column = row + low[1], column + low[0]
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    back = hits.triangle >= faces
    weights = np.where(back[:, None], hits.weights[:, ::-1], hits.weights)
    return Silhouette(inside, row * width + column, hits.depth, hits.triangle % faces, weights)


def _two_sided(mesh: Mesh) -> np.ndarray:
    """Triangles, those of an open mesh also seen from behind."""
    edges = np.sort(mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    count = np.unique(edges, axis=0, return_counts=True)[1]
    if (count == 2).all():
        return mesh.triangles
    return np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])


def draw(stage: Stage, items: Sequence[Item], view: View) -> Picture:
    """The picture with all items; `owner` is an item's index, -1 = stage."""
    depth, normals, owner = cast(stage.solids, view)
    rays = view.rays().reshape(3, -1).T
    depth, normals, solid = depth.ravel(), np.ascontiguousarray(normals.reshape(3, -1).T), owner.ravel()
    owner = np.full(len(depth), -1, np.int16)
    albedo, gloss = np.zeros((len(depth), 3), np.float32), np.zeros(len(depth), np.float32)
    for index, item in enumerate(items):
        seen = silhouette(item, view)
        near = np.flatnonzero(seen.inside)
        near = near[seen.depth[near] < depth[seen.pixel[near]]]
        pixel, triangle, weights = seen.pixel[near], seen.triangle[near], seen.weights[near]
        depth[pixel], owner[pixel], gloss[pixel] = seen.depth[near], index, item.gloss
        normal = np.einsum("mk,mkc->mc", weights, _normals_of(item.mesh)[triangle])
        normal = normal @ item.world_from_object.rotation.T
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        away = np.einsum("mc,mc->m", normal, rays[pixel]) > 0  # the back of an open mesh
        normals[pixel] = np.where(away[:, None], -normal, normal)
        albedo[pixel] = _albedo(
            item, triangle, weights, np.median(seen.depth[near]) / view.camera.fx if len(near) else 1
        )
    points = view.origin + rays * np.where(np.isfinite(depth), depth, 0)[:, None]
    for index in np.unique(solid[(owner < 0) & (solid >= 0)]):
        mine = (solid == index) & (owner < 0)
        albedo[mine] = stage.solids[index].colour(points[mine]) ** GAMMA
    lengths = np.sqrt(np.einsum("ij,ij->i", rays, rays))
    to_eye = -rays / lengths[:, None]
    light = albedo * stage.ambient * (0.75 + 0.25 * normals[:, 2:])
    for position, strength in stage.lamps:
        lamp = DeskLamp(position, strength, stage.solids, items)
        lit = lamp.lit(points + 0.004 * normals)
        light += (albedo * lamp.on(points, normals) + lamp.shine(points, normals, to_eye, gloss)) * lit[
            :, None
        ]
    cosine = np.einsum("ij,ij->i", normals, to_eye)
    shape = view.shape
    return Picture(
        light.astype(np.float32).reshape(*shape, 3), depth.reshape(shape), owner.reshape(shape),
        cosine.astype(np.float32).reshape(shape),
    )  # fmt: skip


def _albedo(item: Item, triangle: np.ndarray, weights: np.ndarray, metres_a_pixel: float) -> np.ndarray:
    if not item.mesh.has_color:
        return np.broadcast_to(item.paint**GAMMA, (len(triangle), 3))
    mesh = item.mesh
    if mesh.textures:
        level = int(np.clip(np.log2(max(texels_a_metre(mesh) * metres_a_pixel, 1)), 0, 5))
        mesh = _shrunk(mesh, level)
    return (mesh.colors(triangle, weights) / 255) ** GAMMA


class _ByIdentity:
    """A key for caches: arrays cannot be compared, but one mesh is always the same object."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh

    def __hash__(self) -> int:
        return id(self.mesh)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByIdentity) and self.mesh is other.mesh


def _shrunk(mesh: Mesh, level: int) -> Mesh:
    return _cached_shrunk(_ByIdentity(mesh), level) if level else mesh


@lru_cache(maxsize=64)
def _cached_shrunk(key: _ByIdentity, level: int) -> Mesh:
    """The mesh with pictures 2^level times smaller: what a pixel sees is the mean of its texels."""
    mesh = key.mesh
    small = tuple(
        cv2.resize(
            picture, [max(side >> level, 1) for side in picture.shape[1::-1]], interpolation=cv2.INTER_AREA
        )
        for picture in mesh.textures
    )
    return Mesh(mesh.vertices, mesh.triangles, mesh.corner_rgb, mesh.uv, mesh.texture, small, True)


def texels_a_metre(mesh: Mesh) -> float:
    return _cached_texels(_ByIdentity(mesh))


@lru_cache(maxsize=64)
def _cached_texels(key: _ByIdentity) -> float:
    mesh = key.mesh
    sizes = np.array([(picture.shape[1], picture.shape[0]) for picture in mesh.textures])[
        mesh.texture.clip(0)
    ]
    a, b = ((mesh.uv[:, k] - mesh.uv[:, 0]) * sizes for k in (1, 2))
    texels = np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    return float(np.sqrt(texels[mesh.texture >= 0].sum() / mesh.areas[mesh.texture >= 0].sum()))


def _normals_of(mesh: Mesh) -> np.ndarray:
    return _cached_normals(_ByIdentity(mesh))


@lru_cache(maxsize=64)
def _cached_normals(key: _ByIdentity) -> np.ndarray:
    """Unit normals (F,3,3) at the corners of triangles: smooth within CREASE, else the triangle's own."""
    mesh = key.mesh
    flat, faces = mesh.normals, len(mesh.triangles)
    place = np.unique(np.round(mesh.vertices, 7), axis=0, return_inverse=True)[1].reshape(-1)
    corner = place[mesh.triangles].ravel()
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner)
    start = np.cumsum(count) - count
    # Every pair of corners that lie at one place.
    repeat = count[corner]
    mine = np.repeat(np.arange(3 * faces), repeat)
    step = np.arange(len(mine)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    other = order[start[corner[mine]] + step]
    near = np.einsum("ij,ij->i", flat[mine // 3], flat[other // 3]) > CREASE
    summed = np.zeros((3 * faces, 3))
    np.add.at(summed, mine[near], (flat * mesh.areas[:, None])[other[near] // 3])
    summed /= np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30)
    return summed.reshape(faces, 3, 3).astype(np.float32)


class DeskLamp(Lamp):
    """A lamp above a table; its map is finer than a room's, and things are drawn into it exactly."""

    REACH = 0.75
    BIAS = 0.004

    def __init__(self, position, strength, solids: Sequence[Solid], items: Sequence[Item]) -> None:
        super().__init__(position, strength, solids)
        self.depth = self.depth.copy()
        for item in items:
            pixels, depth = self.view.project(item.world_from_object.apply(item.mesh.vertices))
            hits = rasterize(pixels, depth, _two_sided(item.mesh), self.SIZE, self.SIZE)
            self.depth[hits.pixel] = np.minimum(self.depth[hits.pixel], hits.depth)

    def lit(self, points: np.ndarray) -> np.ndarray:
        """(N,) in [0,1]: the share of a lamp that is not a point which reaches each point."""
        soft = np.zeros(len(points), np.float32)
        offsets = 0.004 * np.array([(0, 0), (1, 0.3), (-0.3, 1), (-1, -0.3), (0.3, -1)])
        for dx, dy in offsets:
            soft += ~self.is_dark(self.depth, *self.texels(points + (dx, dy, 0)))
        return soft / len(offsets)

    def shine(
        self, points: np.ndarray, normals: np.ndarray, to_eye: np.ndarray, gloss: np.ndarray
    ) -> np.ndarray:
        """Light (N,3) that a surface mirrors, Blinn's way."""
        to_lamp = self.position - points
        squared = np.maximum(np.einsum("ij,ij->i", to_lamp, to_lamp), 0.25)
        half = to_lamp / np.sqrt(squared)[:, None] + to_eye
        half /= np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-9)
        mirrored = np.clip(np.einsum("ij,ij->i", normals, half), 0, 1) ** 60 * gloss / squared
        return mirrored[:, None] * self.strength
