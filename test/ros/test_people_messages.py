"""People as messages: every law here holds for any person, so the people are random."""

from __future__ import annotations

import numpy as np
import pytest
from hri_msgs.msg import Skeleton2D
from visualization_msgs.msg import Marker

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.ros import people_messages as messages
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, Person, TrackState

CAMERA = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)
HEADER = header_of(1_700_000_000_123_456_789, "camera")
FRAMES = ("body", "neck", "head", "left_shoulder", "left_elbow", "right_hip", "right_knee")


def pose(random) -> RigidTransform:
    return RigidTransform(rotation_exp(random.normal(0, 2, 3)), random.normal(0, 2, 3))


def someone(id="p1", seed=0, skeleton=COCO_17, unknown=(), frames=FRAMES) -> Person:
    random, k = np.random.default_rng(seed), len(skeleton)
    xyz, origin = random.normal(0, 1, (1, k, 3)), np.full((1, k), Origin.MEASURED)
    for joint in unknown:
        xyz[0, skeleton.index(joint)], origin[0, skeleton.index(joint)] = np.nan, Origin.UNKNOWN
    return Person(
        id,
        TrackState.TRACKED,
        9,
        Keypoints2D(random.uniform(0, (640, 480), (1, k, 2)), random.uniform(0.1, 1, (1, k)),
                    np.array([[-10.0, 20, 700, 400]]), skeleton),
        Keypoints3D(xyz, random.uniform(0, 1, (1, k)), np.zeros((1, k, 3, 3)), origin, skeleton),
        {name: pose(random) for name in frames},
    )  # fmt: skip


def chained(message) -> dict[str, RigidTransform]:
    """child -> its pose in the root, by walking up the tree as a TF listener does."""
    parts = {}
    for t in message.transforms:
        q, p = t.transform.rotation, t.transform.translation
        step = RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
        parts[t.child_frame_id] = (t.header.frame_id, step)

    def root_from(child):
        parent, step = parts[child]
        return root_from(parent) @ step if parent in parts else step

    return {child: root_from(child) for child in parts}


@pytest.mark.parametrize("moved", [False, True])
def test_the_tree_holds_every_joint_where_it_is(moved):
    people = [someone("p1", 1), someone("p2", 2)]
    root_from_image = pose(np.random.default_rng(9)) if moved else None
    frames = messages.frames_of(people, "root", root_from_image)
    message = TFMessages()(frames, HEADER)
    parents = {t.child_frame_id: t.header.frame_id for t in message.transforms}
    for person in people:
        body = f"body_{person.id}"
        assert parents[body] == "root"
        for name, camera_from_joint in person.camera_from_joint.items():
            found = chained(message)[f"{name}_{person.id}"]
            expected = root_from_image @ camera_from_joint if moved else camera_from_joint
            np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-9)
            np.testing.assert_allclose(found.translation, expected.translation, atol=1e-9)
            assert name == "body" or parents[f"{name}_{person.id}"] == body
    assert {stamp_to_ns(t.header.stamp) for t in message.transforms} == {1_700_000_000_123_456_789}


def test_parts_of_the_last_message_do_not_live_on_in_the_next():
    make = TFMessages()
    make(messages.frames_of([someone("p1", 1), someone("p2", 2)], "camera"), HEADER)
    again = make(messages.frames_of([someone("p1", 3)], "camera"), HEADER)
    assert {t.child_frame_id for t in again.transforms} == {f"{name}_p1" for name in FRAMES}
    fresh = TFMessages()(messages.frames_of([someone("p1", 3)], "camera"), HEADER)
    assert again == fresh


def test_who_has_no_body_frame_has_no_frames():
    people = [someone("p1", frames=("neck", "head")), someone("p2")]
    frames = messages.frames_of(people, "camera")
    assert {child.rpartition("_")[2] for child in frames.child} == {"p2"}
    assert messages.frames_of([], "camera").child == []


@pytest.mark.parametrize("skeleton", [COCO_17, BLAZEPOSE_33], ids=lambda s: s.name)
def test_skeleton2d_finds_each_joint_by_its_name(skeleton):
    person = someone(skeleton=skeleton)
    points = messages.skeleton2d(person, CAMERA, HEADER).skeleton
    constants = [
        name for name in dir(Skeleton2D) if name.isupper() and isinstance(getattr(Skeleton2D, name), int)
    ]
    assert len(points) == 18
    for name in {*constants} - {"NECK"}:
        k, point = skeleton.index(name.lower()), points[getattr(Skeleton2D, name)]
        assert (point.x * 640, point.y * 480) == pytest.approx(person.keypoints2d.xy[0, k], abs=1e-3)
        assert point.c == pytest.approx(person.keypoints2d.score[0, k])
    neck, left, right = (points[getattr(Skeleton2D, n)] for n in ("NECK", "LEFT_SHOULDER", "RIGHT_SHOULDER"))
    assert (neck.x, neck.y) == pytest.approx(((left.x + right.x) / 2, (left.y + right.y) / 2))


def test_a_joint_outside_the_image_or_unknown_has_no_confidence():
    person = someone()
    person.keypoints2d.xy[0, COCO_17.index("nose")] = (-5, 100)
    person.keypoints2d.xy[0, COCO_17.index("left_knee")] = np.nan
    points = messages.skeleton2d(person, CAMERA, HEADER).skeleton
    for joint in (Skeleton2D.NOSE, Skeleton2D.LEFT_KNEE):
        assert points[joint].c == 0
        assert 0 <= points[joint].x <= 1


def test_the_region_of_interest_stays_in_the_image():
    roi = messages.region_of_interest(someone(), CAMERA, HEADER)
    assert (roi.xmin, roi.ymin, roi.xmax, roi.ymax) == pytest.approx((0, 20 / 480, 1, 400 / 480))


def test_markers_hold_what_is_known_and_nothing_else():
    person = someone(unknown=("left_wrist", "right_knee"))
    bones, joints, label = messages.marker_array([person], HEADER).markers
    assert (bones.type, joints.type, label.type) == (
        Marker.LINE_LIST, Marker.SPHERE_LIST, Marker.TEXT_VIEW_FACING)  # fmt: skip
    known = person.keypoints3d.xyz[0][~np.isnan(person.keypoints3d.xyz[0]).any(-1)]
    np.testing.assert_allclose([(p.x, p.y, p.z) for p in joints.points], known)
    assert len(bones.points) == 2 * sum(
        not {"left_wrist", "right_knee"} & set(bone) for bone in COCO_17.bones
    )
    assert len(bones.points) == len(bones.colors)
    assert len(joints.points) == len(joints.colors)
    assert {marker.ns for marker in (bones, joints, label)} == {"body_p1"}
    assert messages.marker_array([someone(unknown=COCO_17.joints)], HEADER).markers == []


def test_deletion_names_what_was_added():
    added = messages.marker_array([someone("p3")], HEADER).markers
    gone = messages.delete_markers(["p3"], HEADER).markers
    assert {(m.ns, m.id) for m in added} <= {(m.ns, m.id) for m in gone}  # hands and faces, too
    assert {m.ns for m in gone} == {"body_p3"}
    assert {m.action for m in gone} == {Marker.DELETE}


def test_joint_states_carry_the_persons_id():
    state = messages.joint_state(someone("p7"), HEADER)
    assert state.name
    assert all(name.endswith("_p7") for name in state.name)
    assert len(state.name) == len(state.position)
    assert np.isfinite(state.position).all()
