"""Oriented joint frames from joint positions, axes as in REP-155's human_description.

At rest, standing with hanging arms, every frame has x forward, y left, z up. A limb's bone runs
along -z of the frame at its upper joint. An elbow flexes about -y, a knee about +y.
"""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Keypoints3D

SIDES = ("left", "right")
# Upper joint, middle joint, end joint, and the sign of the hinge about the frame's y axis.
LIMBS = {
    f"{side}_{upper}": (f"{side}_{upper}", f"{side}_{middle}", f"{side}_{end}", sign)
    for side in SIDES
    for upper, middle, end, sign in (("shoulder", "elbow", "wrist", -1.0), ("hip", "knee", "ankle", 1.0))
}
STRAIGHT = np.sin(np.radians(15))  # below this bend the hinge of a limb cannot be seen

# An upright head's eyes lie above its ears: the way from ear to eye is turned down to be level.
EYES_OVER_EARS = np.radians(12.5)
LEVEL = np.array(
    [
        [np.cos(EYES_OVER_EARS), 0, np.sin(EYES_OVER_EARS)],
        [0, 1, 0],
        [-np.sin(EYES_OVER_EARS), 0, np.cos(EYES_OVER_EARS)],
    ]
)


def orient(keypoints: Keypoints3D) -> list[tuple[dict[str, RigidTransform], frozenset[str]]]:
    """For each person: {frame: camera_from_joint} and the names whose twist cannot be seen.

    Frames are body (mid-hip), neck (mid-shoulder), head (between the ears) and the joints of the
    limbs; a frame whose joints are unknown is left out. Wrist and ankle turn with forearm and shank.
    """
    positions = {name: keypoints.xyz[:, k] for k, name in enumerate(keypoints.skeleton.joints)}
    frames, hidden_twist = _trunk(positions), {}
    for upper, middle, end, sign in LIMBS.values():
        parent = frames["neck"] if "shoulder" in upper else frames["body"]
        upper_rotation, lower_rotation, straight = _limb(
            positions[upper], positions[middle], positions[end], sign, parent[0]
        )
        frames[upper] = upper_rotation, positions[upper]
        frames[middle] = lower_rotation, positions[middle]
        frames[end] = lower_rotation, positions[end]
        hidden_twist |= {upper: straight, middle: straight, end: straight}
    return [_of_person(frames, hidden_twist, n) for n in range(len(keypoints))]


def _of_person(frames, hidden_twist, n) -> tuple[dict[str, RigidTransform], frozenset[str]]:
    known = {
        name: RigidTransform(rotation[n], origin[n])
        for name, (rotation, origin) in frames.items()
        if np.isfinite(rotation[n]).all() and np.isfinite(origin[n]).all()
    }
    return known, frozenset(name for name, straight in hidden_twist.items() if straight[n] and name in known)


def _trunk(positions: dict[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(rotation (N,3,3), origin (N,3)) of body, neck and head."""
    pelvis = (positions["left_hip"] + positions["right_hip"]) / 2
    neck = (positions["left_shoulder"] + positions["right_shoulder"]) / 2
    ears = (positions["left_ear"] + positions["right_ear"]) / 2
    eyes = (positions["left_eye"] + positions["right_eye"]) / 2
    spine = neck - pelvis
    body = _axes(z=spine, y=positions["left_hip"] - positions["right_hip"])
    chest = _axes(z=spine, y=positions["left_shoulder"] - positions["right_shoulder"])
    left = _unit(positions["left_ear"] - positions["right_ear"])
    head = _axes(z=np.cross(eyes - ears, left), y=left) @ LEVEL
    return {"body": (body, pelvis), "neck": (chest, neck), "head": (head, ears)}


def _limb(upper, middle, end, sign, parent) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (N,3,3) of the upper and lower segment, and where the hinge cannot be seen (N,).

    The hinge is the normal of the plane of the limb. Of a straight limb the trunk's own left axis
    stands in, so that the frame stays steady; its twist is then marked as not observable.
    """
    thigh, shank = _unit(middle - upper), _unit(end - middle)
    normal = sign * np.cross(thigh, shank)
    straight = ~(np.linalg.norm(normal, axis=-1) > STRAIGHT)
    hinge = np.where(straight[:, None], parent[..., 1], normal)
    return _axes(z=-thigh, y=hinge), _axes(z=-shank, y=hinge), straight


def _axes(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rotations (N,3,3) with this z axis and the y axis as near to `y` as that allows; NaN if none."""
    z = _unit(z)
    x = _unit(np.cross(y, z))
    return np.stack([x, np.cross(z, x), z], axis=-1)


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(norm > 1e-9, norm, np.nan)
