"""Colour and exact depth of a still room with moving people, from one camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from scipy import sparse

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.raster import rasterize
from pose_ros.sources.synthetic.room import Room, Solid
from pose_ros.sources.synthetic.wardrobe import TEXTURE, Outfit, atlas

SHADOW_MAP = 384  # px
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

    def __init__(self, room: Room, camera: PinholeCamera, world_from_camera: RigidTransform) -> None:
        self.room, self.camera, self.world_from_camera = room, camera, world_from_camera
        self.camera_from_world = world_from_camera.inverse()
        self.mesh = mesh()
        self._rays = camera.ray_grid.reshape(-1, 3) @ world_from_camera.rotation.T.astype(np.float32)
        self._draw_room()

    def picture(self, people: Sequence[Figure]) -> Picture:
        size = (self.camera.height, self.camera.width)
        linear, depth = self._room_linear.copy(), self._room_depth.copy()
        owner, cosine = np.full(depth.shape, -1, np.int16), self._room_cosine.copy()
        blocked = [self._shadow_map(light, people) for light, _ in self.room.lights]
        linear -= sum(
            direct * self._in_shadow(shadow, self._room_points)[:, None]
            for direct, shadow in zip(self._room_direct, blocked, strict=True)
        )
        for index, figure in enumerate(people):
            seen = self.camera_from_world.apply(figure.vertices)
            focal, centre = (self.camera.fx, self.camera.fy), (self.camera.cx, self.camera.cy)
            pixels = seen[:, :2] / seen[:, 2:] * focal + centre
            surface = rasterize(pixels, seen[:, 2], self.mesh.triangles, *size)
            z = surface.depth.ravel()
            front = np.flatnonzero(z < depth)
            triangle, weights = surface.triangle.ravel()[front], surface.weights.reshape(-1, 3)[front]
            normal = np.einsum("nk,nkc->nc", weights, figure.normals[self.mesh.triangles[triangle]])
            normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
            uv = np.einsum("nk,nkc->nc", weights, self.mesh.uv[self.mesh.uv_triangles[triangle]])
            u, v = np.rint(uv * (TEXTURE - 1)).astype(int).T.clip(0, TEXTURE - 1)
            points = self.world_from_camera.translation + self._rays[front] * z[front, None]
            linear[front] = self._shade(
                figure.outfit.texture[v, u] / np.float32(255), points, normal, blocked
            )
            depth[front], owner[front] = z[front], index
            cosine[front] = self._cosine(normal, self._rays[front])
        return Picture(
            linear.reshape(*size, 3), depth.reshape(size), owner.reshape(size), cosine.reshape(size)
        )

    def _draw_room(self) -> None:
        origin, count = self.world_from_camera.translation, len(self._rays)
        nearest, normals = np.full(count, np.inf), np.zeros((count, 3))
        owner = np.full(count, -1)
        for index, solid in enumerate(self.room.solids):
            t, normal = solid.hit(origin, self._rays)
            closer = t < nearest
            nearest[closer], normals[closer], owner[closer] = t[closer], normal[closer], index
        points = origin + self._rays * np.where(np.isfinite(nearest), nearest, 0)[:, None]
        albedo = np.zeros((count, 3))
        for index, solid in enumerate(self.room.solids):
            mine = owner == index
            if mine.any():
                albedo[mine] = solid.colour(points[mine]) ** GAMMA
        self._room_depth = nearest.astype(np.float32)  # rays have z = 1, so that t is depth
        self._room_points = points.astype(np.float32)
        self._room_cosine = self._cosine(normals, self._rays).astype(np.float32)
        self._room_direct = []
        linear = albedo * self._ambient(normals)
        for light, strength in self.room.lights:
            lit = ~_any_between(self.room.solids, points + 1e-3 * normals, light)
            direct = albedo * (lit * _lambert(points, normals, light))[:, None] * strength
            self._room_direct.append(direct.astype(np.float32))
            linear = linear + direct
        self._room_linear = linear.astype(np.float32)

    def _shade(self, albedo, points, normals, blocked) -> np.ndarray:
        light = self._ambient(normals)
        for (position, strength), shadow in zip(self.room.lights, blocked, strict=True):
            open_ = 1 - self._in_shadow(shadow, points + 0.02 * normals)
            light = light + (open_ * _lambert(points, normals, position))[:, None] * strength
        return albedo**GAMMA * light

    def _ambient(self, normals: np.ndarray) -> np.ndarray:
        return self.room.ambient * (0.75 + 0.25 * normals[:, 2:])

    def _shadow_map(self, light: np.ndarray, people: Sequence[Figure]) -> _ShadowMap | None:
        """What stands between the light and the floor, looking straight down; None where nobody is."""
        vertices = np.concatenate([np.zeros((0, 3)), *(figure.vertices for figure in people)])
        below = light[2] - vertices[:, 2]
        if not len(vertices) or below.min() < 0.2:
            return None
        slopes = (vertices[:, :2] - light[:2]) / below[:, None]
        low, high = slopes.min(0) - 0.02, slopes.max(0) + 0.02
        scale = (SHADOW_MAP - 1) / (high - low)
        # Rows grow with y, so that what faces the lamp winds the other way than in a picture.
        count = len(people[0].vertices)
        triangles = np.concatenate([self.mesh.triangles[:, ::-1] + k * count for k in range(len(people))])
        surface = rasterize((slopes - low) * scale, below, triangles, SHADOW_MAP, SHADOW_MAP)
        return _ShadowMap(light, low, scale, surface.depth)

    def _in_shadow(self, shadow: _ShadowMap | None, points: np.ndarray) -> np.ndarray:
        return np.zeros(len(points), np.float32) if shadow is None else shadow.covers(points)

    @staticmethod
    def _cosine(normals: np.ndarray, rays: np.ndarray) -> np.ndarray:
        return -np.einsum("ij,ij->i", normals, rays) / np.linalg.norm(rays, axis=1)


@dataclass(frozen=True)
class _ShadowMap:
    light: np.ndarray
    low: np.ndarray
    scale: np.ndarray
    depth: np.ndarray

    def covers(self, points: np.ndarray) -> np.ndarray:
        """1 where something lies between a point (N,3) and the light, else 0."""
        below = self.light[2] - points[:, 2]
        place = ((points[:, :2] - self.light[:2]) / np.maximum(below, 1e-3)[:, None] - self.low) * self.scale
        inside = ((place >= 0) & (place <= SHADOW_MAP - 1)).all(1) & (below > 1e-3)
        column, row = np.where(inside[:, None], place, 0).astype(int).T
        return (inside & (self.depth[row, column] < below - 0.03)).astype(np.float32)


def _lambert(points: np.ndarray, normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Light on a matt surface (N,) from a lamp of strength 1 at a metre."""
    to_light = light - points
    squared = np.maximum(np.einsum("ij,ij->i", to_light, to_light), 0.25)
    return np.clip(np.einsum("ij,ij->i", normals, to_light), 0, None) / squared**1.5


def _any_between(solids: Sequence[Solid], points: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Whether a solid stands between points (N,3) and a lamp."""
    blocked = np.zeros(len(points), bool)
    for solid in solids:
        t, _ = solid.hit(light, points - light)
        blocked |= t < 0.995
    return blocked


def develop(picture: Picture, rng: np.random.Generator, exposure: float, noise: float) -> np.ndarray:
    """The photograph: rgb (H,W,3) uint8 with a lens's softness, shot and read noise, gamma."""
    light = cv2.GaussianBlur(picture.linear * np.float32(exposure), (0, 0), 0.6)
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    light += grain * (noise * np.sqrt(np.maximum(light, 0) + 0.02))
    return cv2.convertScaleAbs(np.clip(light, 0, 1) ** np.float32(1 / GAMMA), alpha=255)
