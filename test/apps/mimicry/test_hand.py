"""Hands: how open, and what is too small to act on."""

import numpy as np
import pytest

from pose_ros.apps.mimicry.hand import Grip, GripConfig, HandPoints
from pose_ros.apps.mimicry.human_arm import human_arm
from pose_ros.apps.mimicry.rehearsal import make_person
from pose_ros.geometry.rigid import RigidTransform

HERE = RigidTransform.identity()
BENT = np.radians([60.0, 20, 0, 60])


def hand(grip, side="right"):
    return human_arm(make_person("p1", HERE, BENT, BENT, grip), side).points


def test_an_open_hand_opens_and_a_closed_one_closes_whatever_its_size():
    assert hand(1.0).opening > hand(0.5).opening > hand(0.0).opening
    points = hand(0.7)
    large = HandPoints(1.3 * points.index, 1.3 * points.pinky, 1.3 * points.thumb, points.score)
    assert large.opening == pytest.approx(points.opening)
    assert points.mirrored().opening == pytest.approx(points.opening)


def test_small_changes_move_no_gripper_and_the_ends_are_reached():
    grip = Grip(GripConfig(closed_at=0.3, open_at=0.75, smoothing=0.0))
    mean = np.mean([0.30, 0.75])
    half = HandPoints(np.array([0, 0, 0.1]), np.array([0, 0, 0.1]), np.array([mean * 0.1, 0, 0.1]), 0.9)
    value = grip(half, 0.0)
    assert value == pytest.approx(0.5)
    nearly = HandPoints(half.index, half.pinky, half.thumb * [1.1, 1, 1], 0.9)
    assert grip(nearly, 0.1) == value
    assert grip(HandPoints(half.index, half.pinky, np.array([0.0, 0, 0.1]), 0.9), 0.2) == 0.0
    assert grip(HandPoints(half.index, half.pinky, np.array([0.2, 0, 0.1]), 0.9), 0.3) == 1.0


def test_an_unseen_hand_changes_nothing():
    grip = Grip()
    before = grip(hand(0.0), 0.0)
    for points in (None, HandPoints(*np.zeros((3, 3)), 0.9), HandPoints(*np.ones((3, 3)), 0.1)):
        assert grip(points, 1.0) == before


def test_an_arm_that_cannot_be_is_told():
    person = make_person("p1", HERE, BENT, BENT)
    person.camera_from_joint["right_wrist"].translation[:] += 5.0
    assert "nobody's" in human_arm(person, "right")
    assert isinstance(human_arm(person, "left"), type(human_arm(make_person("p1", HERE, BENT, BENT), "left")))
