"""A person over time as the motion of one hierarchy, as BVH has it: even frames, constant bones, no gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from pose_ros.errors import PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats import smpl
from pose_ros.human.formats.bvh import Motion
from pose_ros.human.formats.chain import Chain
from pose_ros.human.formats.skeletons import SIDES
from pose_ros.human.formats.upright import ANIMATION_FROM_WORLD, LEVEL_CAMERA
from pose_ros.types import Person

FRAME_TIME = 1 / 30  # s, of a motion of one frame, which has none
# Joint -> parent, and which point it is at (see _points). Spine and Neck lie at their parents' own places:
# they take up that a chest is not always straight above a pelvis, nor a head above a chest.
HIERARCHY: dict[str, tuple[str, str]] = {
    "Hips": ("", "hips"), "Spine": ("Hips", "hips"), "Chest": ("Spine", "shoulders"),
    "Neck": ("Chest", "shoulders"), "Head": ("Neck", "ears"),
    **{f"{side.title()}{name}": (f"{side.title()}{parent}" if is_own else parent, f"{side}_{point}")
       for side in SIDES
       for name, parent, is_own, point in (
           ("Arm", "Chest", False, "shoulder"), ("ForeArm", "Arm", True, "elbow"),
           ("Hand", "ForeArm", True, "wrist"), ("UpLeg", "Hips", False, "hip"),
           ("Leg", "UpLeg", True, "knee"), ("Foot", "Leg", True, "ankle"))},
}  # fmt: skip
CHAIN = Chain(tuple(HIERARCHY), tuple(parent for parent, _ in HIERARCHY.values()))
POINT_OF = {joint: point for joint, (_, point) in HIERARCHY.items()}
# Joint -> the joint of SMPL that turns with it, and of the limbs the joint their bone ends at.
TURNS_AS = {
    "Hips": "pelvis", "Spine": "pelvis", "Chest": "spine3", "Neck": "neck", "Head": "head",
    **{joint: point for joint, point in POINT_OF.items() if point.startswith(SIDES)},
}  # fmt: skip
POINTS_AT = {"Spine": ("Chest", smpl.UP), "Neck": ("Head", smpl.UP)}
ENDS = {
    "Head": "nose",
    **{f"{side.title()}Hand": f"{side}_hand" for side in SIDES},
    **{f"{side.title()}Foot": f"{side}_foot_index" for side in SIDES},
}


def animate(
    persons: Sequence[Person],
    stamps_ns: Sequence[int],
    world_from_camera: RigidTransform = LEVEL_CAMERA,
) -> Motion:
    """The motion of one person, seen at these stamps, in evenly spaced frames, y up.

    Frame time is the median between stamps; stamps may come in any order, and twice. Bones are as long as
    their median, so that a person whose measured bones vary is met to within that; what is unknown in a
    frame is turned evenly from the last known moment to the next, and counted in `held`. Raises PoseError
    where the hips, of which everything hangs, are never known.
    """
    times, order = np.unique(np.asarray(stamps_ns, np.int64), return_index=True)
    if not len(order):
        raise PoseError("a motion needs at least one frame")
    world = ANIMATION_FROM_WORLD @ world_from_camera
    rotation, position, ends = _measured([persons[n] for n in order], world)
    frame_time = float(np.median(np.diff(times))) * 1e-9 if len(times) > 1 else FRAME_TIME
    seconds = (times - times[0]) * 1e-9
    even = np.arange(round(seconds[-1] / frame_time) + 1) * frame_time
    names = CHAIN.joints
    if np.isnan(position[:, 0]).any(-1).all() or np.isnan(rotation[:, 0]).any(axis=(-1, -2)).all():
        raise PoseError("a person whose hips and shoulders are never known cannot be animated")
    filled, held = np.empty((len(even), len(names), 3, 3)), {}
    for n, parent in enumerate(CHAIN.parent_indices):
        filled[:, n], count = _turned(rotation[:, n], seconds, even, filled[:, parent])
        if count:
            held[names[n]] = count
    known = np.isfinite(position[:, 0]).all(-1)
    root = np.stack([np.interp(even, seconds[known], axis) for axis in position[known, 0].T], axis=-1)
    return Motion(CHAIN, _offsets(rotation, position), ends, root, CHAIN.local(filled), frame_time, held)


def _points(person: Person) -> dict[str, np.ndarray]:
    points = dict(zip(person.keypoints3d.skeleton.joints, person.keypoints3d.xyz[0], strict=True))
    unknown = np.full(3, np.nan)
    for name, parts in {
        "hips": ("left_hip", "right_hip"),
        "shoulders": ("left_shoulder", "right_shoulder"),
        "ears": ("left_ear", "right_ear"),
        **{f"{side}_hand": (f"{side}_index", f"{side}_pinky") for side in SIDES},
    }.items():
        points[name] = np.mean([points.get(part, unknown) for part in parts], axis=0)
    return points


def _measured(
    persons: list[Person], world: RigidTransform
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Rotations (T,J,3,3) and positions (T,J,3) in the world, NaN = unknown, and the ends of the bones."""
    poses = [smpl.smpl_pose(person).rotation for person in persons]
    points = [_points(person) for person in persons]
    position = np.array([[frame[POINT_OF[joint]] for joint in CHAIN.joints] for frame in points])
    rotation = np.array(
        [[pose[smpl.JOINTS.index(TURNS_AS[joint])] for joint in CHAIN.joints] for pose in poses]
    )
    index = CHAIN.joints.index
    for joint, (end, rest) in POINTS_AT.items():
        for t in range(len(persons)):
            bone = position[t, index(end)] - position[t, index(joint)]
            rotation[t, index(joint)] = smpl.swung(rotation[t, index(joint)], rest, bone)
    ends = {}
    for joint, point in ENDS.items():
        tips = np.array([frame.get(point, np.full(3, np.nan)) for frame in points])
        ends[joint] = _median(
            np.einsum("tji,tj->ti", rotation[:, index(joint)], tips - position[:, index(joint)])
        )
    return world.rotation @ rotation, world.apply(position), ends


