"""Laws between the pictures and the truth of whole sequences."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("anny", reason="synthetic people need anny: pip install pose_ros[synthetic]")

from scipy.spatial import cKDTree

from pose_ros.errors import ConfigError
from pose_ros.geometry.rigid import matrix_from_quaternion
from pose_ros.sources.rgbd_folder import RGBDFolder
from pose_ros.sources.source import open_source
from pose_ros.sources.synthetic.scene import (
    BEHIND,
    BODY_DEPTH,
    SyntheticConfig,
    SyntheticSource,
    write_people,
)
from pose_ros.sources.truth import JOINTS, ROTATED_JOINTS

SMALL = {"width": 320, "height": 240}


@pytest.fixture(scope="module")
def source():
    return SyntheticSource(SyntheticConfig(seed=5, frames=9, people=3, **SMALL))


@pytest.fixture(scope="module")
def pictures(source):
    return [picture for _, picture in source.pictures()]


def test_visible_joints_lie_on_their_person_just_behind_the_surface(source, pictures):
    seen = hidden = 0
    for key, picture in zip(source.keys(), pictures, strict=True):
        for person in source.truth[key]:
            for name, joint in person.joints.items():
                u, v = np.rint(source.camera.project(joint)).astype(int)
                if not person.visible[name]:
                    hidden += 1
                    continue
                seen += 1
                assert picture.owner[v, u] == person.id
                assert -BEHIND < joint[2] - picture.depth[v, u] < BODY_DEPTH
    assert seen > 100
    assert hidden > 10


def test_measured_depth_is_near_the_true_surface(source, pictures):
    errors = [np.abs(frame.depth - picture.depth) for frame, picture in zip(source, pictures, strict=True)]
    errors = np.stack(errors)
    assert np.nanmedian(errors / np.stack([picture.depth for picture in pictures])) < 0.01
    assert 0.02 < np.isnan(errors).mean() < 0.4


def test_truth_is_complete_and_ids_stay(source):
    assert len(source.truth) == len(source) == 9
    for people in source.truth.frames.values():
        assert [person.id for person in people] == [0, 1, 2]
        for person in people:
            assert set(person.joints) == set(person.visible) == set(JOINTS)
            assert set(person.rotations) == set(ROTATED_JOINTS)
    steps = np.diff([people[0].joints["left_wrist"] for people in source.truth.frames.values()], axis=0)
    assert np.linalg.norm(steps, axis=1).max() < 0.3  # m in a thirtieth of a second


def test_rotations_are_in_the_camera_frame(source):
    for person in source.truth["00000"]:
        bone = person.joints["left_knee"] - person.joints["left_hip"]
        rotation = matrix_from_quaternion(person.rotations["left_hip"])
        np.testing.assert_allclose(-rotation[:, 2], bone / np.linalg.norm(bone), atol=1e-4)
        up = matrix_from_quaternion(person.rotations["pelvis"])[:, 2]
        assert up[1] < -0.6  # the optical frame's y points down


def test_people_stand_on_the_floor_and_keep_apart(source):
    acts = [actor.act(source.times[::4]) for actor in source.actors]
    for body, figures in acts:
        for n, figure in enumerate(figures):
            assert figure.vertices[:, 2].min() == pytest.approx(0, abs=1e-5)
            assert figure.vertices[:, 2].max() < 2.3
            ankles = [body.joints[f"{side}_ankle"][n, 2] for side in ("left", "right")]
            assert 0.04 < min(ankles) < 0.2
    for k, (_, figures) in enumerate(acts):
        for _, others in acts[:k]:
            for one, other in zip(figures, others, strict=True):
                assert cKDTree(one.vertices[::4]).query(other.vertices[::4])[0].min() > 0.1


def test_nobody_stands_in_furniture(source):
    for actor in source.actors:
        _, (figure, *_) = actor.act(source.times[:1])
        for solid in source.room.solids:
            local = np.abs((figure.vertices - solid.centre) @ solid.rotation) / solid.size
            depth = ((1 - local) * solid.size).min(1)
            limit = 0.05 if actor.motion == "sit" else 0.01  # a seat gives way; a rug is no obstacle
            assert depth.max() < limit, (actor.motion, solid)


TINY = SyntheticConfig(seed=11, frames=2, people=1, width=160, height=120)


@pytest.fixture(scope="module")
def tiny():
    """A short source, and its frames."""
    source = SyntheticSource(TINY)
    return source, list(source)


def test_same_seed_same_bytes_also_where_truth_is_asked_first(tiny):
    source, frames = tiny
    again = SyntheticSource(TINY)
    for key, people in again.truth.frames.items():
        assert people[0].visible == source.truth[key][0].visible
        np.testing.assert_array_equal(people[0].joints["nose"], source.truth[key][0].joints["nose"])
    for have, want in zip(again, frames, strict=True):
        assert have.rgb.tobytes() == want.rgb.tobytes()
        assert have.depth.tobytes() == want.depth.tobytes()


def test_a_longer_sequence_begins_with_the_shorter_one(tiny):
    longer = SyntheticSource(dataclasses.replace(TINY, frames=5))
    assert next(iter(longer)).rgb.tobytes() == tiny[1][0].rgb.tobytes()


def test_other_seeds_show_something_else(tiny):
    other = SyntheticSource(dataclasses.replace(TINY, seed=12, frames=1))
    (frame,) = other
    assert other.camera != tiny[0].camera
    assert np.abs(frame.rgb.astype(int) - tiny[1][0].rgb).mean() > 5


def test_written_folder_is_the_source(tmp_path, tiny):
    source, frames = tiny
    assert write_people(tmp_path, TINY, progress=False) == source.keys()
    folder = RGBDFolder(tmp_path)
    for have, want in zip(folder, frames, strict=True):
        np.testing.assert_array_equal(have.rgb, want.rgb)
        np.testing.assert_allclose(have.depth, want.depth, atol=5.1e-4)
        assert have.stamp_ns == want.stamp_ns
    for key, people in source.truth.frames.items():
        for have, want in zip(folder.truth[key], people, strict=True):
            assert have.visible == want.visible
            np.testing.assert_allclose(have.joints["left_wrist"], want.joints["left_wrist"], atol=1e-5)


def test_an_empty_room():
    source = open_source("synthetic:seed=4,frames=1,people=0,width=160,height=120")
    (frame,) = source
    assert source.truth["00000"] == ()
    assert np.isfinite(frame.depth).mean() > 0.3


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("people=9", "people"),
        ("motion=fly", "walk"),
        ("sead=1", "seed"),
        ("frames=0", "frames"),
        ("seed=x", "int"),
    ],
)
def test_bad_options_are_refused(spec, word):
    with pytest.raises(ConfigError, match=word):
        open_source(f"synthetic:{spec}")
