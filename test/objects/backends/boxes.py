"""A box model drawn into a frame at a known pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Detections2D, RGBDFrame, Symmetries

CAMERA = PinholeCamera(300.0, 302.0, 159.0, 121.0, 320, 240)
FACES = np.array(
    [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4],
     [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]]
)  # fmt: skip


@dataclass(frozen=True)
class BoxModel:
    label: str
    mesh: Mesh
    symmetries: Symmetries


def box_model(label: str, size, origin=(0.0, 0.0, 0.0)) -> BoxModel:
    """A box whose middle lies at `origin` of its own frame."""
    corners = np.array([[x, y, z] for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)])
    vertices = corners * np.asarray(size) + origin
    return BoxModel(label, Mesh.plain(vertices, FACES, np.array([200, 30, 30])), Symmetries.none())


def drawn(things, camera=CAMERA, background=1.2) -> tuple[RGBDFrame, np.ndarray]:
    """The frame that shows (mesh, camera_from_object) before a wall, and the mask (N,H,W) of each."""
    height, width = camera.height, camera.width
    depth = np.full(height * width, background, np.float32)
    owner = np.full(height * width, -1)
    for number, (mesh, pose) in enumerate(things):
        points = pose.apply(mesh.vertices)
        hits = rasterize(camera.project(points), points[:, 2], mesh.triangles, height, width)
        nearer = hits.depth < depth[hits.pixel]
        depth[hits.pixel[nearer]], owner[hits.pixel[nearer]] = hits.depth[nearer], number
    rgb = np.where(owner[:, None] >= 0, np.uint8([200, 30, 30]), np.uint8([90, 90, 90]))
    rgb = rgb.reshape(height, width, 3)
    frame = RGBDFrame(rgb, depth.reshape(height, width), camera, 5, "camera")
    return frame, np.stack([(owner == n).reshape(height, width) for n in range(len(things))])


def detections(masks, labels=None) -> Detections2D:
    return Detections2D(masks, tuple(labels or [""] * len(masks)), np.ones(len(masks)))


def matrix(pose: RigidTransform) -> np.ndarray:
    full = np.eye(4)
    full[:3, :3], full[:3, 3] = pose.rotation, pose.translation
    return full