def _offsets(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(J,3) m at rest: along the limb where there is one, else where the joint is seen in its parent."""
    local = CHAIN.offsets(rotation, position)
    offset = np.array([_median(local[:, n]) for n in range(len(CHAIN.joints))])
    limbs = {TURNS_AS[joint]: joint for joint in CHAIN.joints if joint not in ("Spine", "Neck")}
    straight = {limbs[joint]: (limbs[end], rest) for joint, (end, rest) in smpl.BONES.items()} | POINTS_AT
    for end, rest in straight.values():
        n = CHAIN.joints.index(end)
        offset[n] = rest * _median(np.linalg.norm(local[:, n], axis=-1, keepdims=True))
    return offset


def _median(vectors: np.ndarray) -> np.ndarray:
    """Of the known ones; zero where there is none: a bone of no length."""
    known = vectors[np.isfinite(vectors).all(-1)]
    return np.median(known, axis=0) if len(known) else np.zeros(vectors.shape[-1])


def _turned(
    rotation: np.ndarray, seconds: np.ndarray, even: np.ndarray, parent: np.ndarray
) -> tuple[np.ndarray, int]:
    """Rotations at the times `even`, and how many of them lie farther than one frame from a known one."""
    known = np.isfinite(rotation).all(axis=(-1, -2))
    if not known.any():
        return parent, len(even)  # at rest in its parent
    times, turns = seconds[known], Rotation.from_matrix(rotation[known])
    gap = np.abs(even[:, None] - times).min(axis=1)
    step = even[1] - even[0] if len(even) > 1 else 0.0
    if len(times) > 1:
        turned = Slerp(times, turns)(np.clip(even, times[0], times[-1])).as_matrix()
    else:
        turned = np.broadcast_to(turns.as_matrix(), (len(even), 3, 3))
    return turned, int((gap > 0.75 * step).sum())
