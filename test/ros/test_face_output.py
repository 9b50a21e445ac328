"""Faces over DDS where they are asked for, and nothing of them where not."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pytest
from harness import Runner, transforms
from stand_in import CAMERA, FRAME_ID, StandInConfig, StandInPipeline, scene
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.config import option
from pose_ros.geometry.facing import facing_rotation
from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion
from pose_ros.human.gaze import gaze_frame
from pose_ros.ros import face_messages as messages
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.people_messages import marker_array
from pose_ros.types import Face, People, RGBDFrame

hri = pytest.importorskip("hri_msgs.msg")
if not messages.HAVE_FACE_MSGS:
    pytest.skip("hri_msgs has no FacialLandmarks", allow_module_level=True)

HEAD = RigidTransform(facing_rotation(np.array([15.0, 5, 0])), np.array([0.1, -0.2, 1.5]))
GAZE = gaze_frame(HEAD, np.radians([10.0, 0]))


def face(seen=True, gaze=True) -> Face:
    random = np.random.default_rng(0)
    pixels, xyz = random.uniform(100, 300, (468, 2)), random.normal(HEAD.translation, 0.05, (468, 3))
    iris_pixels, iris = random.uniform(150, 250, (2, 5, 2)), random.normal(0, 1, (2, 3))
    if not seen:
        pixels, xyz, iris_pixels, iris = (np.full_like(v, np.nan) for v in (pixels, xyz, iris_pixels, iris))
    return Face(0.9, pixels, xyz, iris_pixels, iris, HEAD, 0.05, GAZE if gaze else None, 0.1)


@dataclass(frozen=True)
class Config(StandInConfig):
    gaze: bool = option(False, "give everybody a face")


class Pipeline(StandInPipeline):
    def __call__(self, frame) -> People:
        people = super().__call__(frame)
        if not self.config.gaze:
            return people
        return replace(people, people=tuple(replace(person, face=face()) for person in people))


@pytest.fixture
def faces(ros):
    runner = Runner(functools.partial(HumanPoseNode, Config(), Pipeline))
    yield runner
    runner.stop()


def rotation(transform) -> np.ndarray:
    q = transform.transform.rotation
    return matrix_from_quaternion(np.array([q.x, q.y, q.z, q.w]))


def test_gaze_frame_and_topics_come_where_asked(faces, peer, camera):
    faces(gaze=True)
    tf = peer.listen(TFMessage, "/tf")
    ids = peer.listen(hri.IdsList, "humans/faces/tracked")
    landmarks = peer.listen(hri.FacialLandmarks, "humans/faces/p1/landmarks")
    regions = peer.listen(hri.NormalizedRegionOfInterest2D, "humans/faces/p1/roi")
    camera.wait_for_node()
    stamps = []

    def all_heard() -> bool:
        stamps.append(camera.shoot(*scene((400, 200))))
        peer.spin_for(0.05)
        return bool(ids and landmarks and regions and transforms(tf, stamps[-1]).get("gaze_p1"))

    peer.wait(all_heard, "faces")
    frames = transforms(tf, stamps[-1])
    assert frames["gaze_p1"].header.frame_id == frames["face_p1"].header.frame_id == FRAME_ID
    np.testing.assert_allclose(rotation(frames["gaze_p1"]), GAZE.rotation, atol=1e-6)
    np.testing.assert_allclose(rotation(frames["face_p1"]), HEAD.rotation, atol=1e-6)
    places = [frames[name].transform.translation for name in ("face_p1", "gaze_p1")]
    assert places[0] == places[1]
    assert ids[-1].ids == ["p1"]
    nose = landmarks[-1].landmarks[hri.FacialLandmarks.NOSE]
    assert (nose.x * 640, nose.y * 480) == pytest.approx(face().pixels[4], abs=0.01)
    pupil = landmarks[-1].landmarks[hri.FacialLandmarks.LEFT_PUPIL]
    assert (pupil.x * 640, pupil.y * 480) == pytest.approx(face().iris_pixels[0, 0], abs=0.01)
    assert (landmarks[-1].width, landmarks[-1].height) == (640, 480)
    assert stamp_to_ns(landmarks[-1].header.stamp) in stamps

    def empty() -> bool:
        camera.shoot(*scene())
        peer.spin_for(0.05)
        return ids[-1].ids == []

    peer.wait(empty, "that nobody is there")


def test_who_does_not_ask_has_no_face(faces, peer, camera):
    faces()
    tf = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    stamp = camera.shoot(*scene((400, 200)))
    peer.wait(lambda: transforms(tf, stamp).get("body_p1"), "the body")
    assert not {"gaze_p1", "face_p1"} & set(transforms(tf, stamp))
    names = [name for name, _ in peer.get_topic_names_and_types()]
    assert not [name for name in names if "humans/faces" in name]


HEADER = header_of(1_700_000_000_000_000_000, "camera")


def someone(**wanted):
    person = StandInPipeline(StandInConfig())(_frame()).people[0]
    return replace(person, face=face(**wanted))


def _frame():
    rgb, depth = scene((400, 200))
    return RGBDFrame(rgb, depth.astype(np.float32), CAMERA, 0, FRAME_ID)


def test_markers_of_a_face():
    moved = RigidTransform(facing_rotation(np.array([30.0, 0, 0])), np.array([1.0, 2, 3]))
    for seen, gaze, kinds in (
        (True, True, {Marker.LINE_LIST, Marker.ARROW, Marker.POINTS}),
        (False, True, {Marker.LINE_LIST, Marker.ARROW}),
        (True, False, {Marker.LINE_LIST, Marker.POINTS}),
    ):
        message: MarkerArray = marker_array([someone(seen=seen, gaze=gaze)], HEADER, moved)
        mine = [marker for marker in message.markers if marker.id in messages.FACE_MARKERS]
        assert {marker.type for marker in mine} == kinds
    arrow = next(m for m in marker_array([someone()], HEADER, moved).markers if m.type == Marker.ARROW)
    start, end = (np.array([p.x, p.y, p.z]) for p in arrow.points)
    np.testing.assert_allclose(start, moved.apply(GAZE.translation))
    np.testing.assert_allclose(
        (end - start) / np.linalg.norm(end - start), moved.rotation @ GAZE.rotation[:, 2]
    )
    points = next(m for m in marker_array([someone()], HEADER).markers if m.type == Marker.POINTS)
    assert len(points.points) == 468


def test_frames_only_of_faces_with_a_gaze():
    assert messages.face_frames([someone(gaze=False)], "root").child == []
    assert messages.face_frames([replace(someone(), face=None)], "root").child == []
    frames = messages.face_frames([someone(seen=False)], "root")
    assert frames.child == ["face_p1", "gaze_p1"]
    assert frames.parent == ["root", "root"]


def test_landmarks_have_a_point_for_each_name_and_what_is_outside_counts_nothing():
    names = {name for name in dir(hri.FacialLandmarks) if name.isupper()} - {"SLOT_TYPES"}
    assert sorted(getattr(hri.FacialLandmarks, name) for name in names) == list(range(70))
    assert len(set(messages.MESH_OF_LANDMARK)) == len(messages.MESH_OF_LANDMARK) == 68
    one = face()
    one.pixels[4] = (-5, 100)
    message = messages.facial_landmarks(replace(one, iris_pixels=np.full((2, 5, 2), np.nan)), CAMERA, HEADER)
    assert message.landmarks[hri.FacialLandmarks.NOSE].c == 0
    assert message.landmarks[hri.FacialLandmarks.LEFT_PUPIL].c == 0
    assert message.landmarks[hri.FacialLandmarks.SELLION].c == pytest.approx(0.9)
