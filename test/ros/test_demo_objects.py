"""What the demo says of objects; and the whole of it with both nodes, on frames with known answers."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from stand_in_objects import box_mesh
from test_compose import folder  # noqa: F401  a fixture
from test_objects_messages import HEADER, MODELS, thing

from pose_ros.errors import ConfigError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros import demo as demo_module
from pose_ros.ros import objects_messages as messages
from pose_ros.ros.demo import demo
from pose_ros.ros.demo_objects import accuracy, is_bop, summarize_objects
from pose_ros.ros.objects_input import ObjectSighting
from pose_ros.ros.recorder import poses_of
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.sources.bop import ObjectTruth, open_bop
from pose_ros.sources.bop_models import BOPModel
from pose_ros.types import Symmetries

BRICK = {"obj_000001": BOPModel("brick", box_mesh(), Symmetries.none())}


def sighting(label, score, pose):
    return ObjectSighting(f"{label}_1", label, score, pose, np.eye(6))


def at(x, label="obj_000001", score=0.9):
    return sighting(label, score, RigidTransform(np.eye(3), [x, 0, 1.0]))


def truth(x, number=1):
    return ObjectTruth(number, f"obj_{number:06d}", RigidTransform(np.eye(3), [x, 0, 1.0]))


def test_detections_tell_what_was_seen():
    one = thing("box_1", 3)
    (detection,) = messages.detection_array([one], MODELS, HEADER).detections
    seen = ObjectSighting.of(detection)
    assert (seen.label, seen.score) == ("box", pytest.approx(0.87))
    np.testing.assert_allclose(seen.root_from_object.translation, one.camera_from_object.translation)
    np.testing.assert_allclose(seen.root_from_object.rotation, one.camera_from_object.rotation)


def test_frames_of_objects_are_nobodys():
    frames = messages.frames_of([thing("box_1", 1), thing("cup_2", 2)], "camera")
    assert poses_of(TFMessages()(frames, HEADER)) == {}


def test_each_truth_is_found_once_and_the_rest_is_wrong():
    frames = [
        ({"a": at(0.001), "b": at(0.002, score=0.5)}, (truth(0.0),)),  # the second is of nothing
        ({"a": at(0.5)}, (truth(0.0), truth(0.505))),
        ({}, (truth(0.0), truth(0.0, number=9))),  # of object 9 there is no model
        ({"a": at(0.0, label="unheard of")}, ()),
    ]
    figures = accuracy(frames, BRICK)
    assert (figures["there"], figures["found"], figures["wrong"]) == (4, 2, 2)
    assert figures["mssd_mm_median"] == pytest.approx(3.0)


def test_frames_are_known_by_what_they_show(data):
    """Some never come, some come twice, as the scene is played again."""
    path = data / "ycbv" / "test"
    scene = open_bop(path)
    keys = [scene.keys()[n] for n in (3, 0, 9, 3)]
    stamps = list(range(10, 14))
    objects = {
        stamp: {t.label: sighting(t.label, 0.9, t.camera_from_object) for t in scene.truth(key)}
        for stamp, key in zip(stamps, keys, strict=True)
    }
    prints = {
        stamp: zlib.crc32(scene.frame(key).rgb.tobytes()) for stamp, key in zip(stamps, keys, strict=True)
    }
    heard = SimpleNamespace(
        images=[*stamps, 14], object_latency_ms=[5.0], objects=objects, fingerprints=prints,
        labels={"obj_000008", "obj_000021"},
    )  # fmt: skip
    figures = summarize_objects(heard, str(path))
    assert figures["answered"] == 4
    assert figures["accuracy"]["found"] == figures["accuracy"]["there"] == 8
    assert figures["accuracy"]["mssd_mm_median"] == pytest.approx(0, abs=1e-6)


def test_without_answers_no_crash():
    nothing = SimpleNamespace(images=[], object_latency_ms=[], objects={})
    assert summarize_objects(nothing, "nowhere")["answered"] == 0
    assert not is_bop("synthetic")


def test_without_any_node_there_is_no_demo(folder, tmp_path):  # noqa: F811
    with pytest.raises(ConfigError, match="--objects MODELS"):
        demo(str(folder), tmp_path / "out", None, people=False)


def test_the_whole_demo_with_both_nodes(ros, folder, tmp_path_factory, monkeypatch):  # noqa: F811
    """Stand-ins for the nodes; everything else is as it is."""
    out = tmp_path_factory.mktemp("out")
    monkeypatch.setattr(demo_module.rclpy, "init", lambda: None)
    monkeypatch.setattr(demo_module.rclpy, "try_shutdown", lambda: None)
    monkeypatch.setattr(demo_module, "SHORTEST", 1.0)
    process = demo_module._process
    modules = {
        "pose_ros.ros.human_pose_node": "stand_in",
        "pose_ros.ros.object_pose_node": "stand_in_objects",
    }
    monkeypatch.setattr(
        demo_module,
        "_process",
        lambda module, log, *given, **more: process(modules.get(module, module), log, *given, **more),
    )
    here = Path(__file__).parent
    monkeypatch.setenv("PYTHONPATH", f"{here.parents[1]}:{here}")
    assert demo(str(folder), out, models="box") == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["ids"] == ["p1"]
    assert summary["objects"]["ids"] == ["box_1"]
    assert summary["objects"]["per_frame"] == 1
    assert len(list((out / "object_pictures").glob("*.jpg"))) == summary["objects"]["answered"] >= 3
    assert len(list((out / "pictures").glob("*.jpg"))) == summary["answered"] >= 3
    for name in ("people.mp4", "objects.mp4", "objects_sheet.png", "contact_sheet.png"):
        assert (out / name).stat().st_size > 1000
    with AnyReader([out / "bag"]) as bag:
        (connection,) = [c for c in bag.connections if c.topic == "/objects/detections"]
        assert connection.msgcount >= summary["objects"]["answered"]
        _, _, data = next(bag.messages([connection]))
        (detection,) = bag.deserialize(data, connection.msgtype).detections
        assert detection.id == "box_1"
