import numpy as np
import pytest
from known import ASIDE, bank_of, known, placed, seen, view_of
from posed import box_mesh, frame_of, random_pose

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.segments import segments_of
from pose_ros.objects.verify import Evidence, look, weigh
from pose_ros.types import Detections2D

NAMES = ("bracket", "box", "ball")


def shifted(pose: RigidTransform, shift) -> RigidTransform:
    return RigidTransform(pose.rotation, pose.translation + np.asarray(shift, float))


def evidence(name: str, pose: RigidTransform, frame, mask) -> Evidence:
    view = view_of(frame)
    segments = segments_of(frame, Detections2D.unnamed(mask[None]), view)
    model, rotation, translation = placed(name, pose)
    sight = look(bank_of(name), model, rotation, translation, view, 512)
    inside = segments.mask[0][sight.place]
    return weigh(bank_of(name), model, rotation, translation, sight, segments.points[:1], inside)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_the_true_pose_has_everything_for_it(name, seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    frame, (mask,) = seen([(name, pose)], rng)
    found = evidence(name, pose, frame, mask)
    assert found.match > 0.95
    assert found.seen_through < 0.04
    assert found.visible > 0.97
    assert found.explained > 0.95
    assert found.inside > 0.93
    assert found.residual < 0.4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_nearer_than_measured_is_seen_through(name, seed):
    pose = random_pose(np.random.default_rng(seed))
    frame, (mask,) = seen([(name, pose)])
    found = evidence(name, shifted(pose, (0, 0, -0.03)), frame, mask)
    assert found.seen_through > 0.9
    assert found.match < 0.1
    assert found.explained < (0.9 if name == "bracket" else 0.2)  # a bracket may lie in itself


@pytest.mark.parametrize("name", NAMES)
def test_what_is_farther_than_measured_is_hidden_and_explains_nothing(name):
    pose = random_pose(np.random.default_rng(0))
    frame, (mask,) = seen([(name, pose)])
    found = evidence(name, shifted(pose, (0, 0, 0.08)), frame, mask)
    assert found.visible < 0.15
    assert found.explained < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_behind_an_occluder_less_is_visible_and_what_is_matches(seed):
    pose = random_pose(np.random.default_rng(seed))
    board = RigidTransform(np.eye(3), pose.translation * [1, 1, 0.6] * [0.6, 0.6, 1] + [0.05, 0, 0])
    frame, owner = frame_of([(known("bracket").mesh, pose), (box_mesh((0.1, 0.3, 0.01)), board)])
    found = evidence("bracket", pose, frame, owner == 0)
    assert 0.1 < found.visible < 0.9
    assert found.match > 0.93
    assert found.seen_through < 0.05
    _, alone = frame_of([(known("bracket").mesh, pose)])
    share = (owner == 0).sum() / (alone == 0).sum()
    assert float(found.visible) == pytest.approx(share, abs=0.12)


def test_holes_in_depth_speak_half_against_a_pose():
    pose = random_pose(np.random.default_rng(1))
    frame, (mask,) = seen([("box", pose)])
    frame.depth[mask & (np.arange(640) % 2 == 0)] = np.nan
    found = evidence("box", pose, frame, mask)
    assert float(found.match) == pytest.approx(0.5 / 0.75, abs=0.12)
    assert found.seen_through < 0.05
    assert found.visible > 0.95


def test_only_what_faces_the_camera_is_in_sight():
    pose = random_pose(np.random.default_rng(2))
    frame, _ = seen([("ball", pose)])
    model, rotation, translation = placed("ball", pose)
    sight = look(bank_of("ball"), model, rotation, translation, view_of(frame), 512)
    behind = sight.points[0, :, 2] > translation[0, 2]
    assert not (sight.facing[0, behind] > 0).any()
    assert (sight.facing > 0).float().mean() == pytest.approx(0.45, abs=0.1)


def test_a_better_pose_is_fitter():
    """Fitness falls with every step away, whichever way."""
    rng = np.random.default_rng(5)
    pose = random_pose(rng)
    frame, (mask,) = seen([("bracket", pose)], rng)
    for way in np.concatenate([np.eye(3), -np.eye(3)]):
        steps = [
            evidence("bracket", shifted(pose, size * way), frame, mask).fitness for size in (0, 0.012, 0.03)
        ]
        assert steps[0] > steps[1] > steps[2]


def test_off_the_picture_nothing_is_known():
    frame, (mask,) = seen([("box", random_pose(np.random.default_rng(0)))])
    away = RigidTransform(np.eye(3), np.array([2.0, 0, 0.6]))
    found = evidence("box", away, frame, mask)
    assert all(values.isfinite().all() for values in vars(found).values())
    assert found.fitness < 1e-6


def test_an_off_centre_mesh_is_judged_as_the_centred_one():
    pose = random_pose(np.random.default_rng(3))
    frame, (mask,) = seen([("bracket", pose)])
    there = shifted(pose, -pose.rotation @ ASIDE)
    here, other = evidence("bracket", pose, frame, mask), evidence("aside", there, frame, mask)
    for name, value in vars(here).items():
        assert float(getattr(other, name)) == pytest.approx(float(value), abs=0.03), name
