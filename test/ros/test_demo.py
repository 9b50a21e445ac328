"""What the demo makes of what it hears; and the whole of it on real frames, with the real networks."""

from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from test_people_messages import HEADER, someone

from pose_ros.errors import PoseError
from pose_ros.ros import demo as demo_module
from pose_ros.ros import people_messages as messages
from pose_ros.ros.demo import Score, demo, summarize, write_album
from pose_ros.ros.recorder import poses_of
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.sources.truth import PeopleTruth, PersonTruth


def test_tf_tells_where_the_joints_are():
    people = [someone("p1", 1), someone("p2", 2)]
    heard = poses_of(TFMessages()(messages.frames_of(people, "camera"), HEADER))
    assert set(heard) == {"p1", "p2"}
    for person in people:
        for name, pose in person.camera_from_joint.items():
            np.testing.assert_allclose(heard[person.id].joints[name], pose.translation, atol=1e-9)
            np.testing.assert_allclose(heard[person.id].rotations[name], pose.rotation, atol=1e-9)


LIMBS = ("body", "left_hip", "right_hip", "left_knee", "right_knee", "left_shoulder")
PERSON = someone("p1", 1, frames=LIMBS)
# What a recorder holds after three images, of which two were answered.
HEARD = SimpleNamespace(
    images=[10, 20, 30],
    latency_ms=[5.0, 7.0],
    poses={
        10: poses_of(TFMessages()(messages.frames_of([PERSON], "camera"), HEADER)),
        30: {},
    },
)


def truth(offset: float) -> PeopleTruth:
    joints = {
        name: pose.translation + [offset, 0, 0]
        for name, pose in PERSON.camera_from_joint.items()
        if name != "body"
    }
    person = PersonTruth(0, joints, dict.fromkeys(joints, True))
    return PeopleTruth({key: (person,) for key in ("00000", "00001", "00002")})


def test_accuracy_is_of_the_frames_that_were_answered():
    summary = summarize(HEARD, Score("a source", ["00000", "00001", "00002"], truth(0.03)))
    assert (summary["images"], summary["answered"], summary["ids"]) == (3, 2, ["p1"])
    assert summary["dropped_share"] == pytest.approx(1 / 3)
    accuracy = summary["accuracy"]
    assert (accuracy["n_people"], accuracy["detected"]) == (2, 1)
    assert accuracy["mpjpe_mm"] == pytest.approx(30)


def test_without_truth_there_is_no_accuracy_and_without_answers_no_crash():
    assert "accuracy" not in summarize(HEARD, Score("a source", None, None))

    nothing = SimpleNamespace(images=[], latency_ms=[], poses={})
    assert summarize(nothing, Score("silence", None, None))["answered"] == 0


def test_an_album_of_any_number_of_pictures(tmp_path):
    assert write_album([], tmp_path) == []
    pictures = [tmp_path / f"{n}.jpg" for n in range(2)]
    for n, picture in enumerate(pictures):
        cv2.imwrite(str(picture), np.full((48, 64, 3), 100 * n, np.uint8))
    assert write_album(pictures, tmp_path) == ["people.mp4", "contact_sheet.png"]
    assert cv2.imread(str(tmp_path / "contact_sheet.png")).shape == (3 * 24, 3 * 32, 3)
    assert cv2.VideoCapture(str(tmp_path / "people.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2


def test_a_source_that_cannot_be_opened_leaves_what_else_is_in_the_folder(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    (tmp_path / "pictures").mkdir()
    with pytest.raises(PoseError, match="does not exist"):
        demo("/nowhere", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_whole_demo_on_real_frames(ros, data, weights_of, tmp_path, monkeypatch):
    for name in ("movenet_multipose", "blazepose_full"):
        weights_of(name)
    # The test's own context is running; the demo's init and shutdown are not needed.
    monkeypatch.setattr(demo_module.rclpy, "init", lambda: None)
    monkeypatch.setattr(demo_module.rclpy, "try_shutdown", lambda: None)
    assert demo(str(data / "human_rgbd"), tmp_path) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["answered"] >= 5
    assert summary["images"] >= 20
    # On a busy machine images are lost on their way to the recorder: some answered, some of the answers.
    pictures = sorted((tmp_path / "pictures").glob("*.jpg"))
    assert len(pictures) == summary["pictures"]
    assert 0.8 * summary["answered"] <= len(pictures) <= summary["answered"]
    with AnyReader([tmp_path / "bag"]) as bag:
        counts = {connection.topic: connection.msgcount for connection in bag.connections}
        assert counts["/image/compressed"] == summary["images"]
        assert counts["/camera_info"] >= 0.8 * summary["images"]
        assert counts["/image_annotated/compressed"] >= summary["pictures"]
        assert counts["/skeletons/markers"] >= 0.8 * summary["answered"]
