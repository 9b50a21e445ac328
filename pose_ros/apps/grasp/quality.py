"""How good a grasp is by itself: whether it holds when the hand comes a little beside, and its lever."""

from __future__ import annotations

import numpy as np

from pose_ros.apps.grasp.closing import close, nearby
from pose_ros.apps.grasp.draws import normal_draws
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

MISS, TWIST = 0.003, np.deg2rad(4)  # sigma of the errors a good grasp bears: m, rad
TRIES = 32
WIDE = 0.35  # share of the pad beyond which a larger patch is no better
LEVER = 0.05  # m from the closing axis to the centre of mass that halves the quality


def tries(seed: int, count: int = TRIES) -> RigidTransform:
    """Motions (count,) of an object in the grasp frame; the first is none."""
    draws = normal_draws(count, seed) * ([MISS] * 3 + [TWIST] * 3)
    draws[0] = 0
    return RigidTransform(rotation_exp(draws[:, 3:]), draws[:, :3])


def lever(grasps: GraspSet) -> np.ndarray:
    """(N,) m: distance of the centre of mass from the line between the pads."""
    away = grasps.skin.center - grasps.object_from_grasp.translation
    axis = grasps.object_from_grasp.rotation[:, :, 1]
    return np.linalg.norm(away - (away * axis).sum(1, keepdims=True) * axis, axis=1)


def quality_of(
    grasps: GraspSet, gripper: Gripper, friction_angle: float, moved: RigidTransform
) -> tuple[np.ndarray, np.ndarray]:
    """(N,) quality in [0,1], 0: does not hold even where all is right; (N,) m true width at the first try.

    moved (K,): what goes wrong, the first nothing.
    """
    pose = grasps.object_from_grasp
    quality, width = np.zeros(len(grasps)), np.full(len(grasps), np.nan)
    pad = gripper.pad_width * gripper.pad_length
    for n in range(len(grasps)):
        one = RigidTransform(pose.rotation[n], pose.translation[n])
        there = nearby(grasps.skin, one, grasps.opening[n], gripper)
        closing = close(there, moved, gripper, friction_angle)
        if closing.holds[0]:
            patch = np.minimum(closing.patch / (WIDE * pad), 1)
            quality[n] = np.mean(closing.holds * (0.4 + 0.6 * closing.depth) * (0.4 + 0.6 * patch))
            width[n] = closing.width[0]
    return quality / (1 + (lever(grasps) / LEVER) ** 2), width
