"""How probably a grasp still works, given how uncertain the object's pose is."""

from __future__ import annotations

import numpy as np

from pose_ros.apps.grasp.closing import close, nearby
from pose_ros.apps.grasp.draws import normal_draws
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.geometry.rigid import RigidTransform, rotation_exp, skew
from pose_ros.shapes import check_shape
from pose_ros.types import Symmetries

MOST_TURN = 0.5  # rad; a pose that is more uncertain than this is drawn as if it were not


def without_symmetry(
    covariance: np.ndarray, rotation: np.ndarray, symmetries: Symmetries | None
) -> np.ndarray:
    """A pose's covariance (6,6) less what a continuous symmetry leaves open and no gripper can notice.

    Translation (m) of the object's origin, then rotation (rad) about the root's axes; rotation (3,3):
    root_from_object. A turn by w about an axis through c moves the origin by -w x c.
    """
    if symmetries is None or not symmetries.is_continuous:
        return covariance
    center = rotation @ symmetries.center
    if symmetries.is_sphere:
        open_turns = np.eye(3)
    else:
        axis = rotation @ symmetries.axis
        open_turns = np.outer(axis, axis)
    # Takes the open turns away together with the motion of the origin they bring.
    project = np.eye(6)
    project[3:, 3:] -= open_turns
    project[:3, 3:] -= skew(center) @ open_turns
    return project @ covariance @ project.T


def draws_of(covariance: np.ndarray, count: int, seed: int) -> RigidTransform:
    """Motions (count,) about an object's origin that a covariance (6,6) allows."""
    covariance = check_shape("covariance", np.asarray(covariance, float), (6, 6))
    value, vector = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vector * np.sqrt(np.maximum(value, 0))
    draw = normal_draws(count, seed) @ root.T
    turn = draw[:, 3:]
    angle = np.linalg.norm(turn, axis=1, keepdims=True)
    turn = turn * np.minimum(1, MOST_TURN / np.maximum(angle, 1e-12))
    return RigidTransform(rotation_exp(turn), draw[:, :3])


def chances(
    grasps: GraspSet,
    root_from_object: RigidTransform,
    covariance: np.ndarray,
    gripper: Gripper,
    friction_angle: float,
    draws: int,
    seed: int = 0,
) -> np.ndarray:
    """(N,) share of the poses drawn from the covariance (6,6) at which each grasp holds.

    The hand goes where the object is thought to be; where the object really is, its surface meets the fingers
    as `closing` has it.
    """
    drawn = draws_of(covariance, draws, seed)
    origin = root_from_object.translation
    probability = np.zeros(len(grasps))
    for n in range(len(grasps)):
        pose = grasps.object_from_grasp
        one = RigidTransform(pose.rotation[n], pose.translation[n])
        root_from_grasp = root_from_object @ one
        # The object, turned about its origin and moved, told in the grasp frame.
        rotation, about = drawn.rotation, origin - root_from_grasp.translation
        shift = drawn.translation + about - rotation @ about
        axes = root_from_grasp.rotation
        moved = RigidTransform(axes.T @ rotation @ axes, shift @ axes)
        there = nearby(grasps.skin, one, grasps.opening[n], gripper)
        probability[n] = close(there, moved, gripper, friction_angle).holds.mean()
    return probability
