"""Hands in pictures and in people.json."""

import json

import numpy as np
import pytest
from hand_law import CAMERA, hand, landmarks

from pose_ros.hand_shape import palm_of
from pose_ros.human.export import _describe
from pose_ros.skeleton import COCO_17, HAND_21
from pose_ros.types import Hand, Keypoints2D, Keypoints3D, Origin, People, Person, TrackState
from pose_ros.viz import draw_people


def person(hands) -> Person:
    k = len(COCO_17)
    flat = Keypoints2D(np.zeros((1, k, 2)), np.zeros((1, k)), np.zeros((1, 4)), COCO_17)
    solid = Keypoints3D(np.full((1, k, 3), np.nan), np.zeros((1, k)), np.zeros((1, k, 3, 3)),
                        np.zeros((1, k), int), COCO_17)  # fmt: skip
    return Person("p1", TrackState.TRACKED, 3, flat, solid, {}, hands=hands)


@pytest.fixture
def shown() -> Hand:
    xyz = hand()
    xy = landmarks(xyz, False)[0]
    known, spread = np.ones((1, 21)), np.zeros((1, 21, 3, 3))
    solid = Keypoints3D(xyz[None], known, spread, known * Origin.MEASURED, HAND_21)
    return Hand(
        "left", 0.9, Keypoints2D(xy[None], np.ones((1, 21)), np.zeros((1, 4)), HAND_21), solid, palm_of(xyz)
    )


def test_a_hand_is_told_with_all_its_joints(shown):
    told = json.loads(json.dumps(_describe(person((shown,)))))["hands"]["left"]
    assert list(told["joints"]) == list(told["pixels"]) == list(HAND_21.joints)
    np.testing.assert_allclose(told["palm"], shown.camera_from_palm.translation, atol=1e-4)
    assert 0 <= told["opening"] <= 1


def test_without_depth_only_pixels_are_told(shown):
    blind = Keypoints3D(np.full((1, 21, 3), np.nan), np.zeros((1, 21)), np.zeros((1, 21, 3, 3)),
                        np.zeros((1, 21), int), HAND_21)  # fmt: skip
    told = json.loads(json.dumps(_describe(person((Hand("left", 0.9, shown.keypoints2d, blind, None),)))))
    assert told["hands"]["left"]["joints"] == {}
    assert "palm" not in told["hands"]["left"]
    assert len(told["hands"]["left"]["pixels"]) == 21


def test_nobody_who_does_not_ask_is_told_of_hands():
    assert "hands" not in _describe(person(()))


@pytest.mark.parametrize("camera", [CAMERA, None])
def test_the_picture_shows_the_hand(shown, camera):
    grey = np.full((480, 640, 3), 90, np.uint8)
    plain = draw_people(grey, People((person(()),), 1, "camera"), camera)
    drawn = draw_people(grey, People((person((shown,)),), 1, "camera"), camera)
    changed = np.argwhere((plain != drawn).any(-1))[:, ::-1]
    assert len(changed) > 200
    pixels = CAMERA.project(shown.keypoints3d.xyz[0])
    assert (changed >= pixels.min(0) - 15).all()
    assert (changed <= pixels.max(0) + 15).all()
