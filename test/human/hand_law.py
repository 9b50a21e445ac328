"""A hand whose joints, landmarks and skin are known in closed form: for tests of what becomes of hands."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import rotation_exp
from pose_ros.hand_shape import palm_axes
from pose_ros.human.hand_lift import OFF, SKIN
from pose_ros.human.head import view_rotation
from pose_ros.skeleton import HAND_21

CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)
WALL = 3.0  # m
# Joints of a left hand, m, whose inner side looks along +z (away) with fingers up (-y) and thumb to +x.
FLAT = {
    "wrist": (0, 0), "thumb_cmc": (0.033, -0.03), "thumb_mcp": (0.053, -0.058), "thumb_ip": (0.068, -0.089),
    "thumb_tip": (0.077, -0.109),
    "index_mcp": (0.028, -0.093), "index_pip": (0.032, -0.133), "index_dip": (0.033, -0.155),
    "index_tip": (0.034, -0.171),
    "middle_mcp": (0.005, -0.097), "middle_pip": (0.005, -0.141), "middle_dip": (0.005, -0.168),
    "middle_tip": (0.005, -0.185),
    "ring_mcp": (-0.014, -0.092), "ring_pip": (-0.018, -0.133), "ring_dip": (-0.02, -0.159),
    "ring_tip": (-0.021, -0.176),
    "pinky_mcp": (-0.03, -0.085), "pinky_pip": (-0.037, -0.117), "pinky_dip": (-0.041, -0.135),
    "pinky_tip": (-0.044, -0.151),
}  # fmt: skip


def hand(right=False, place=(0.1, 0.05, 0.9), size=1.0, turn=(0.0, 0.0, 0.0)) -> np.ndarray:
    """Joints (21,3) m in the optical frame, wrist at `place`."""
    flat = np.array([FLAT[joint] for joint in HAND_21.joints])
    xyz = np.concatenate([flat, np.zeros((21, 1))], axis=1) * size
    if right:
        xyz[:, 0] *= -1
    return xyz @ rotation_exp(np.array(turn, float)).T + place


def landmarks(xyz: np.ndarray, right: bool, camera: PinholeCamera = CAMERA) -> tuple[np.ndarray, np.ndarray]:
    """What a perfect network says: pixels (21,2), and the shape (21,3) as a camera straight ahead sees it."""
    off = np.array([OFF.get(joint, (0.0, 0.0, 0.0)) for joint in HAND_21.joints])
    off = off * (1, -1 if right else 1, 1)
    xy = camera.project(xyz + off @ palm_axes(xyz).T)
    view = view_rotation(camera.rays(xy[[HAND_21.index("middle_mcp")]]))[0]
    return xy, (xyz - xyz[0]) @ view


def depth_of(hands: list[np.ndarray], camera: PinholeCamera = CAMERA, wall: float = WALL) -> np.ndarray:
    """Depth (H,W): discs of skin before the joints, a wall behind."""
    depth = np.full((camera.height, camera.width), wall, np.float32)
    rows, columns = np.mgrid[: camera.height, : camera.width]
    for xyz in hands:
        for center, skin in zip(xyz, SKIN, strict=True):
            u, v = camera.project(center)
            size = 0.009 * camera.fx / center[2]
            near = np.s_[max(int(v - size), 0) : int(v + size) + 2, max(int(u - size), 0) : int(u + size) + 2]
            disc = (columns[near] - u) ** 2 + (rows[near] - v) ** 2 < size**2
            depth[near] = np.where(disc, np.minimum(depth[near], center[2] - skin), depth[near])
    return depth
