"""A person of capsules as a depth camera sees them: exact truth for the fit, by plain ray casting."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human import skin
from pose_ros.human.flesh import FITTED
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

CAMERA = PinholeCamera(250.0, 250.0, 119.5, 159.5, 240, 320)
WALL = 4.5  # m
# A person who faces the camera, arms a little apart; x right, y down, z ahead, from the mid-hip.
STANDING = {
    "nose": (0, -0.63, -0.11), "left_eye": (0.03, -0.67, -0.09), "right_eye": (-0.03, -0.67, -0.09),
    "left_ear": (0.075, -0.65, 0), "right_ear": (-0.075, -0.65, 0),
    "left_shoulder": (0.161, -0.482, 0), "right_shoulder": (-0.161, -0.482, 0),
    "left_elbow": (0.28, -0.24, 0.02), "right_elbow": (-0.28, -0.24, 0.02),
    "left_wrist": (0.36, -0.03, -0.06), "right_wrist": (-0.36, -0.03, -0.06),
    "left_hip": (0.098, 0, 0), "right_hip": (-0.098, 0, 0),
    "left_knee": (0.14, 0.394, -0.02), "right_knee": (-0.14, 0.394, -0.02),
    "left_ankle": (0.16, 0.79, 0.02), "right_ankle": (-0.16, 0.79, 0.02),
    "left_hand": (0.39, 0.08, -0.09), "right_hand": (-0.39, 0.08, -0.09),
    "left_toe": (0.17, 0.85, -0.17), "right_toe": (-0.17, 0.85, -0.17),
}  # fmt: skip


def person(x: float = 0.0, away: float = 2.5, size: float = 1.0, turn: float = 0.0) -> np.ndarray:
    """Joints (21,3) of FITTED, m, turned about the vertical."""
    xyz = size * np.array([STANDING[joint] for joint in FITTED.joints])
    cos, sin = np.cos(turn), np.sin(turn)
    return xyz @ np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]).T + [x, -0.05, away]


def depth_of(people: np.ndarray, girth: float = 1.0, camera: PinholeCamera = CAMERA) -> np.ndarray:
    """Depth (H,W) of people (N,21,3) before a wall: the nearest of many spheres along every capsule."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = camera.rays(np.stack([u, v], -1).reshape(-1, 2).astype(float))
    squared = (rays**2).sum(-1)
    nearest = np.full(len(rays), WALL)
    start, end = skin.ends(people)
    for n in range(len(people)):
        for c, (thin, wide) in enumerate(skin.RADII):
            for share in np.linspace(0, 1, 24):
                centre, radius = (
                    start[n, c] * (1 - share) + end[n, c] * share,
                    girth * (thin + share * (wide - thin)),
                )
                along = rays @ centre / squared
                gap = along**2 - (centre @ centre - radius**2) / squared
                hit = gap > 0
                nearest[hit] = np.minimum(nearest[hit], along[hit] - np.sqrt(gap[hit]))
    return nearest.reshape(camera.height, camera.width).astype(np.float32)


def frame_of(depth: np.ndarray, stamp_ns: int = 10**9, camera: PinholeCamera = CAMERA) -> RGBDFrame:
    return RGBDFrame(np.zeros((*depth.shape, 3), np.uint8), depth, camera, stamp_ns, "camera")


def told(
    people: np.ndarray, rng: np.random.Generator, pixels: float = 2.0, metres: float = 0.05
) -> tuple[Keypoints2D, Keypoints3D]:
    """What estimator and lift would say of people (N,21,3): COCO's joints with errors of these sizes."""
    xyz = people[:, :17]
    xy = CAMERA.project(xyz) + rng.normal(0, pixels, (*xyz.shape[:2], 2))
    score = np.ones(xyz.shape[:2])
    box = np.concatenate([xy.min(1), xy.max(1)], -1)
    root = xyz - xyz[:, COCO_17.indices("left_hip", "right_hip")].mean(1, keepdims=True)
    keypoints = Keypoints2D(xy, score, box, COCO_17, root + rng.normal(0, 0.03, root.shape))
    lifted = Keypoints3D(
        xyz + rng.normal(0, metres, xyz.shape), score, np.tile(metres**2 * np.eye(3), (*score.shape, 1, 1)),
        np.full(score.shape, Origin.MEASURED, np.uint8), COCO_17,
    )  # fmt: skip
    return keypoints, lifted
