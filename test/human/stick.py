"""A person of sticks for tests of frames: at rest in the body's own axes, and with limbs at given angles."""

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints3D, Origin

# x forward, y left, z up, origin at mid-hip.
STANDING = {
    "nose": (0.1, 0, 0.6), "left_eye": (0.08, 0.03, 0.668), "left_ear": (0, 0.08, 0.65),
    "left_shoulder": (0, 0.18, 0.45), "left_elbow": (0, 0.18, 0.15), "left_wrist": (0, 0.18, -0.1),
    "left_hip": (0, 0.1, 0), "left_knee": (0, 0.1, -0.42), "left_ankle": (0, 0.1, -0.84),
}  # fmt: skip
STANDING |= {n.replace("left", "right"): (x, -y, z) for n, (x, y, z) in STANDING.items() if "left" in n}
STANDING = {name: np.array(xyz, float) for name, xyz in STANDING.items()}
CAMERA_FROM_BODY = RigidTransform(
    np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]), np.array([0.1, 0.0, 2.5])
)  # facing the camera


def posed(elbows=(0.0, 0.0), knees=(0.0, 0.0), turned=(0.0, 0.0), swing=(0.0, 0.0)):
    """Joints with these flexions (left, right); `turned`: upper arms about themselves, inward; `swing`:
    upper arms forward. All in rad."""
    joints = dict(STANDING)
    for n, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        arm = Rotation.from_euler("Y", -swing[n]) * Rotation.from_euler("Z", -sign * turned[n])
        fore = arm * Rotation.from_euler("Y", -elbows[n])
        joints[f"{side}_elbow"] = joints[f"{side}_shoulder"] + arm.apply([0, 0, -0.3])
        joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + fore.apply([0, 0, -0.25])
        shank = Rotation.from_euler("Y", knees[n])
        joints[f"{side}_ankle"] = joints[f"{side}_knee"] + shank.apply([0, 0, -0.42])
    return joints


def keypoints3d(people, camera_from_body=CAMERA_FROM_BODY, sigma=0.002, skeleton=COCO_17):
    """People as {joint: (3,)} in their body's axes, as the camera sees them."""
    xyz = np.array([[camera_from_body.apply(joints[j]) for j in skeleton.joints] for joints in people])
    origin = np.where(np.isnan(xyz).any(-1), Origin.UNKNOWN, Origin.MEASURED)
    covariance = np.tile(np.eye(3) * sigma**2, (*xyz.shape[:2], 1, 1))
    return Keypoints3D(xyz, np.ones(xyz.shape[:2]), covariance, origin, skeleton)


def mirrored(joints):
    """The person in a mirror that stands along their x and z."""
    swap = {"left": "right", "right": "left"}
    twin = {n: n if "_" not in n else swap[n.split("_")[0]] + n[n.index("_") :] for n in joints}
    return {twin[name]: np.asarray(xyz) * [1, -1, 1] for name, xyz in joints.items()}
