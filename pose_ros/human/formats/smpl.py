"""People as SMPL poses: 24 joints and their rotations against SMPL's rest pose, and the way back.

SMPL (Loper et al. 2015) rests in a T: arms sideways, palms down; every joint's axes are then x to the
body's left, y up, z forward. A rotation is that of a joint's frame against this rest, in its parent's
frame as axis-angle, in the common frame as matrix. SMPL-X's first 22 joints are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log, skew
from pose_ros.human.formats.chain import Chain
from pose_ros.human.formats.points import convert_3d
from pose_ros.human.formats.skeletons import SIDES, SMPL_24
from pose_ros.shapes import check_shape
from pose_ros.types import Keypoints3D, Person

CHAIN = Chain.of(SMPL_24.skeleton)
JOINTS = SMPL_24.joints
BODY_FROM_SMPL = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # x left, y up, z forward in REP-155's axes
# A frame of human_description rests with hanging arms: lifting them sideways takes it to SMPL's rest.
ARM_FROM_SMPL = {
    side: rotation_exp(np.array([-sign * np.pi / 2, 0, 0])) @ BODY_FROM_SMPL
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True)
}
LEFT, UP, FORWARD = np.eye(3)
# Joint -> the joint its bone ends at, and the bone's direction at rest.
BONES = {
    **{f"{side}_{a}": (f"{side}_{b}", out) for side, out in zip(SIDES, (LEFT, -LEFT), strict=True)
       for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))},
    **{f"{side}_{a}": (f"{side}_{b}", -UP)
       for side in SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))},
}  # fmt: skip
FOOT_BENDS = np.cos(np.radians(70))  # an ankle bends less: what shows more is not a foot
# SMPL joint -> the Person's frame that turns with it; SMPL's own neck lies between chest and head.
FRAME_OF = {
    "pelvis": "body", "spine3": "neck", "head": "head",
    **{f"{side}_{part}": f"{side}_{part}" for side in SIDES
       for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
}  # fmt: skip


@dataclass(frozen=True)
class SmplPose:
    """One person in SMPL's joints, in the frame the person was given in (the camera's optical one).

    keypoints: of exactly this person, skeleton `smpl_24`. rotation: (24,3,3) of each joint's frame against
    its rest, in the common frame. offset: (24,3) m from the parent at rest. NaN = unknown in all of them.
    twist_unobservable: joints whose rotation about their own bone cannot be seen.
    """

    keypoints: Keypoints3D
    rotation: np.ndarray
    offset: np.ndarray
    twist_unobservable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_shape("xyz", self.keypoints.xyz, (1, len(JOINTS), 3))
        check_shape("rotation", self.rotation, (len(JOINTS), 3, 3))
        check_shape("offset", self.offset, (len(JOINTS), 3))

    @property
    def xyz(self) -> np.ndarray:
        """(24,3) m."""
        return self.keypoints.xyz[0]

    @property
    def axis_angle(self) -> np.ndarray:
        """(24,3) rad in the parent's frame: SMPL's `global_orient` and then its `body_pose`."""
        local = CHAIN.local(self.rotation)
        known = np.isfinite(local).all(axis=(-1, -2))
        vectors = np.full((len(JOINTS), 3), np.nan)
        vectors[known] = rotation_log(local[known])
        return vectors

    @property
    def missing(self) -> tuple[str, ...]:
        """Joints whose position or rotation is unknown."""
        gaps = np.isnan(self.xyz).any(-1) | np.isnan(self.rotation).any(axis=(-1, -2))
        return tuple(joint for joint, gap in zip(JOINTS, gaps, strict=True) if gap)


def smpl_pose(person: Person) -> SmplPose:
    """The pose of a person.

    Limbs point along the bones between their joints. Feet turn as heel and toe show where a foot can turn
    so, else as the Person's ankles do. Hands turn as its wrists: knuckles as an estimator sees them are too
    close together to tell more. What turns between pelvis and chest is shared evenly by the spine's joints,
    what turns between chest and head by neck and head; collars turn with the chest.
    """
    keypoints = convert_3d(person.keypoints3d, "smpl_24")
    xyz = dict(zip(JOINTS, keypoints.xyz[0], strict=True))
    points = dict(zip(person.keypoints3d.skeleton.joints, person.keypoints3d.xyz[0], strict=True))
    rotation = {joint: _of_frame(person, joint) for joint in JOINTS}
    for joint, (end, rest) in BONES.items():
        rotation[joint] = swung(rotation[joint], rest, xyz[end] - xyz[joint])
    rotation["spine1"], rotation["spine2"] = _steps(rotation["pelvis"], rotation["spine3"], 3)
    (rotation["neck"],) = _steps(rotation["spine3"], rotation["head"], 2)
    seen = set()
    for side in SIDES:
        rotation[f"{side}_collar"], rotation[f"{side}_hand"] = rotation["spine3"], rotation[f"{side}_wrist"]
        foot = _foot(points, side, rotation[f"{side}_ankle"])
        if (rotation[f"{side}_knee"] @ FORWARD) @ (foot @ FORWARD) > FOOT_BENDS:
            rotation[f"{side}_ankle"] = foot
            seen.add(f"{side}_ankle")
        rotation[f"{side}_foot"] = rotation[f"{side}_ankle"]
    matrices = np.stack([rotation[joint] for joint in JOINTS])
    offset = CHAIN.offsets(matrices, keypoints.xyz[0])
    for joint, (end, rest) in BONES.items():
        offset[JOINTS.index(end)] = rest * np.linalg.norm(xyz[end] - xyz[joint])
    hidden = frozenset(name for name in person.twist_unobservable if name in JOINTS) - seen
    return SmplPose(keypoints, matrices, offset, hidden)


def smpl_forward(
    axis_angle: np.ndarray, offset: np.ndarray, root: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (…,24,3,3) and positions (…,24,3) m of a pose; see SmplPose. NaN where a joint above is."""
    known = np.isfinite(axis_angle).all(axis=-1)
    local = rotation_exp(np.where(known[..., None], axis_angle, 0.0))
    local = np.where(known[..., None, None], local, np.nan)
    return CHAIN.forward(local, np.asarray(offset, float), np.asarray(root, float))


