"""A stick person of cylinders before a wall: depth and key points whose truth is known in closed form."""

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.lift import SKIN_TO_CENTRE
from pose_ros.skeleton import COCO_17, Skeleton
from pose_ros.types import Keypoints2D, RGBDFrame

CAMERA = PinholeCamera(600, 600, 319.5, 239.5, 640, 480)
WALL = 3.5
# Optical axes (x right, y down, z forward), relative to mid-hip, facing the camera.
SHAPE = {
    "nose": (0, -0.62, -0.1), "left_eye": (0.03, -0.66, -0.08), "left_ear": (0.07, -0.64, 0.0),
    "left_shoulder": (0.18, -0.46, 0), "left_elbow": (0.3, -0.22, -0.02), "left_wrist": (0.38, 0.0, -0.1),
    "left_hip": (0.1, 0, 0), "left_knee": (0.11, 0.4, -0.05), "left_ankle": (0.11, 0.8, 0.05),
}  # fmt: skip
SHAPE |= {n.replace("left", "right"): (-x, y, z) for n, (x, y, z) in SHAPE.items() if "left" in n}


def skin(joint: str) -> float:
    return SKIN_TO_CENTRE.get(joint.split("_")[-1], 0.0)


def person(place=(0.1, 0.1, 2.2), scale=1.0, skeleton: Skeleton = COCO_17) -> np.ndarray:
    """Joint centres (K,3) m in the optical frame."""
    return np.array([SHAPE[joint] for joint in skeleton.joints]) * scale + place


def depth_of(joints: np.ndarray, camera=CAMERA, noise=0.0, seed=0) -> np.ndarray:
    """Depth (H,W): bones as bands and joints as discs, the skin before the centres, the wall behind."""
    depth = np.full((camera.height, camera.width), WALL, np.float32)
    order = np.argsort(-joints[:, 2])
    bones = [(a, b) for a, b in COCO_17.bone_indices]
    torso = COCO_17.indices("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    spread = [(torso[0], torso[2]), (torso[1], torso[3]), (torso[0], torso[3]), (torso[1], torso[2])]
    for a, b in bones + spread:
        for t in np.linspace(0, 1, 60):
            skins = (1 - t) * skin(COCO_17.joints[a]) + t * skin(COCO_17.joints[b])
            _disc(depth, camera, joints[a] * (1 - t) + joints[b] * t, skins, 0.045)
    for k in order:
        _disc(depth, camera, joints[k], skin(COCO_17.joints[k]), 0.045)
    rng = np.random.default_rng(seed)
    return depth + rng.normal(scale=noise, size=depth.shape).astype(np.float32) if noise else depth


def _disc(depth, camera, center, skin_depth, radius):
    u, v = camera.project(center)
    size = radius * camera.fx / center[2]
    vs, us = np.mgrid[int(v - size) : int(v + size) + 2, int(u - size) : int(u + size) + 2]
    inside = (us >= 0) & (us < camera.width) & (vs >= 0) & (vs < camera.height)
    inside &= (us - u) ** 2 + (vs - v) ** 2 <= size**2
    patch = depth[vs[inside], us[inside]]
    depth[vs[inside], us[inside]] = np.minimum(patch, center[2] - skin_depth)


def keypoints_of(joints: np.ndarray, camera=CAMERA, score=0.95) -> Keypoints2D:
    """What a perfect estimator says."""
    joints = np.atleast_3d(joints.T).transpose(2, 1, 0) if joints.ndim == 2 else joints
    xy = camera.project(joints)
    hips = joints[:, COCO_17.indices("left_hip", "right_hip")].mean(axis=1, keepdims=True)
    box = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    return Keypoints2D(xy, np.full(xy.shape[:2], score), box, COCO_17, joints - hips)


def frame_of(depth: np.ndarray, camera=CAMERA, stamp_ns: int = 1_000_000_000) -> RGBDFrame:
    rgb = np.zeros((camera.height, camera.width, 3), np.uint8)
    return RGBDFrame(rgb, depth.astype(np.float32), camera, stamp_ns, "camera_color_optical_frame")
