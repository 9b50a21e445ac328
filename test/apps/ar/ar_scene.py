"""Frames, cameras and meshes for the tests of AR, and a picture by ray casting to compare with."""

import numpy as np
import trimesh

from pose_ros.apps.ar.colour import to_light, to_rgb
from pose_ros.apps.ar.light import Light
from pose_ros.apps.ar.render import Placed
from pose_ros.apps.ar.virtual_mesh import VirtualMesh
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.types import RGBDFrame

WIDTH, HEIGHT = 160, 120
CAMERAS = {
    "pinhole": PinholeCamera(150, 152, 81.3, 58.2, WIDTH, HEIGHT),
    "barrel": PinholeCamera(110, 111, 79, 61, WIDTH, HEIGHT, "plumb_bob", (-0.28, 0.07, 0.001, -0.002, 0.0)),
    "pincushion": PinholeCamera(130, 130, 80, 60, WIDTH, HEIGHT, "plumb_bob", (0.15, 0.05, 0.0, 0.0, 0.0)),
    "fisheye": PinholeCamera(70, 70, 80, 60, WIDTH, HEIGHT, "equidistant", (0.02, -0.01, 0.003, 0.0)),
}
CAMERA = CAMERAS["pinhole"]
AMBIENT = Light(np.array([0.0, 0, -1]), np.ones(3), np.zeros(3))  # albedo is what is seen


def frame(camera=CAMERA, depth=3.0, seed=0, stamp_ns=10**9):
    """A picture of noise before depth (a number or (H,W)) m."""
    rgb = np.random.default_rng(seed).integers(0, 256, (camera.height, camera.width, 3), dtype=np.uint8)
    depth = np.broadcast_to(np.float32(depth), rgb.shape[:2]).copy()
    return RGBDFrame(rgb, depth, camera, stamp_ns, "camera")


def at(distance, turn=(0.0, 0, 0), x=0.0, y=0.0):
    return RigidTransform(rotation_exp(np.array(turn, float)), np.array([x, y, distance]))


def blob(seed, size=0.25, subdivisions=2):
    """A closed mesh with bumps, a colour a corner."""
    rng = np.random.default_rng(seed)
    sphere = trimesh.creation.icosphere(subdivisions)
    bumps = 1 + 0.3 * np.sin(sphere.vertices @ rng.normal(size=(3, 3)) * 2).prod(1)
    rgb = rng.integers(0, 256, (len(sphere.faces), 3, 3))
    return Mesh.plain(sphere.vertices * bumps[:, None] * size, sphere.faces, rgb)


def textured_box(seed, size=(0.4, 0.3, 0.5)):
    rng = np.random.default_rng(seed)
    box = trimesh.creation.box(size)
    faces = len(box.faces)
    picture = np.kron(rng.integers(0, 256, (4, 4, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    uv = rng.random((faces, 3, 2))
    return Mesh(
        np.array(box.vertices), np.array(box.faces), np.full((faces, 3, 3), 160, np.uint8), uv,
        np.zeros(faces, int), (picture,), True,
    )  # fmt: skip


def placed(mesh, pose, **options):
    return Placed(VirtualMesh.of(mesh), pose, **options)


def samples(camera, across):
    """(H,W,S*S,2) px: where in each pixel its samples lie."""
    inner = (np.arange(across) + 0.5) / across - 0.5
    offset = np.stack(np.meshgrid(inner, inner), axis=-1).reshape(-1, 2)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return np.stack([u, v], axis=-1)[:, :, None] + offset


def cast_rays(mesh, pose, camera, across):
    """First hit of each sample's ray: index of the triangle (-1 = none), corner weights, depth."""
    pixels = samples(camera, across)
    rays = camera.rays(pixels.reshape(-1, 2))
    moved = trimesh.Trimesh(pose.apply(mesh.vertices), mesh.triangles, process=False)
    hit, ray, _ = moved.ray.intersects_id(
        np.zeros_like(rays), rays / np.linalg.norm(rays, axis=1, keepdims=True),
        multiple_hits=False, return_locations=True,
    )  # fmt: skip
    # Where on the triangle, in double precision: the ray meets its plane.
    a, b, c = np.moveaxis(moved.vertices[moved.faces[hit]], 1, 0)
    normal = np.cross(b - a, c - a)
    depth = (normal * a).sum(1) / (normal * rays[ray]).sum(1)
    point = rays[ray] * depth[:, None]
    whole = (normal**2).sum(1)
    second = (np.cross(point - a, c - a) * normal).sum(1) / whole
    third = (np.cross(b - a, point - a) * normal).sum(1) / whole
    triangle, distance = np.full(len(rays), -1), np.full(len(rays), np.inf)
    weights = np.zeros((len(rays), 3))
    triangle[ray], distance[ray] = hit, depth
    weights[ray] = np.stack([1 - second - third, second, third], axis=1)
    shape = pixels.shape[:3]
    return triangle.reshape(shape), weights.reshape(*shape, 3), distance.reshape(shape)


def cast_picture(seen, mesh, pose, across, light=AMBIENT):
    """The picture that draw() should make of one closed mesh before everything real."""
    triangle, weights, _ = cast_rays(mesh, pose, seen.camera, across)
    hit = triangle >= 0
    if mesh.textures:
        albedo = to_light(np.uint8(mesh.colors(triangle[hit], weights[hit]) + 0.5))
    else:
        albedo = np.einsum("mk,mkc->mc", weights[hit], to_light(mesh.corner_rgb)[triangle[hit]])
    normals = mesh.normals[triangle[hit]] @ pose.rotation.T
    sent = to_light(seen.rgb)[:, :, None].repeat(across**2, axis=2)
    sent[hit] = albedo * light.on(normals)
    return to_rgb(sent.mean(2)), hit
