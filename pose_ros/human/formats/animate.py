"""A person over time as the motion of one hierarchy, as BVH has it: even frames, constant bones, no gaps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from pose_ros.errors import PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats import smpl
from pose_ros.human.formats.bvh import Motion
from pose_ros.human.formats.hierarchy import CHAIN, ENDS, HIERARCHY, MIDDLE_OF
from pose_ros.human.formats.upright import ANIMATION_FROM_WORLD, LEVEL_CAMERA
from pose_ros.types import Person

FRAME_TIME = 1 / 30  # s, of a motion of one frame, which has none


def animate(
    persons: Sequence[Person],
    stamps_ns: Sequence[int],
    world_from_camera: RigidTransform = LEVEL_CAMERA,
) -> Motion:
    """The motion of one person, seen at these stamps, in evenly spaced frames, y up.

    Frame time is the median between stamps; stamps may come in any order, and twice. Bones are as long as
    their median; each is aimed from where the hierarchy has its joint at where the next was measured, so that
    errors do not add up along a limb. What is unknown is turned evenly from the last known moment to the
    next, and counted in `held`. Raises PoseError where the hips, of which all hangs, are never known.
    """
    times, order = np.unique(np.asarray(stamps_ns, np.int64), return_index=True)
    if not len(order):
        raise PoseError("a motion needs at least one frame")
    rotation, position, ends = _measured(
        [persons[n] for n in order], ANIMATION_FROM_WORLD @ world_from_camera
    )
    if np.isnan(position[:, 0]).any(-1).all() or np.isnan(rotation[:, 0]).any(axis=(-1, -2)).all():
        raise PoseError("a person whose hips and shoulders are never known cannot be animated")
    seconds = (times - times[0]) * 1e-9
    frame_time = float(np.median(np.diff(seconds))) if len(seconds) > 1 else FRAME_TIME
    even = np.arange(round(seconds[-1] / frame_time) + 1) * frame_time
    offset = _offsets(rotation, position)
    turned, placed, held = _aimed(rotation, position, offset, seconds, even)
    return Motion(CHAIN, offset, ends, placed[:, 0], CHAIN.local(turned), frame_time, held)


def _aimed(
    rotation: np.ndarray, position: np.ndarray, offset: np.ndarray, seconds: np.ndarray, even: np.ndarray
) -> tuple[np.ndarray, np.ndarray, dict[str, int]]:
    """Rotations (F,J,3,3) and positions (F,J,3) of the hierarchy at the times `even`, and what was held."""
    turned, placed = np.empty((len(even), len(offset), 3, 3)), np.empty((len(even), len(offset), 3))
    held = {}
    for n, (joint, parent) in enumerate(zip(CHAIN.joints, CHAIN.parent_indices, strict=True)):
        if parent < 0:
            placed[:, n], _ = _moved(position[:, n], seconds, even)
        else:
            placed[:, n] = placed[:, parent] + turned[:, parent] @ offset[n]
        turned[:, n], is_held = _turned(rotation[:, n], seconds, even, turned[:, parent])
        if is_held.any():
            held[joint] = int(is_held.sum())
        aim = HIERARCHY[joint].aims_at
        if aim:
            target, is_far = _moved(position[:, CHAIN.joints.index(aim)], seconds, even)
            target[is_held | is_far] = np.nan
            rest = np.array(HIERARCHY[joint].rest)
            turned[:, n] = smpl.swung(turned[:, n], rest, target - placed[:, n])
    return turned, placed, held


def _points(person: Person) -> dict[str, np.ndarray]:
    points = dict(zip(person.keypoints3d.skeleton.joints, person.keypoints3d.xyz[0], strict=True))
    unknown = np.full(3, np.nan)
    for name, parts in MIDDLE_OF.items():
        points[name] = np.mean([points.get(part, unknown) for part in parts], axis=0)
    return points


def _measured(
    persons: list[Person], world: RigidTransform
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Rotations (T,J,3,3) and positions (T,J,3) in the world, NaN = unknown, and the ends of the bones."""
    poses = [smpl.smpl_pose(person).rotation for person in persons]
    points = [_points(person) for person in persons]
    joints = HIERARCHY.values()
    position = np.array([[frame[joint.point] for joint in joints] for frame in points])
    turns = [smpl.JOINTS.index(joint.turns_as) for joint in joints]
    rotation = np.array([pose[turns] for pose in poses])
    ends = {}
    for joint, point in ENDS.items():
        tips = np.array([frame.get(point, np.full(3, np.nan)) for frame in points])
        n = CHAIN.joints.index(joint)
        ends[joint] = _median(np.einsum("tji,tj->ti", rotation[:, n], tips - position[:, n]))
    return world.rotation @ rotation, world.apply(position), ends


def _offsets(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(J,3) m at rest: along the limb where there is one, else where the joint is seen in its parent."""
    local = CHAIN.offsets(rotation, position)
    offset = np.array([_median(local[:, n]) for n in range(len(CHAIN.joints))])
    for joint in HIERARCHY.values():
        if not joint.aims_at:
            continue
        n = CHAIN.joints.index(joint.aims_at)
        offset[n] = np.array(joint.rest) * _median(np.linalg.norm(local[:, n], axis=-1, keepdims=True))
    return offset


def _median(vectors: np.ndarray) -> np.ndarray:
    """Of the known ones; zero where there is none: a bone of no length."""
    known = vectors[np.isfinite(vectors).all(-1)]
    return np.median(known, axis=0) if len(known) else np.zeros(vectors.shape[-1])


def _turned(
    rotation: np.ndarray, seconds: np.ndarray, even: np.ndarray, parent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (F,3,3) at the times `even`, and which of them (F,) are not near a known one."""
    known = np.isfinite(rotation).all(axis=(-1, -2))
    if not known.any():
        return parent, np.ones(len(even), bool)  # at rest in its parent
    times, turns = seconds[known], Rotation.from_matrix(rotation[known])
    if len(times) == 1:
        return np.broadcast_to(turns.as_matrix(), (len(even), 3, 3)), _is_far(times, even)
    turned = Slerp(times, turns)(np.clip(even, times[0], times[-1])).as_matrix()
    return turned, _is_far(times, even)


def _moved(position: np.ndarray, seconds: np.ndarray, even: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of positions (T,3)."""
    known = np.isfinite(position).all(axis=-1)
    if not known.any():
        return np.full((len(even), 3), np.nan), np.ones(len(even), bool)
    moved = [np.interp(even, seconds[known], axis) for axis in position[known].T]
    return np.stack(moved, axis=-1), _is_far(seconds[known], even)


def _is_far(times: np.ndarray, even: np.ndarray) -> np.ndarray:
    """Which of the times `even` have no other within three quarters of a frame."""
    step = even[1] if len(even) > 1 else 0.0
    return np.abs(even[:, None] - times).min(axis=1) > 0.75 * step
