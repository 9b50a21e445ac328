"""People survive the way through one message; what is no message of people is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from test_people_messages import HEADER, pose, someone

from pose_ros.errors import FrameError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.people_rows import ROW, PeopleReader, info_text
from pose_ros.point_clouds import points_of
from pose_ros.ros.clouds import cloud_message
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.people_cloud import people_message
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import TrackState


def random_person(id: str, seed: int, skeleton=BLAZEPOSE_33):
    person = someone(id, seed, skeleton, unknown=("left_wrist", "nose"))
    random = np.random.default_rng(seed)
    root = random.normal(0, 0.1, (1, len(skeleton), 3, 3))
    solid = replace(person.keypoints3d, covariance=root @ root.swapaxes(-1, -2))
    held = frozenset({"left_elbow"})
    return replace(person, keypoints3d=solid, state=TrackState.LOST, twist_unobservable=held)


@pytest.mark.parametrize("skeleton", [BLAZEPOSE_33, COCO_17], ids=lambda skeleton: skeleton.name)
@pytest.mark.parametrize("moved", [False, True])
def test_people_come_back_as_they_went(skeleton, moved):
    people = [random_person(f"p{n}", n, skeleton) for n in (3, 10)]
    root_from_image = pose(np.random.default_rng(5)) if moved else None
    reader = PeopleReader(info_text(skeleton))
    read = reader(people_message(people, HEADER, root_from_image))
    assert (read.stamp_ns, read.frame_id) == (stamp_to_ns(HEADER.stamp), "camera")
    root = root_from_image or RigidTransform.identity()
    for one, told in zip(read, people, strict=True):
        assert (one.id, one.state, one.age) == (told.id, told.state, told.age)
        assert one.twist_unobservable == told.twist_unobservable
        solid, expected = one.keypoints3d, told.keypoints3d
        assert solid.skeleton == skeleton
        np.testing.assert_array_equal(solid.origin, expected.origin)
        np.testing.assert_allclose(solid.xyz, root.apply(expected.xyz), atol=1e-5)
        np.testing.assert_allclose(solid.score, expected.score, atol=1e-6)
        spread = root.rotation @ expected.covariance @ root.rotation.T
        np.testing.assert_allclose(solid.covariance, spread, atol=1e-7)
        np.testing.assert_allclose(one.keypoints2d.xy, told.keypoints2d.xy, atol=1e-3)
        assert one.camera_from_joint.keys() == told.camera_from_joint.keys()
        for name, frame in told.camera_from_joint.items():
            expected = root @ frame
            found = one.camera_from_joint[name]
            np.testing.assert_allclose(found.rotation, expected.rotation, atol=1e-6)
            np.testing.assert_allclose(found.translation, expected.translation, atol=1e-5)


def test_nobody_is_an_empty_cloud_with_the_images_stamp():
    message = people_message([], HEADER)
    assert (message.width, len(message.data), message.header) == (0, 0, HEADER)
    assert len(PeopleReader(info_text(COCO_17))(message)) == 0


def test_points_are_where_rviz_looks_for_them():
    person = random_person("p1", 0)
    message = people_message([person], HEADER)
    by_name = {field.name: field for field in message.fields}
    assert [by_name[axis].offset for axis in "xyz"] == [0, 4, 8]
    assert {by_name[axis].datatype for axis in "xyz"} == {by_name["x"].FLOAT32}
    n = BLAZEPOSE_33.index("right_knee")
    start = n * message.point_step
    xyz = np.frombuffer(message.data[start : start + 12], "<f4")
    np.testing.assert_allclose(xyz, person.keypoints3d.xyz[0, n], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:-1], "rows"),
        (lambda rows: rows[::-1].copy(), "rows"),
        (lambda rows: _with(rows, "state", 9), "no person"),
        (lambda rows: _with(rows, "origin", 0), "no person"),
    ],
)
def test_what_is_no_person_is_refused(change, words):
    rows = points_of(people_message([random_person("p1", 0)], HEADER)).copy()
    with pytest.raises(FrameError, match=words):
        PeopleReader(info_text(BLAZEPOSE_33))(cloud_message(change(rows.astype(ROW)), HEADER))


def _with(rows, name, value):
    rows[name] = value
    return rows


def test_a_cloud_of_something_else_is_refused_by_what_it_lacks():
    other = cloud_message(np.zeros(3, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]), HEADER)
    with pytest.raises(FrameError, match=r"without score, .*it has: x, y, z"):
        PeopleReader(info_text(COCO_17))(other)


def test_a_cloud_that_was_cut_off_is_refused():
    message = people_message([random_person("p1", 0)], HEADER)
    message.data = message.data[:-5]
    with pytest.raises(FrameError, match=r"48 points of \d+ bytes has"):
        points_of(message)


def test_big_endian_points_are_read():
    rows = np.zeros(2, [("x", ">f4"), ("n", ">u2")])
    rows["x"], rows["n"] = (1.5, -2), (7, 300)
    message = cloud_message(rows.astype([("x", "<f4"), ("n", "<u2")]), HEADER)
    message.data, message.is_bigendian = rows.tobytes(), True
    assert points_of(message)["n"].tolist() == [7, 300]
    assert points_of(message)["x"].tolist() == [1.5, -2]


@pytest.mark.parametrize("text", ["", "[]", json.dumps({"skeleton": "x"}), json.dumps({"joints": 3})])
def test_an_info_that_is_none_is_refused(text):
    with pytest.raises(FrameError, match="skeletons/info"):
        PeopleReader(text)
