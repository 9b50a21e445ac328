"""The whole way of a frame, on real and bad frames."""

from dataclasses import replace

import numpy as np
import pytest

from pose_ros.config import update
from pose_ros.errors import ConfigError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.sources.source import open_source
from pose_ros.types import Origin, RGBDFrame, TrackState
from pose_ros.viz import draw_people


@pytest.fixture(scope="module")
def pipeline(default_weights):
    return HumanPipeline(HumanConfig())


@pytest.fixture(scope="module")
def frames(data):
    return list(open_source(str(data / "human_rgbd")))


def test_two_people_in_every_real_frame_with_stable_ids_and_bones(pipeline, frames):
    pipeline.reset()
    seen = [pipeline(frame) for frame in frames]
    assert [len(people) for people in seen] == [2] * len(frames)
    assert len({frozenset(person.id for person in people) for people in seen}) == 1
    for person in range(2):
        trunks = []
        for people in seen[1:]:
            joints = people.people[person].keypoints3d
            left, right = joints.skeleton.indices("left_shoulder", "right_shoulder")
            trunks.append(np.linalg.norm(joints.xyz[0, left] - joints.xyz[0, right]))
            assert 2.0 < people.people[person].camera_from_joint["body"].translation[2] < 3.0
        assert 0.25 < np.mean(trunks) < 0.5
        assert np.std(trunks) / np.mean(trunks) < 0.1
    assert all(person.state is TrackState.TRACKED for person in seen[-1])
    assert seen[0].stamp_ns == frames[0].stamp_ns


def test_the_picture_shows_the_people_and_leaves_the_image_alone(pipeline, frames):
    pipeline.reset()
    before = frames[0].rgb.copy()
    picture = draw_people(frames[0].rgb, pipeline(frames[0]))
    np.testing.assert_array_equal(frames[0].rgb, before)
    changed = np.abs(picture.astype(int) - before).sum(-1) > 60
    assert 0.005 < changed.mean() < 0.3


def test_the_picture_shows_what_is_published(pipeline, frames):
    """With the camera the joints in 3D are drawn, hidden ones too: not what the estimator saw."""
    pipeline.reset()
    people = pipeline(frames[0])
    (person, *_) = people
    moved = replace(person.keypoints3d, xyz=person.keypoints3d.xyz + [0.3, 0.0, 0.0])
    aside = replace(people, people=(replace(person, keypoints3d=moved),))
    black = np.zeros_like(frames[0].rgb)
    alone, with_camera = draw_people(black, aside), draw_people(black, aside, frames[0].camera)
    shift = frames[0].camera.fx * 0.3 / moved.xyz[0, :, 2].mean()
    columns = [np.flatnonzero((picture > 0).any((0, 2))) for picture in (alone, with_camera)]
    assert abs(np.median(columns[1]) - np.median(columns[0]) - shift) < shift / 2


def test_without_depth_there_are_key_points_but_no_3d(pipeline, frames):
    pipeline.reset()
    blind = RGBDFrame(frames[0].rgb, np.full_like(frames[0].depth, np.nan), frames[0].camera, 1, "camera")
    people = pipeline(blind)
    assert len(people) == 2
    for person in people:
        assert (person.keypoints3d.origin == Origin.UNKNOWN).all()
        assert person.camera_from_joint == {}
    assert draw_people(blind.rgb, people).shape == blind.rgb.shape


@pytest.mark.parametrize("size", [(480, 640), (1, 1), (7, 1000)])
def test_empty_pictures_hold_nobody(pipeline, size):
    pipeline.reset()
    camera = PinholeCamera(500, 500, size[1] / 2, size[0] / 2, size[1], size[0])
    frame = RGBDFrame(np.zeros((*size, 3), np.uint8), np.zeros(size, np.float32), camera, 1, "camera")
    assert len(pipeline(frame)) == 0


def test_stages_are_timed(pipeline, frames):
    pipeline(frames[0])
    assert {"detect", "landmarks", "lift", "track"} <= set(pipeline.stage_ms)


def test_a_device_that_is_not_there_is_refused_and_auto_says_what_it_took(pipeline):
    import torch

    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="cuda"):
            HumanPipeline(update(HumanConfig(), {"device": "cuda"}))
        assert pipeline.device_note.startswith("cpu (")


def test_without_anny_bodies_are_refused_and_auto_does_without(monkeypatch):
    monkeypatch.setattr("pose_ros.human.pipeline.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pose_ros\[body\].*kinematic"):
        HumanPipeline(HumanConfig(joints="body", faces=False))
    assert HumanPipeline(HumanConfig(faces=False)).body_fit is None
