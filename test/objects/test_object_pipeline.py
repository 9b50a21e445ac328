"""The whole way of a frame: what is found, followed, added, refused."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from known import error_of, known, seen, some
from posed import CAMERA, frame_of, l_mesh

from pose_ros.errors import ConfigError, MeshError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.pipeline import ObjectConfig, ObjectPipeline
from pose_ros.types import Detections2D, RGBDFrame

TURN = rotation_exp(np.array([0.6, -0.5, 0.3]))
LEFT, RIGHT = (RigidTransform(TURN, np.array([x, 0.01, 0.6])) for x in (-0.12, 0.12))
STEP = 33_000_000  # ns


def pipeline_of(*names: str, **config) -> ObjectPipeline:
    return ObjectPipeline(ObjectConfig(**config), some(*names))


def shown(*things, stamp_ns: int = 10**9, camera: PinholeCamera = CAMERA) -> tuple[RGBDFrame, Detections2D]:
    frame, masks = seen(things, np.random.default_rng(0), camera, stamp_ns)
    return frame, Detections2D.unnamed(masks)


def at(frame: RGBDFrame, stamp_ns: int) -> RGBDFrame:
    return replace(frame, stamp_ns=stamp_ns)


def close(name: str, found, truth: RigidTransform) -> bool:
    shift, angle = error_of(name, found.camera_from_object, truth)
    return shift < 0.004 and angle < 3.0


def test_without_models_there_is_nothing():
    pipeline = ObjectPipeline()
    frame, given = shown(("box", LEFT))
    for found in (pipeline(frame), pipeline(frame, given), pipeline.detect(frame)):
        assert len(found) == 0
        assert found.reasons == {}
        assert not found.label_image.any()
        assert found.label_image.shape == frame.depth.shape
        assert (found.stamp_ns, found.frame_id) == (frame.stamp_ns, "camera")
    with pytest.raises(ConfigError, match="no model is loaded"):
        pipeline.detect(frame, labels=["box"])
    pipeline.reset()
    pipeline.close()


def test_from_depth_alone_both_are_found_and_followed():
    """Without detections; the label image tells which pixel is whose."""
    pipeline = pipeline_of("bracket", "box")
    frame, given = shown(("bracket", LEFT), ("box", RIGHT))
    found = pipeline(frame)
    assert {thing.label for thing in found} == {"bracket", "box"}
    assert "search" in pipeline.stage_ms
    for number, thing in enumerate(found.objects, start=1):
        truth, mask = (LEFT, given.mask[0]) if thing.label == "bracket" else (RIGHT, given.mask[1])
        assert close(thing.label, thing, truth)
        mine = found.label_image == number
        assert (mine & mask).sum() / (mine | mask).sum() > 0.85
        middle = truth.apply(known(thing.label).bounds.mean(0))
        assert thing.distance == pytest.approx(np.linalg.norm(middle), abs=0.005)
    assert found.label_image.max() == 2
    again = pipeline(at(frame, frame.stamp_ns + STEP))
    assert "search" not in pipeline.stage_ms
    assert [thing.id for thing in again] == [thing.id for thing in found]
    assert [thing.age for thing in again] == [thing.age + 1 for thing in found]


def test_only_what_is_not_followed_is_searched_for_again():
    pipeline = pipeline_of("bracket", "box", search_every=0.0)
    frame, given = shown(("bracket", LEFT))
    first = pipeline(frame, given)
    assert [thing.label for thing in first] == ["bracket"]
    assert set(first.reasons) == {"box"}
    both, given = shown(("bracket", LEFT), ("box", RIGHT), stamp_ns=frame.stamp_ns + STEP)
    second = pipeline(both, given)
    assert [thing.id for thing in second] == ["bracket_1", "box_1"]
    assert second.reasons == {}


def test_an_unknown_label_is_refused_with_those_that_are_known():
    pipeline = pipeline_of("bracket", "box")
    frame, given = shown(("box", LEFT))
    with pytest.raises(ConfigError, match=r"mug.*bracket, box"):
        pipeline.detect(frame, given, labels=["box", "mug"])


def test_detect_looks_for_the_labels_asked_for_and_leaves_the_others_alone():
    pipeline = pipeline_of("bracket", "box")
    frame, given = shown(("bracket", LEFT), ("box", RIGHT))
    assert [thing.label for thing in pipeline.detect(frame, given, labels=["box"])] == ["box"]
    both = pipeline.detect(frame, given, labels=["bracket"])
    assert [thing.label for thing in both] == ["box", "bracket"]
    assert close("box", both.objects[0], RIGHT)


def test_detect_looks_within_the_roi():
    pipeline = pipeline_of("box")
    frame, given = shown(("box", LEFT), ("box", RIGHT))
    found = pipeline.detect(frame, given, roi=(320, 0, 640, 480))
    assert len(found) == 1
    assert close("box", found.objects[0], RIGHT)
    nothing = pipeline_of("box").detect(frame, given, roi=(0, 0, 20, 20))
    assert len(nothing) == 0
    assert "box" in nothing.reasons


@pytest.mark.parametrize("roi", [(0, 0, 641, 480), (-1, 0, 10, 10), (30, 10, 30, 20), (10, 20, 30, 10)])
def test_a_roi_that_is_none_is_refused(roi):
    frame, given = shown(("box", LEFT))
    with pytest.raises(ConfigError, match=r"roi .* must be x0 < x1 <= 640 and y0 < y1 <= 480"):
        pipeline_of("box").detect(frame, given, roi=roi)


def test_reset_forgets_and_searches_at_once():
    pipeline = pipeline_of("box")
    frame, given = shown(("box", LEFT))
    assert len(pipeline(frame, given)) == 1
    pipeline.reset()
    assert len(pipeline(at(frame, frame.stamp_ns + STEP), Detections2D.empty(480, 640))) == 0
    assert len(pipeline(at(frame, frame.stamp_ns + 2 * STEP), given)) == 1
    assert "search" in pipeline.stage_ms


def test_time_that_goes_back_is_another_scene():
    """What was followed is not looked for where it was; ages begin again."""
    pipeline = pipeline_of("box")
    frame, given = shown(("box", LEFT))
    pipeline(frame, given)
    assert pipeline(at(frame, frame.stamp_ns + STEP), given).objects[0].age == 2
    found = pipeline(at(frame, frame.stamp_ns - 5 * 10**8), given)
    assert "search" in pipeline.stage_ms
    assert [thing.age for thing in found] == [1]


def test_without_any_depth_there_is_nothing_but_reasons():
    pipeline = pipeline_of("bracket", "box")
    frame, given = shown(("box", LEFT))
    frame.depth[:] = np.nan
    for found in (pipeline(frame), pipeline(at(frame, 10**10), given), pipeline.detect(frame, given)):
        assert len(found) == 0
        assert set(found.reasons) == {"bracket", "box"}
        assert not found.label_image.any()


def test_a_lens_makes_no_difference():
    """A picture with distortion gives the pose, and labels where the lens shows the object."""
    lens = PinholeCamera(
        CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, 640, 480, "plumb_bob", (-0.2, 0.05, 0.001, -0.001, 0.0)
    )
    frame, owner = frame_of([(known("bracket").mesh, LEFT)], camera=lens)
    mask = owner == 0
    _, straight = frame_of([(known("bracket").mesh, LEFT)])
    assert (mask & (straight == 0)).sum() / (mask | (straight == 0)).sum() < 0.97  # the lens matters here
    pipeline = pipeline_of("bracket")
    found = pipeline(frame, Detections2D.unnamed(mask[None]))
    assert [thing.label for thing in found] == ["bracket"]
    assert close("bracket", found.objects[0], LEFT)
    mine = found.label_image == 1
    assert (mine & mask).sum() / (mine | mask).sum() > 0.9


@pytest.fixture
def meshes(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path / "cache"))
    bracket = l_mesh()
    trimesh.Trimesh(bracket.vertices, bracket.triangles, process=False).export(tmp_path / "a_bracket.ply")
    (tmp_path / "broken.ply").write_text("this is no mesh")
    return tmp_path


def test_a_model_can_be_added_and_the_others_are_followed_on(meshes):
    pipeline = pipeline_of("box")
    frame, _ = shown(("box", RIGHT), ("bracket", LEFT))
    given = Detections2D.unnamed(shown(("box", RIGHT), ("bracket", LEFT))[1].mask)
    before = pipeline(frame, given).objects
    assert [thing.id for thing in before] == ["box_1"]
    pipeline.add_model("a_bracket", meshes / "a_bracket.ply")
    assert list(pipeline.models) == ["box", "a_bracket"]
    after = pipeline(at(frame, frame.stamp_ns + STEP), given)
    assert [(thing.id, thing.age) for thing in after] == [("box_1", 2), ("a_bracket_1", 1)]
    assert close("bracket", after.objects[1], LEFT)
    pipeline.add_model("box", meshes / "a_bracket.ply")  # another shape under a known label
    assert [track.id for track in pipeline._tracker.tracks] == ["a_bracket_1"]


def test_a_broken_model_is_refused_and_the_old_ones_still_work(meshes):
    pipeline = pipeline_of("box")
    frame, given = shown(("box", LEFT))
    assert len(pipeline(frame, given)) == 1
    for file, options in (("broken.ply", {}), ("absent.ply", {}), ("a_bracket.ply", {"unit": "yard"})):
        with pytest.raises(MeshError):
            pipeline.add_model("new", meshes / file, **options)
    assert list(pipeline.models) == ["box"]
    assert [thing.age for thing in pipeline(at(frame, frame.stamp_ns + STEP), given)] == [2]


def test_a_search_in_the_background_catches_up():
    """Frames do not wait; what was found is then where the object is by now."""
    pipeline = pipeline_of("bracket", background=True)
    frame, given = shown(("bracket", LEFT))
    assert len(pipeline(frame, given)) == 0
    for number in range(1, 400):
        found = pipeline(at(frame, frame.stamp_ns + number * STEP // 10), given)
        if len(found):
            break
        time.sleep(0.05)
    assert [thing.id for thing in found] == ["bracket_1"]
    assert close("bracket", found.objects[0], LEFT)
    pipeline.close()
    assert len(pipeline(at(frame, frame.stamp_ns + 50 * STEP), given)) == 1  # what is known is followed on


def test_a_search_may_take_longer_than_lost_objects_are_kept(monkeypatch):
    """The object drifts for five seconds, two of them longer than `keep_lost`, before the search ends."""
    pipeline = pipeline_of("bracket", background=True, search_every=60.0)
    found, may_end = pipeline._found, threading.Event()

    def slowly(*arguments):
        result = found(*arguments)
        may_end.wait(60)
        return result

    monkeypatch.setattr(pipeline, "_found", slowly)

    def drifted(number: int) -> RigidTransform:
        return RigidTransform(TURN, LEFT.translation + [0.0008 * number, 0, 0])

    for number in range(150):
        frame, given = shown(("bracket", drifted(number)), stamp_ns=10**9 + number * STEP)
        assert len(pipeline(frame, given)) == 0
    may_end.set()
    pipeline._search.exception(60)
    frame, given = shown(("bracket", drifted(150)), stamp_ns=10**9 + 150 * STEP)
    (thing,) = pipeline(frame, given)
    assert close("bracket", thing, drifted(150))
    pipeline.close()


def test_a_search_that_fails_says_so_once(monkeypatch):
    pipeline = pipeline_of("bracket", background=True)
    frame, given = shown(("bracket", LEFT))

    def broken(*arguments):
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_found", broken)
        pipeline(frame, given)
        pipeline._search.exception(60)
        with pytest.raises(RuntimeError, match="out of memory"):
            pipeline(at(frame, frame.stamp_ns + STEP), given)
    assert len(pipeline(at(frame, frame.stamp_ns + 2 * STEP), given)) == 0
    pipeline.close()


def test_closing_ends_the_thread_and_may_be_done_twice():
    pipeline = pipeline_of("bracket", background=True)
    frame, given = shown(("bracket", LEFT))
    pipeline(frame, given)
    (thread,) = pipeline._searcher._threads
    pipeline.close()
    pipeline.close()
    thread.join(30)
    assert not thread.is_alive()
