"""Colour and exact depth of a still room with moving people, from one camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy import sparse

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.room import Room
from pose_ros.sources.synthetic.solids import Solid, View, cast
from pose_ros.sources.synthetic.wardrobe import TEXTURE, Outfit, atlas

GAMMA = 2.2  # textures are painted as they shall look; light adds up linearly


@dataclass(frozen=True)
class Picture:
    """linear (H,W,3) float32 light, no noise yet; depth (H,W) m; owner (H,W): index of the person, -1 = room.

    cosine (H,W): of the angle between the surface's normal and the ray to the camera.
    """

    linear: np.ndarray
    depth: np.ndarray
    owner: np.ndarray
    cosine: np.ndarray


@dataclass(frozen=True)
class Figure:
    """One person in one frame: clothed vertices (V,3) m in the world, their unit normals (V,3), and looks."""

    vertices: np.ndarray
    normals: np.ndarray
    outfit: Outfit


class Mesh:
    """What all bodies share: triangles, and which vertices share a triangle."""

    def __init__(self) -> None:
        chart = atlas()
        self.triangles, self.uv, self.uv_triangles = chart.model.triangles, chart.uv, chart.uv_triangles
        count, faces = len(chart.vertices.xyz), len(self.triangles)
        rows, columns = self.triangles.ravel(), np.repeat(np.arange(faces), 3)
        self._faces_of = sparse.csr_matrix((np.ones(3 * faces, np.float32), (rows, columns)), (count, faces))

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """(V,3) unit: the mean over the triangles about each vertex, weighted by their area."""
        a, b, c = (vertices[self.triangles[:, k]] for k in range(3))
        summed = self._faces_of @ np.cross(b - a, c - a)
        return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)


@lru_cache(maxsize=1)
def mesh() -> Mesh:
    return Mesh()


class Renderer:
    """A room seen by a camera that stands still: the room is drawn once, people every frame."""

    def __init__(
        self,
        room: Room,
        camera: PinholeCamera,
        world_from_camera: RigidTransform,
        lamps: Sequence[Lamp] | None = None,
    ) -> None:
        """`lamps`: the room's, where they are known already."""
        self.room, self.view = room, View(camera, world_from_camera)
        self.mesh = mesh()
        if lamps is None:
            lamps = [Lamp(position, strength, room.solids) for position, strength in room.lights]
        self._lamps = list(lamps)
        self._rays = self.view.rays().reshape(3, -1).T
        self._draw_room()

    def exposure(self, brightness: float) -> float:
        """A camera's choice: the factor at which the empty room has this mean brightness, white = 1."""
        light = self._room_linear[::16].ravel()
        low, high = 0.0, 1e3
        for _ in range(40):
            middle = (low + high) / 2
            darker = np.minimum(light * middle, 1).mean() < brightness
            low, high = (middle, high) if darker else (low, middle)
        return high

    def picture(self, people: Sequence[Figure]) -> Picture:
        linear, depth, cosine = self._room_linear.copy(), self._room_depth.copy(), self._room_cosine.copy()
        owner = np.full(depth.shape, -1, np.int16)
        shadows = [lamp.shadows(people) for lamp in self._lamps]
        for lamp, direct, texels, shadow in zip(
            self._lamps, self._room_direct, self._room_texels, shadows, strict=True
        ):
            dark = np.flatnonzero(lamp.is_dark(shadow, *texels))
            linear[dark] -= direct[dark]
        for index, figure in enumerate(people):
            hits = rasterize(*self.view.project(figure.vertices), self.mesh.triangles, *self.view.shape)
            front = hits.depth < depth[hits.pixel]
            pixel, z = hits.pixel[front], hits.depth[front]
            triangle, weights = hits.triangle[front], hits.weights[front]
            normal = np.einsum("nk,nkc->nc", weights, figure.normals[self.mesh.triangles[triangle]])
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
            uv = np.einsum("nk,nkc->nc", weights, self.mesh.uv[self.mesh.uv_triangles[triangle]])
            u, v = np.rint(uv * (TEXTURE - 1)).astype(int).T.clip(0, TEXTURE - 1)
            points = self.view.origin + self._rays[pixel] * z[:, None]
            albedo = (figure.outfit.texture[v, u] / np.float32(255)) ** GAMMA
            light = self._ambient(normal)
            for lamp, shadow in zip(self._lamps, shadows, strict=True):
                lit = ~lamp.is_dark(shadow, *lamp.texels(points + 0.02 * normal))
                light = light + lamp.on(points, normal) * lit[:, None]
            linear[pixel], depth[pixel], owner[pixel] = albedo * light, z, index
            cosine[pixel] = _cosine(normal, self._rays[pixel])
        shape = self.view.shape
        return Picture(
            linear.reshape(*shape, 3), depth.reshape(shape), owner.reshape(shape), cosine.reshape(shape)
        )

    def _draw_room(self) -> None:
        depth, normals, owner = cast(self.room.solids, self.view)
        self._room_depth, normals, owner = depth.ravel(), normals.reshape(3, -1).T, owner.ravel()
        points = (
            self.view.origin
            + self._rays * np.where(np.isfinite(self._room_depth), self._room_depth, 0)[:, None]
        )
        albedo = np.zeros(points.shape, np.float32)
        for index in np.unique(owner[owner >= 0]):
            mine = owner == index
            albedo[mine] = self.room.solids[index].colour(points[mine]) ** GAMMA
        self._room_cosine = _cosine(normals, self._rays)
        self._room_linear = (albedo * self._ambient(normals)).astype(np.float32)
        self._room_direct, self._room_texels = [], []
        for lamp in self._lamps:
            texels = lamp.texels(points + 0.02 * normals)
            lit = ~lamp.is_dark(lamp.depth, *texels)
            direct = (albedo * lamp.on(points, normals) * lit[:, None]).astype(np.float32)
            self._room_linear += direct
            self._room_direct.append(direct)
            self._room_texels.append(texels)

    def _ambient(self, normals: np.ndarray) -> np.ndarray:
        return self.room.ambient * (0.75 + 0.25 * normals[:, 2:])


