"""Joint angles for the `human_description` URDF of REP-155, from oriented joint frames.

The URDF's chains, each written as the product of its joints' rotations (reflect is +1 left, -1 right):

    waist        torso    = body  · Ry(waist)
    head         head     = torso · Rx(r_head) Rz(y_head) Ry(-p_head)
    shoulder     shoulder = torso · Rz(-reflect y) Rx(reflect p) Rz(reflect r)
    elbow        elbow    = shoulder · Ry(-elbow)
    hip          hip      = body  · Rz(-y) Rx(reflect p) Ry(-r)
    knee         knee     = hip · Ry(-knee)

With a spine (`human_urdf`) torso = body · Ry(waist) Rx(r_waist) Rz(y_waist). Its elbows and knees are hinges:
an arm's own twist must put the hinge across the plane of the limb, else the chain misses the wrist. So limbs
are taken from the joints' positions, and the frames' twist, which may be held or blended, decides only
where the limb is as good as straight.
"""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Person

JOINTS = (
    "waist", "r_head", "y_head", "p_head",
    *(f"{side}_{joint}" for side in "lr" for joint in (
        "y_shoulder", "p_shoulder", "r_shoulder", "elbow", "y_hip", "p_hip", "r_hip", "knee")),
)  # fmt: skip
SPINE_JOINTS = ("r_waist", "y_waist")  # not in human_description, but in human_urdf's trunk
LIMBS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
# Sine of the bend at which plane and frame decide alike: the chain then misses by at most about a millimetre.
STRAIGHT = 0.004


def joint_positions(person: Person, spine: bool = False) -> dict[str, float]:
    """{URDF joint name without id: radians}; a chain whose frames are unknown is left out.

    spine: for human_urdf(..., spine=True); False for human_description itself.
    """
    frames = person.camera_from_joint
    angles: dict[str, float] = {}
    if "body" not in frames or "neck" not in frames:
        return angles
    body = frames["body"].rotation
    chest = body.T @ frames["neck"].rotation
    angles["waist"] = float(np.arctan2(chest[0, 2], chest[2, 2]))
    torso = body @ _rotation_y(angles["waist"])
    if spine:
        _, angles["r_waist"], angles["y_waist"] = _yxz(chest)
        torso = frames["neck"].rotation
    if "head" in frames:
        roll, yaw, pitch = _xzy(torso.T @ frames["head"].rotation)
        angles |= {"r_head": roll, "y_head": yaw, "p_head": -pitch}
    for side, initial, reflect in (("left", "l", 1.0), ("right", "r", -1.0)):
        for upper, middle, end in LIMBS:
            limb = [frames.get(f"{side}_{joint}") for joint in (upper, middle, end)]
            if any(frame is None for frame in limb):
                continue
            rotation, hinge = _hinged(limb)
            if upper == "shoulder":
                first, second, third = _zxz(torso.T @ rotation, reflect)
                values = -reflect * first, reflect * second, reflect * third
            else:
                first, second, third = _zxy(body.T @ rotation)
                values = -first, reflect * second, -third
            for axis, value in zip("ypr", values, strict=True):
                angles[f"{initial}_{axis}_{upper}"] = value
            angles[f"{initial}_{middle}"] = -hinge
    return angles


def _hinged(limb: list[RigidTransform]) -> tuple[np.ndarray, float]:
    """Rotation of the upper bone with y across the limb's plane, and the lower bone's turn about it."""
    joints = [frame.translation for frame in limb]
    upper, lower = joints[1] - joints[0], joints[2] - joints[1]
    upper, lower = upper / np.linalg.norm(upper), lower / np.linalg.norm(lower)
    normal, held = np.cross(upper, lower), limb[0].rotation[:, 1]
    y = np.copysign(1.0, normal @ held) * normal + STRAIGHT * held
    y -= (y @ upper) * upper
    y /= np.linalg.norm(y)
    rotation = np.stack([np.cross(upper, y), y, -upper], axis=-1)  # x = y cross z
    x, _, z = -lower @ rotation
    return rotation, float(np.arctan2(x, z))


def _rotation_y(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def _yxz(r: np.ndarray) -> tuple[float, float, float]:
    """(a, b, c) with r = Ry(a) Rx(b) Rz(c)."""
    a, c = np.arctan2(r[0, 2], r[2, 2]), np.arctan2(r[1, 0], r[1, 1])
    return float(a), float(np.arcsin(np.clip(-r[1, 2], -1, 1))), float(c)


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
