"""Whose motion it is, how open their hands are, and the hand that begins an episode."""

import dataclasses

import numpy as np
import pytest
from record_scene import S, people, person
from scipy.spatial.transform import Rotation

from pose_ros.apps.record.operator import GestureConfig, Operator, RaisedHand, is_up, opening
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints3D, TrackState


def without(one, *names):
    xyz, origin = one.keypoints3d.xyz.copy(), one.keypoints3d.origin.copy()
    at = BLAZEPOSE_33.indices(*names)
    xyz[0, at], origin[0, at] = np.nan, 0
    return dataclasses.replace(one, keypoints3d=dataclasses.replace(one.keypoints3d, xyz=xyz, origin=origin))


def test_the_nearest_is_taken_and_kept():
    operator = Operator()
    near, far = person("p2", distance=1.5), person("p1", distance=3.0)
    assert operator.of(people(far, near)).id == "p2"
    assert operator.of(people(person("p1", distance=1.0), person("p2", distance=4.0))).id == "p2"
    assert operator.of(people(far)).id == "p1"  # who is gone is gone
    assert operator.of(people()) is None
    assert operator.of(people(near, far)).id == "p2"


def test_who_was_asked_for_is_taken_or_nobody():
    operator = Operator("p7")
    assert operator.of(people(person("p1"))) is None
    assert operator.of(people(person("p1"), person("p7", distance=9.0))).id == "p7"
    tentative = person("p7", state=TrackState.TENTATIVE)
    assert operator.of(people(tentative)) is None


def test_the_opening_is_the_distance_of_the_fingers():
    assert opening(person(), "left") == pytest.approx(0.1)
    assert opening(person(), "right") == 0.0
    assert np.isnan(opening(without(person(), "left_thumb"), "left"))
    bare = Keypoints3D(
        np.zeros((1, 17, 3)), np.ones((1, 17)), np.zeros((1, 17, 3, 3)), np.ones((1, 17), int), COCO_17
    )
    assert np.isnan(opening(dataclasses.replace(person(), keypoints3d=bare), "left"))


@pytest.mark.parametrize("seed", range(8))
def test_up_is_along_the_trunk_however_the_body_lies(seed):
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    assert is_up(person(hand_up=True, turn=turn), "left")
    assert not is_up(person(turn=turn), "left")
    assert not is_up(person(hand_up=True, turn=turn), "right")


@pytest.mark.parametrize("missing", ["left_wrist", "nose"])
def test_what_is_not_seen_is_not_up(missing):
    names = [missing] if missing == "left_wrist" else ["nose", "left_ear", "right_ear"]
    assert not is_up(without(person(hand_up=True), *names), "left")


def signs(gesture, ups, period=0.1):
    """When signs were given, for a hand that is up or not every tenth of a second (None: nobody is there)."""
    given = []
    for n, up in enumerate(ups):
        one = None if up is None else person(hand_up=up)
        since = gesture(one, round(n * period * S))
        if since is not None:
            given.append((n, since))
    return given


def test_a_sign_needs_its_time_and_is_given_once():
    gesture = RaisedHand(GestureConfig(hand="left", hold=0.7))
    assert signs(gesture, [False] * 3 + [True] * 20) == [(10, 3 * S // 10)]


def test_a_glimpse_or_a_gap_is_no_sign():
    gesture = RaisedHand(GestureConfig(hand="left", hold=0.7))
    assert signs(gesture, [True] * 7 + [False] + [True] * 7 + [None] + [True] * 7) == []


def test_the_hand_must_come_down_before_the_next():
    gesture = RaisedHand(GestureConfig(hand="left", hold=0.3))
    assert [n for n, _ in signs(gesture, ([True] * 8 + [False] * 2) * 3)] == [3, 13, 23]


def test_predicted_hands_and_no_hand_give_no_sign():
    gesture = RaisedHand(GestureConfig(hand="left", hold=0.3))
    lost = person(hand_up=True, state=TrackState.LOST)
    assert all(gesture(lost, n * S // 10) is None for n in range(20))
    assert signs(RaisedHand(GestureConfig()), [True] * 20) == []


def test_time_that_goes_back_begins_anew():
    gesture = RaisedHand(GestureConfig(hand="left", hold=0.3))
    assert gesture(person(hand_up=True), 100 * S) is None
    assert gesture(person(hand_up=True), 0) is None
    assert gesture(person(hand_up=True), S) is None  # since the jump it counts from here on
    assert gesture(person(hand_up=True), 2 * S) == S
