"""The covariance's ranking against closed forms and against poses drawn one by one."""

import math

import numpy as np
import pytest
from shapes_to_grasp import FRICTION_ANGLE, PANDA, grasps_of, known

from pose_ros.apps.grasp.chance import chances, draws_of, without_symmetry
from pose_ros.apps.grasp.closing import close, nearby
from pose_ros.geometry.rigid import RigidTransform, rotation_exp

POSE = RigidTransform(rotation_exp(np.array([0.4, -0.2, 0.7])), np.array([0.5, -0.2, 0.3]))


def straight(name, count):
    """The best grasps that close along an axis of the object, on both of its sides in full."""
    grasps = grasps_of(name, with_symmetries=False)
    axes = np.abs(grasps.object_from_grasp.rotation[:, :, 1]).max(1)
    return grasps.select(np.flatnonzero(axes > 0.9999)[:count])


def test_a_certain_pose_changes_nothing():
    grasps = grasps_of("block")
    np.testing.assert_array_equal(chances(grasps, POSE, np.zeros((6, 6)), PANDA, FRICTION_ANGLE, 8), 1.0)


@pytest.mark.parametrize("sigma", [0.005, 0.015, 0.03])
def test_an_error_along_closing_counts_against_the_room_at_the_pads(sigma):
    """Moved along y by e the object still fits between the pads if |e| < (opening - width) / 2."""
    grasps = straight("block", 10)
    for n in range(len(grasps)):
        one = grasps.select(np.array([n]))
        closing = POSE.rotation @ one.object_from_grasp.rotation[0, :, 1]
        covariance = np.zeros((6, 6))
        covariance[:3, :3] = sigma**2 * np.outer(closing, closing)
        room = (one.opening[0] - one.width[0]) / 2
        expected = math.erf(room / sigma / math.sqrt(2))
        chance = chances(one, POSE, covariance, PANDA, FRICTION_ANGLE, 256)[0]
        assert chance == pytest.approx(expected, abs=0.06)


def test_a_turn_about_the_approach_counts_against_the_friction_cone():
    """A block turned by a between flat pads presses its edges against them: it holds if |a| is small."""
    grasps = straight("block", 6)
    for n in range(len(grasps)):
        one = grasps.select(np.array([n]))
        approach = POSE.rotation @ one.object_from_grasp.rotation[0, :, 2]
        chance = []
        for sigma in (0.02, 0.2, 0.6):
            covariance = np.zeros((6, 6))
            covariance[3:, 3:] = sigma**2 * np.outer(approach, approach)
            # about the grasp, not about the object's origin
            arm = POSE.apply(one.object_from_grasp.translation[0]) - POSE.translation
            move = -np.cross(approach, arm)
            covariance[:3, :3] = sigma**2 * np.outer(move, move)
            covariance[:3, 3:] = sigma**2 * np.outer(move, approach)
            covariance[3:, :3] = covariance[:3, 3:].T
            chance.append(chances(one, POSE, covariance, PANDA, FRICTION_ANGLE, 64)[0])
        assert chance[0] == 1.0
        assert chance[0] >= chance[1] > chance[2]


@pytest.mark.parametrize(("name", "seed"), [("mug", 0), ("l_bracket", 1), ("bottle", 2)])
def test_chances_are_those_of_poses_drawn_one_by_one(name, seed):
    """The hand stays, the object is put where each draw says, told in the root frame; 200 draws a grasp."""
    rng = np.random.default_rng(seed)
    grasps = grasps_of(name)
    grasps = grasps.select(rng.choice(len(grasps), 10, replace=False))
    spread = rng.normal(size=(6, 6)) * 0.5 + np.eye(6)
    sigma = np.array([0.005] * 3 + [0.06] * 3)
    covariance = spread @ spread.T / 2.5 * np.outer(sigma, sigma)
    expected = np.zeros(len(grasps))
    root = np.linalg.cholesky(covariance)
    for n in range(len(grasps)):
        hand = POSE @ RigidTransform(
            grasps.object_from_grasp.rotation[n], grasps.object_from_grasp.translation[n]
        )
        kept = 0
        for draw in rng.normal(size=(200, 6)) @ root.T:
            there = RigidTransform(rotation_exp(draw[3:]) @ POSE.rotation, POSE.translation + draw[:3])
            in_hand = hand.inverse() @ there  # where the object is for the hand
            near = nearby(grasps.skin, in_hand.inverse(), grasps.opening[n], PANDA)
            nothing = RigidTransform(np.eye(3)[None], np.zeros((1, 3)))
            kept += bool(close(near, nothing, PANDA, FRICTION_ANGLE).holds[0])
        expected[n] = kept / 200
    chance = chances(grasps, POSE, covariance, PANDA, FRICTION_ANGLE, 128)
    assert np.abs(chance - expected).mean() < 0.06
    assert np.abs(chance - expected).max() < 0.2
    # Of two that clearly differ the better one is told.
    differ = expected[:, None] - expected > 0.15
    assert np.mean((chance[:, None] > chance)[differ]) > 0.95 if differ.any() else True


def test_draws_have_the_covariance_they_are_drawn_from():
    rng = np.random.default_rng(0)
    spread = rng.normal(size=(6, 6)) * ([0.004] * 3 + [0.03] * 3)
    covariance = spread.T @ spread
    drawn = draws_of(covariance, 2048, 0)
    values = np.concatenate(
        [drawn.translation, [RigidTransform(r, np.zeros(3)).log()[3:] for r in drawn.rotation]], 1
    )
    scale = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        np.cov(values.T) / np.outer(scale, scale), covariance / np.outer(scale, scale), atol=0.06
    )


def test_what_a_symmetry_leaves_open_is_no_uncertainty():
    """A bottle's turn about its axis is unknown, its origin off the axis moves with it: no grasp minds."""
    _, symmetries = known("bottle")
    moved = symmetries.shifted(np.array([0.2, 0.1, 0.0]))
    axis = POSE.rotation @ moved.axis
    way = -np.cross(axis, POSE.rotation @ moved.center)  # of the origin, for each rad
    turn = np.concatenate([way, axis])
    certain = np.diag([1e-6] * 3 + [1e-5] * 3)
    covariance = certain + 4.0 * np.outer(turn, turn)
    cleaned = without_symmetry(covariance, POSE.rotation, moved)
    assert np.sqrt(np.linalg.eigvalsh(cleaned).max()) < 0.01
    assert turn @ cleaned @ turn < 1e-3 * (turn @ turn)
    np.testing.assert_array_equal(without_symmetry(covariance, POSE.rotation, None), covariance)
    # what the axis itself may do stays: a shift along it, a tilt of it
    shift = np.concatenate([axis, np.zeros(3)])
    assert shift @ cleaned @ shift == pytest.approx(1e-6, rel=0.05)
