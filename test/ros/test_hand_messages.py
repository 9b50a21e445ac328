"""Hands as frames and markers: palms and finger tips hang on their person's body, and go when they go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from visualization_msgs.msg import Marker

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.hand_shape import palm_of
from pose_ros.ros import people_messages as messages
from pose_ros.ros.conversions import header_of
from pose_ros.skeleton import COCO_17, HAND_21
from pose_ros.types import Hand, Keypoints2D, Keypoints3D, Origin, Person, TrackState

HEADER = header_of(1_700_000_000_123_456_789, "camera")
UNKNOWN_TIP = HAND_21.index("ring_tip")


def hand(side: str, random) -> Hand:
    xyz, origin = random.normal(0, 0.1, (1, 21, 3)) + [0, 0, 1], np.full((1, 21), Origin.MEASURED)
    xyz[0, UNKNOWN_TIP], origin[0, UNKNOWN_TIP] = np.nan, Origin.UNKNOWN
    solid = Keypoints3D(xyz, np.ones((1, 21)), np.zeros((1, 21, 3, 3)), origin, HAND_21)
    flat = Keypoints2D(np.zeros((1, 21, 2)), np.ones((1, 21)), np.zeros((1, 4)), HAND_21)
    return Hand(side, 0.9, flat, solid, palm_of(xyz[0]))


@pytest.fixture
def person() -> Person:
    random, k = np.random.default_rng(4), len(COCO_17)
    flat = Keypoints2D(np.zeros((1, k, 2)), np.ones((1, k)), np.zeros((1, 4)), COCO_17)
    solid = Keypoints3D(random.normal(0, 1, (1, k, 3)), np.ones((1, k)), np.zeros((1, k, 3, 3)),
                        np.full((1, k), Origin.MEASURED), COCO_17)  # fmt: skip
    body = RigidTransform(rotation_exp(random.normal(0, 2, 3)), random.normal(0, 2, 3))
    hands = tuple(hand(side, random) for side in ("left", "right"))
    return Person("p1", TrackState.TRACKED, 9, flat, solid, {"body": body}, hands=hands)


def test_palms_and_tips_are_where_they_are_whatever_the_root(person):
    random = np.random.default_rng(5)
    root_from_image = RigidTransform(rotation_exp(random.normal(0, 2, 3)), random.normal(0, 2, 3))
    for move in (None, root_from_image):
        frames = messages.frames_of([person], "root", move)
        place = dict(zip(frames.child, range(len(frames.child)), strict=True))
        root_from_body = RigidTransform.from_quaternion(
            frames.quaternion[place["body_p1"]], frames.translation[place["body_p1"]]
        )
        expected = move or RigidTransform.identity()
        for one in person.hands:
            for name, xyz in (
                ("palm", one.camera_from_palm.translation),
                ("index_tip", one.keypoints3d.xyz[0, HAND_21.index("index_tip")]),
            ):
                n = place[f"{one.side}_{name}_p1"]
                assert frames.parent[n] == "body_p1"
                np.testing.assert_allclose(
                    root_from_body.apply(frames.translation[n]), expected.apply(xyz), atol=1e-9
                )


def test_what_is_not_known_has_no_frame(person):
    child = messages.frames_of([person], "camera").child
    assert f"left_{HAND_21.joints[UNKNOWN_TIP]}_p1" not in child
    assert sum("_tip_" in name for name in child) == 8
    blind = replace(person, hands=tuple(replace(one, camera_from_palm=None) for one in person.hands))
    assert messages.frames_of([blind], "camera").child == ["body_p1"]


def test_hands_are_lines_in_the_namespace_of_their_person(person):
    markers = {marker.id: marker for marker in messages.marker_array([person], HEADER).markers}
    for marker_id in (messages.LEFT_HAND, messages.RIGHT_HAND):
        marker = markers[marker_id]
        assert (marker.ns, marker.type) == ("body_p1", Marker.LINE_LIST)
        bones = [bone for bone in HAND_21.bone_indices if UNKNOWN_TIP not in bone]
        assert len(marker.points) == len(marker.colors) == 2 * len(bones)
    gone = {marker.id for marker in messages.delete_markers(["p1"], HEADER).markers}
    assert set(markers) <= gone


def test_people_without_hands_are_as_before(person):
    bare = replace(person, hands=())
    assert messages.frames_of([bare], "camera").child == ["body_p1"]
    assert {m.id for m in messages.marker_array([bare], HEADER).markers} == {
        messages.BONES, messages.JOINTS, messages.LABEL
    }  # fmt: skip
