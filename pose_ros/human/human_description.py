"""Joint angles for the `human_description` URDF of REP-155, from oriented joint frames.

The URDF's chains, each written as the product of its joints' rotations (reflect is +1 left, -1 right):

    waist        torso    = body  · Ry(waist)
    head         head     = torso · Rx(r_head) Rz(y_head) Ry(-p_head)
    shoulder     shoulder = torso · Rz(-reflect y) Rx(reflect p) Rz(reflect r)
    elbow        elbow    = shoulder · Ry(-elbow)
    hip          hip      = body  · Rz(-y) Rx(reflect p) Ry(-r)
    knee         knee     = hip · Ry(-knee)
"""

from __future__ import annotations

import numpy as np

from pose_ros.types import Person

JOINTS = (
    "waist", "r_head", "y_head", "p_head",
    *(f"{side}_{joint}" for side in "lr" for joint in (
        "y_shoulder", "p_shoulder", "r_shoulder", "elbow", "y_hip", "p_hip", "r_hip", "knee")),
)  # fmt: skip


def joint_positions(person: Person) -> dict[str, float]:
    """{URDF joint name without id: radians}; a chain whose frames are unknown is left out."""
    rotation = {name: pose.rotation for name, pose in person.camera_from_joint.items()}
    angles: dict[str, float] = {}
    if "body" not in rotation or "neck" not in rotation:
        return angles
    body = rotation["body"]
    chest = body.T @ rotation["neck"]
    angles["waist"] = float(np.arctan2(chest[0, 2], chest[2, 2]))
    torso = body @ _rotation_y(angles["waist"])
    if "head" in rotation:
        roll, yaw, pitch = _xzy(torso.T @ rotation["head"])
        angles |= {"r_head": roll, "y_head": yaw, "p_head": -pitch}
    for side, initial, reflect in (("left", "l", 1.0), ("right", "r", -1.0)):
        shoulder, elbow = rotation.get(f"{side}_shoulder"), rotation.get(f"{side}_elbow")
        if shoulder is not None and elbow is not None:
            first, second, third = _zxz(torso.T @ shoulder, reflect)
            angles[f"{initial}_y_shoulder"] = -reflect * first
            angles[f"{initial}_p_shoulder"] = reflect * second
            angles[f"{initial}_r_shoulder"] = reflect * third
            angles[f"{initial}_elbow"] = -_angle_y(shoulder.T @ elbow)
        hip, knee = rotation.get(f"{side}_hip"), rotation.get(f"{side}_knee")
        if hip is not None and knee is not None:
            first, second, third = _zxy(body.T @ hip)
            angles[f"{initial}_y_hip"] = -first
            angles[f"{initial}_p_hip"] = reflect * second
            angles[f"{initial}_r_hip"] = -third
            angles[f"{initial}_knee"] = -_angle_y(hip.T @ knee)
    return angles


def _rotation_y(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _angle_y(rotation: np.ndarray) -> float:
    return float(np.arctan2(rotation[0, 2], rotation[2, 2]))


def _xzy(r: np.ndarray) -> tuple[float, float, float]:
    """(a, b, c) with r = Rx(a) Rz(b) Ry(c)."""
    a, c = np.arctan2(r[2, 1], r[1, 1]), np.arctan2(r[0, 2], r[0, 0])
    return float(a), float(np.arcsin(np.clip(-r[0, 1], -1, 1))), float(c)


def _zxy(r: np.ndarray) -> tuple[float, float, float]:
    """(a, b, c) with r = Rz(a) Rx(b) Ry(c)."""
    a, c = np.arctan2(-r[0, 1], r[1, 1]), np.arctan2(-r[2, 0], r[2, 2])
    return float(a), float(np.arcsin(np.clip(r[2, 1], -1, 1))), float(c)


def _zxz(r: np.ndarray, sign: float) -> tuple[float, float, float]:
    """(a, b, c) with r = Rz(a) Rx(b) Rz(c) and b of the given sign; a = 0 where only a + c is defined."""
    side = np.hypot(r[0, 2], r[1, 2])
    b = sign * np.arctan2(side, r[2, 2])
    if side < 1e-6:
        return 0.0, float(b), float(np.arctan2(r[1, 0], r[0, 0]))
    a, c = np.arctan2(sign * r[0, 2], -sign * r[1, 2]), np.arctan2(sign * r[2, 0], sign * r[2, 1])
    return float(a), float(b), float(c)