def frames_from_smpl(rotation: np.ndarray, xyz: np.ndarray) -> dict[str, RigidTransform]:
    """The way back: frames of a Person from rotations (24,3,3) and positions (24,3) in a common frame.

    Axes as human_description, at SMPL's own joints; a joint that is unknown has no frame.
    """
    frames = {}
    for joint, name in FRAME_OF.items():
        turn, place = rotation[JOINTS.index(joint)], xyz[JOINTS.index(joint)]
        if np.isfinite(turn).all() and np.isfinite(place).all():
            frames[name] = RigidTransform(turn @ _frame_from_smpl(joint).T, place)
    return frames


def _frame_from_smpl(joint: str) -> np.ndarray:
    side, _, part = joint.partition("_")
    return ARM_FROM_SMPL[side] if part in ("shoulder", "elbow", "wrist") else BODY_FROM_SMPL


def _of_frame(person: Person, joint: str) -> np.ndarray:
    pose = person.camera_from_joint.get(FRAME_OF.get(joint, ""))
    return np.full((3, 3), np.nan) if pose is None else pose.rotation @ _frame_from_smpl(joint)


def swung(rotation: np.ndarray, rest: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """The rotations (…,3,3), turned by the least angle that takes a bone from along `rest` to `bone` (…,3).

    As they are where either is unknown, or where the bone points the opposite way.
    """
    now, length = rotation @ rest, np.linalg.norm(bone, axis=-1, keepdims=True)
    then = bone / np.where(length > 1e-6, length, np.nan)
    cosine = np.einsum("...i,...i->...", now, then)[..., None, None]
    cross = skew(np.cross(now, then))
    swing = np.eye(3) + cross + cross @ cross / np.where(cosine > -0.999, 1 + cosine, np.nan)
    return np.where(np.isnan(swing), rotation, swing @ rotation)


def _steps(start: np.ndarray, end: np.ndarray, count: int) -> list[np.ndarray]:
    """The rotations on the way from start to end in `count` equal steps, both ends left out."""
    if not np.isfinite([start, end]).all():
        return [np.full((3, 3), np.nan)] * (count - 1)
    step = rotation_log(start.T @ end) / count
    return [start @ rotation_exp(step * n) for n in range(1, count)]


def _foot(points: dict[str, np.ndarray], side: str, ankle: np.ndarray) -> np.ndarray:
    """Sole along heel to toe, its left as the ankle's frame has it: two points show no tilt."""
    unknown = np.full(3, np.nan)
    sole = points.get(f"{side}_foot_index", unknown) - points.get(f"{side}_heel", unknown)
    up = np.cross(sole, ankle @ LEFT)
    axes = np.stack([np.cross(up, sole), up, sole], axis=-1)  # x left, y up, z forward
    length = np.linalg.norm(axes, axis=0)
    return axes / np.where(length > 1e-9, length, np.nan)
