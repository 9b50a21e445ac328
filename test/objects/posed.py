"""Pictures of posed meshes before a wall, by the rasteriser: exact, or with a depth sensor's noise."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.model import ObjectModel, onboard
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.types import RGBDFrame

CAMERA = PinholeCamera(600.0, 602.0, 321.0, 238.0, 640, 480)
WALL = 1.4  # m


def random_pose(rng: np.random.Generator, distance: float = 0.6) -> RigidTransform:
    """camera_from_object, somewhere in the middle of the picture."""
    rotation = rotation_exp(rng.normal(size=3) * 2)
    return RigidTransform(rotation, np.array([*rng.uniform(-0.06, 0.06, 2), distance]))


def about(mesh: Mesh, pose: RigidTransform) -> RigidTransform:
    """The pose, moved so that the middle of the mesh is where its origin would be."""
    return RigidTransform(pose.rotation, pose.translation - pose.rotation @ mesh.bounds.mean(0))


def frame_of(
    things: list[tuple[Mesh, RigidTransform]],
    rng: np.random.Generator | None = None,
    camera: PinholeCamera = CAMERA,
    stamp_ns: int = 10**9,
) -> tuple[RGBDFrame, np.ndarray]:
    """The frame, and which thing each pixel shows (H,W), -1 = the wall. `rng` adds a depth sensor's noise."""
    shape = camera.height, camera.width
    depth = np.full(shape[0] * shape[1], WALL)
    owner = np.full(depth.shape, -1)
    rgb = np.full((*depth.shape, 3), (90, 110, 100), np.uint8)
    cosine = np.ones(depth.shape)
    for index, (mesh, pose) in enumerate(things):
        points = pose.apply(mesh.vertices)
        two_sided = np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])
        hits = rasterize(camera.project(points), points[:, 2], two_sided, *shape)
        front = hits.depth < depth[hits.pixel]
        pixel, triangle, weights = hits.pixel[front], hits.triangle[front], hits.weights[front]
        turned = triangle >= len(mesh.triangles)
        weights = np.where(turned[:, None], weights[:, ::-1], weights)
        triangle = triangle % len(mesh.triangles)
        depth[pixel], owner[pixel] = hits.depth[front], index
        normals = mesh.normals[triangle] @ pose.rotation.T
        rays = camera.ray_grid.reshape(-1, 3)[pixel]
        cosine[pixel] = np.abs((normals * rays).sum(1)) / np.linalg.norm(rays, axis=1)
        light = 0.55 + 0.45 * np.abs(normals[:, 1:2])
        rgb[pixel] = (mesh.colors(triangle, weights) * light).clip(0, 255)
    measured = depth.reshape(shape).astype(np.float32)
    if rng is not None:
        sensor = DepthSensor(camera.fx, near=0.2)
        measured = sensor.measure(measured, cosine.reshape(shape), np.full(shape, 0.5), rng)
    return RGBDFrame(rgb.reshape(*shape, 3), measured, camera, stamp_ns, "camera"), owner.reshape(shape)


def grid_mesh(vertices: np.ndarray, triangles: np.ndarray, rgb=None) -> Mesh:
    return Mesh.plain(np.asarray(vertices, float), np.asarray(triangles), rgb)


def box_mesh(size, rgb=None) -> Mesh:
    """A box about the origin; rgb: a colour for each of its six faces (-x, +x, -y, +y, -z, +z)."""
    half = np.asarray(size, float) / 2
    vertices, triangles, colors = [], [], []
    for axis in range(3):
        for side in (-1, 1):
            across, up = np.eye(3)[(axis + 1) % 3] * half, np.eye(3)[(axis + 2) % 3] * half
            middle = np.eye(3)[axis] * half * side
            corners = [middle + a * across + b * up for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
            corners = corners if side > 0 else corners[::-1]
            start = len(vertices)
            vertices += corners
            triangles += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
            color = (150, 150, 150) if rgb is None else rgb[2 * axis + (side > 0)]
            colors += [[color] * 3] * 2
    return grid_mesh(vertices, triangles, None if rgb is None else np.array(colors))


def l_mesh(long: float = 0.12, short: float = 0.07, thick: float = 0.025, width: float = 0.05) -> Mesh:
    """A bracket without any symmetry but none: two boxes of different length, one pushed aside."""
    first = box_mesh((long, width, thick))
    second = box_mesh((thick, 0.6 * width, short))
    shift = np.array([long / 2 - thick / 2, 0.1 * width, short / 2 + thick / 2])
    return grid_mesh(
        np.concatenate([first.vertices, second.vertices + shift]),
        np.concatenate([first.triangles, second.triangles + len(first.vertices)]),
    )


def sphere_mesh(radius: float, rows: int = 24) -> Mesh:
    theta, phi = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, 2 * rows), indexing="ij")
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    index = np.arange(theta.size).reshape(theta.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    return grid_mesh(radius * points.reshape(-1, 3), triangles)


BRIGHT = ((220, 40, 40), (40, 200, 40), (40, 60, 220), (220, 210, 40), (230, 230, 230), (120, 40, 160))


def models(**meshes: Mesh) -> dict[str, ObjectModel]:
    return {label: onboard(label, mesh) for label, mesh in meshes.items()}