class Lamp:
    """A lamp at the ceiling, and the map of what it lights: a view straight down."""

    SIZE = 512  # px
    REACH = 3.0  # metres aside for each metre down; what lies beyond is in no shadow
    BIAS = 0.05  # m; a surface is not in its own shadow

    def __init__(self, position: np.ndarray, strength: np.ndarray, solids: Sequence[Solid]) -> None:
        self.position, self.strength = position, strength
        focal, centre = (self.SIZE - 1) / (2 * self.REACH), (self.SIZE - 1) / 2
        down = RigidTransform(np.diag([1.0, -1, -1]), position)
        self.view = View(PinholeCamera(focal, focal, centre, centre, self.SIZE, self.SIZE), down)
        self.depth = cast(solids, self.view)[0].ravel()

    def on(self, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """Light (N,3) on matt surfaces that nothing shades."""
        to_lamp = self.position - points
        squared = np.maximum(np.einsum("ij,ij->i", to_lamp, to_lamp), 0.25)
        falls = np.clip(np.einsum("ij,ij->i", normals, to_lamp), 0, None) / squared**1.5
        return falls[:, None] * self.strength

    def texels(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Texel (N,) for points (N,3), and their own depth (N,) in it, 0 where they are off the map."""
        pixels, depth = self.view.project(points)
        column, row = np.rint(pixels).T
        inside = (column >= 0) & (column < self.SIZE) & (row >= 0) & (row < self.SIZE) & (depth > 0)
        texel = np.where(inside, row * self.SIZE + column, 0).astype(np.int32)
        return texel, np.where(inside, depth, 0).astype(np.float32)

    def shadows(self, people: Sequence[Figure]) -> np.ndarray:
        """The map with people in it. Their vertices lie so close that splats of 3 x 3 texels leave no gap."""
        depth = np.full(self.SIZE**2, np.inf, np.float32)
        for figure in people:
            np.minimum.at(depth, *self.texels(figure.vertices))
        depth[0] = np.inf  # where those went that are off the map
        splats = cv2.erode(depth.reshape(self.SIZE, self.SIZE), np.ones((3, 3), np.uint8))
        return np.minimum(splats.ravel(), self.depth)

    def is_dark(self, shadows: np.ndarray, texel: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return shadows[texel] < depth - self.BIAS


def _cosine(normals: np.ndarray, rays: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("ij,ij->i", rays, rays))
    return (-np.einsum("ij,ij->i", normals, rays) / lengths).astype(np.float32)


def develop(picture: Picture, rng: np.random.Generator, exposure: float, noise: float) -> np.ndarray:
    """The photograph: rgb (H,W,3) uint8 with a lens's softness, shot and read noise, gamma."""
    light = cv2.GaussianBlur(picture.linear * np.float32(exposure), (0, 0), 0.6)
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    light += grain * (noise * np.sqrt(np.maximum(light, 0) + 0.02))
    return cv2.convertScaleAbs(np.clip(light, 0, 1) ** np.float32(1 / GAMMA), alpha=255)
