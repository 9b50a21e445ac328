"""A body before a wall, seen without noise: depth, key points and truth for tests of segment and fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.body.body_model import body_model
from pose_ros.body.rig import Shape
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import rasterize
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.body import Body
from pose_ros.sources.synthetic.motion import MOTIONS, Stage
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

CAMERA = PinholeCamera(520.0, 520.0, 319.5, 239.5, 640, 480)
# From REP-103 (x forward, y left, z up) to the optical frame of a camera that looks along x.
OPTICAL = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
WALL = 4.5  # m


@dataclass(frozen=True)
class Scene:
    """owner (H,W): number of the person, -1 for the wall. joints (N,17,3) m. rotations: name -> (N,3,3)."""

    frame: RGBDFrame
    owner: np.ndarray
    joints: np.ndarray
    rotations: dict[str, np.ndarray]
    keypoints: Keypoints2D

    def rough(self, sigma: float, seed: int = 0) -> Keypoints3D:
        """The truth with errors of so many metres an axis."""
        n = len(self.joints)
        off = np.random.default_rng(seed).normal(0, sigma, self.joints.shape)
        covariance = np.broadcast_to(np.eye(3) * sigma**2, (n, 17, 3, 3)).copy()
        origin = np.full((n, 17), Origin.MEASURED, np.uint8)
        return Keypoints3D(self.joints + off, self.keypoints.score, covariance, origin, COCO_17)


def scene(
    places: list[tuple[float, float]], motion: str = "stand", time: float = 1.0, pixel: float = 0.0
) -> Scene:
    """People at (ahead, left) m of the camera, facing it, amid a motion. pixel: error of the key points."""
    height, width = CAMERA.height, CAMERA.width
    depth, owner = np.full(height * width, WALL, np.float32), np.full(height * width, -1)
    joints, rotations = [], {}
    for n, (ahead, left) in enumerate(places):
        body = Body(Shape(0.2 + 0.6 * (n % 2), 0.7, 0.5, 0.45, 0.5, 0.5))
        pose = MOTIONS[motion](
            np.random.default_rng(n), np.array([time]), Stage(np.zeros(2), np.pi, (0.5, 0.5))
        )
        posed = body.pose(pose.segments(), np.array([[ahead, left, -0.1]]))
        vertices = posed.vertices[0] @ OPTICAL.T
        hits = rasterize(CAMERA.project(vertices), vertices[:, 2], body_model().triangles, height, width)
        front = hits.depth < depth[hits.pixel]
        depth[hits.pixel[front]], owner[hits.pixel[front]] = hits.depth[front], n
        joints.append([posed.joints[name][0] @ OPTICAL.T for name in COCO_17.joints])
        for name, rotation in posed.rotations.items():
            rotations.setdefault(name, []).append(OPTICAL @ rotation[0])
    joints = np.array(joints)
    xy = CAMERA.project(joints) + np.random.default_rng(1).normal(0, pixel or 1e-9, (len(places), 17, 2))
    box = np.concatenate([xy.min(1), xy.max(1)], axis=1)
    frame = RGBDFrame(
        np.zeros((height, width, 3), np.uint8), depth.reshape(height, width), CAMERA, 10**9, "camera"
    )
    keypoints = Keypoints2D(xy, np.ones(xy.shape[:2]), box, COCO_17)
    return Scene(
        frame, owner.reshape(height, width), joints, {k: np.array(v) for k, v in rotations.items()}, keypoints
    )
