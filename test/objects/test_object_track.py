"""Objects followed from frame to frame, against the exact truth of what was drawn."""

import numpy as np
import pytest
from known import bank_of, error_of, known, some, view_of
from posed import box_mesh, frame_of, random_pose

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.track import ObjectTracker, TrackConfig
from pose_ros.types import ObjectPoses, TrackState

STEP = 33_000_000  # ns


def poses_of(things, score: float = 0.9) -> ObjectPoses:
    """What a search would say of things whose poses are known."""
    every = RigidTransform(
        np.stack([pose.rotation for _, pose in things]), np.stack([pose.translation for _, pose in things])
    )
    count = len(things)
    covariance = np.tile(1e-4 * np.eye(6), (count, 1, 1))
    labels = tuple(name for name, _ in things)
    return ObjectPoses(
        every, labels, np.full(count, score), covariance, np.ones(count), np.zeros((count, 480, 640), bool)
    )


def tracker_of(*things, config: TrackConfig | None = None) -> ObjectTracker:
    names = tuple(dict.fromkeys(name for name, _ in things))
    tracker = ObjectTracker(some(*names), bank_of(*names), config)
    tracker.adopt(poses_of(things), 0)
    return tracker


def follow(tracker: ObjectTracker, things, number: int, rng=None, scenery=()) -> None:
    """The frame after `number` steps: things of known models before scenery, (mesh, pose) each."""
    meshes = [(known(name).mesh, pose) for name, pose in things]
    frame, _ = frame_of([*meshes, *scenery], rng)
    tracker.update(view_of(frame), number * STEP)


def moved(pose: RigidTransform, shift, turn) -> RigidTransform:
    return RigidTransform(rotation_exp(np.asarray(turn)) @ pose.rotation, pose.translation + shift)


def errors_on_the_move(name: str, seed: int, frames_to_speed: int) -> list[tuple[float, float]]:
    """Two centimetres and three degrees a frame, from a standstill; m and deg in each of 24 frames."""
    rng = np.random.default_rng(seed)
    pose = RigidTransform(random_pose(rng).rotation, np.array([-0.18, -0.02, 0.7]))
    axis = rng.normal(size=3)
    turn = np.radians(3.0) * axis / np.linalg.norm(axis)
    tracker = tracker_of((name, pose))
    errors = []
    for number in range(1, 25):
        speed = min(number / frames_to_speed, 1.0)
        pose = moved(pose, np.array([0.02, 0.002, 0.0]) * speed, turn * speed)
        follow(tracker, [(name, pose)], number)
        assert len(tracker.live) == 1, number
        errors.append(error_of(name, tracker.pose(tracker.live[0]), pose))
    assert tracker.live[0].age == 25
    return errors


@pytest.mark.parametrize("name", ["bracket", "bright"])
@pytest.mark.parametrize("seed", range(2))
def test_what_moves_and_turns_is_followed(name, seed):
    shift, angle = np.max(errors_on_the_move(name, seed, 15), axis=0)
    assert shift < 0.003
    assert angle < 1.5


@pytest.mark.parametrize("name", ["bracket", "bright"])
def test_what_starts_with_a_jerk_is_not_lost(name):
    """Up to speed in five frames it may be left behind, and is caught up with."""
    errors = np.array(errors_on_the_move(name, 0, 5))
    assert (errors[-5:, 0] < 0.002).all()
    assert (errors[-5:, 1] < 1.5).all()


def test_an_object_at_rest_stays_where_it_is():
    rng = np.random.default_rng(0)
    pose = random_pose(rng)
    tracker = tracker_of(("bracket", pose))
    for number in range(1, 16):
        follow(tracker, [("bracket", pose)], number, rng)
        shift, angle = error_of("bracket", tracker.pose(tracker.live[0]), pose)
        assert shift < 0.002
        assert angle < 3.0  # the noise of one frame: poses are not filtered


@pytest.mark.parametrize("name", ["bracket", "can"])
def test_what_vanishes_is_noticed_and_comes_back_with_its_id(name):
    pose = random_pose(np.random.default_rng(1))
    tracker = tracker_of((name, pose))
    for number in range(1, 4):
        follow(tracker, [(name, pose)], number)
    before = tracker.live[0].id
    for number in range(4, 9):
        follow(tracker, [], number)
    assert not tracker.live
    assert tracker.tracks[0].state is TrackState.LOST
    follow(tracker, [(name, moved(pose, [0.004, 0, 0], [0, 0, 0.03]))], 9)
    assert [track.id for track in tracker.live] == [before]


def test_what_is_found_elsewhere_while_it_is_lost_has_its_id_again():
    here, there = (RigidTransform(np.eye(3), np.array([x, 0, 0.6])) for x in (-0.15, 0.15))
    tracker = tracker_of(("bracket", here))
    for number in range(1, 5):
        follow(tracker, [], number)
    tracker.adopt(poses_of([("bracket", there)]), 5 * STEP)
    assert [(track.id, track.state) for track in tracker.tracks] == [("bracket_1", TrackState.TRACKED)]


def test_who_is_gone_for_long_is_forgotten():
    pose = random_pose(np.random.default_rng(1))
    tracker = tracker_of(("box", pose), config=TrackConfig(keep_lost=0.2))
    for number in range(1, 10):
        follow(tracker, [], number)
    assert not tracker.tracks


def test_a_pause_longer_than_lost_ones_are_kept_forgets_nobody_who_was_in_sight():
    """A search may take longer than that: what it found is looked for once more, whenever that is."""
    pose = random_pose(np.random.default_rng(1))
    tracker = tracker_of(("box", pose), config=TrackConfig(keep_lost=0.2))
    follow(tracker, [("box", pose)], 1)
    follow(tracker, [("box", pose)], 31)  # a second later
    assert [(track.id, track.state) for track in tracker.tracks] == [("box_1", TrackState.TRACKED)]


def test_ids_are_unique_and_counted_for_each_label():
    places = [RigidTransform(np.eye(3), np.array([x, y, 0.7])) for x in (-0.2, 0, 0.2) for y in (-0.1, 0.1)]
    names = ["bracket", "box"] * 3
    tracker = tracker_of(*zip(names, places, strict=True))
    assert sorted(track.id for track in tracker.tracks) == sorted(
        f"{name}_{number}" for name in ("bracket", "box") for number in (1, 2, 3)
    )
    follow(tracker, list(zip(names, places, strict=True)), 1)
    assert len({track.id for track in tracker.live}) == 6


def test_finding_again_what_is_followed_makes_no_second_one():
    pose = random_pose(np.random.default_rng(2))
    tracker = tracker_of(("bracket", pose))
    follow(tracker, [("bracket", pose)], 1)
    tracker.adopt(poses_of([("bracket", moved(pose, [0.005, 0, 0], [0, 0, 0]))]), STEP)
    assert [track.id for track in tracker.tracks] == ["bracket_1"]


def test_there_is_place_for_so_many_and_the_others_are_counted():
    places = [RigidTransform(np.eye(3), np.array([x, 0, 0.7])) for x in (-0.2, 0, 0.2)]
    tracker = tracker_of(*[("box", place) for place in places], config=TrackConfig(max_objects=2))
    assert len(tracker.tracks) == 2
    assert tracker.untracked == 1


def test_a_symmetric_box_does_not_flip():
    rng = np.random.default_rng(4)
    pose = random_pose(rng)
    tracker = tracker_of(("box", pose))
    for number in range(1, 61):
        follow(tracker, [("box", pose)], number, rng)
        turn = tracker.pose(tracker.live[0]).rotation @ pose.rotation.T
        assert np.degrees(np.arccos(min((np.trace(turn) - 1) / 2, 1))) < 5, number


@pytest.mark.parametrize("axis", range(3))
def test_nor_when_a_search_finds_it_turned_by_a_symmetry(axis):
    pose = random_pose(np.random.default_rng(4))
    tracker = tracker_of(("box", pose))
    other = RigidTransform(pose.rotation @ rotation_exp(np.pi * np.eye(3)[axis]), pose.translation)
    tracker.adopt(poses_of([("box", other)], score=0.99), STEP)
    found = tracker.pose(tracker.live[0])
    np.testing.assert_allclose(found.rotation, pose.rotation, atol=0.05)
    np.testing.assert_allclose(found.translation, pose.translation, atol=2e-3)
    assert tracker.live[0].score == pytest.approx(0.99)


TABLE = box_mesh((0.9, 0.7, 0.02))
ON_TABLE = RigidTransform(
    np.array([[1, 0, 0], [0, -0.7071, -0.7071], [0, 0.7071, -0.7071]]), np.array([0.0, 0.03, 0.7])
)  # z up, seen at 45 degrees


@pytest.mark.parametrize("name", ["box", "bracket"])
def test_the_table_beneath_does_not_pull(name):
    """At rest, and pushed over the table by a few millimetres a frame."""
    rng = np.random.default_rng(5)
    lowest = known(name).bounds[0, 2]
    stand = RigidTransform(rotation_exp(np.array([0, 0, 0.6])), np.array([0, 0, 0.01 - lowest]))
    tracker = tracker_of((name, ON_TABLE @ stand))
    for number in range(1, 26):
        aside = [0.003 * max(number - 10, 0), 0, 0]
        pose = ON_TABLE @ RigidTransform(stand.rotation, stand.translation + aside)
        follow(tracker, [(name, pose)], number, rng, [(TABLE, ON_TABLE)])
        assert tracker.live, number
        shift, angle = error_of(name, tracker.pose(tracker.live[0]), pose)
        assert shift < 0.004, number
        assert angle < 4.0, number


def test_taken_from_the_table_it_is_not_seen_in_the_table():
    lowest = known("box").bounds[0, 2]
    pose = ON_TABLE @ RigidTransform(np.eye(3), np.array([0, 0, 0.01 - lowest]))
    tracker = tracker_of(("box", pose))
    for number in range(1, 3):
        follow(tracker, [("box", pose)], number, scenery=[(TABLE, ON_TABLE)])
    assert tracker.live
    for number in range(3, 8):
        follow(tracker, [], number, scenery=[(TABLE, ON_TABLE)])
    assert not tracker.live


def test_newcomers_join_and_known_ones_stay():
    here, there = (RigidTransform(np.eye(3), np.array([x, 0, 0.6])) for x in (-0.15, 0.15))
    tracker = tracker_of(("bracket", here))
    other = ObjectTracker(some("bracket"), bank_of("bracket"))
    other.adopt(poses_of([("bracket", here), ("bracket", there)]), STEP)
    tracker.join(other)
    assert sorted(track.id for track in tracker.tracks) == ["bracket_1", "bracket_2"]
    assert tracker.tracks[0].stamp_ns == 0  # the one that was followed already


def test_an_off_centre_mesh_keeps_its_origin():
    pose = random_pose(np.random.default_rng(6))
    far = RigidTransform(pose.rotation, pose.translation - pose.rotation @ known("aside").bounds.mean(0))
    tracker = tracker_of(("aside", far))
    np.testing.assert_allclose(tracker.pose(tracker.live[0]).translation, far.translation, atol=1e-6)
    follow(tracker, [("aside", far)], 1)
    shift, angle = error_of("aside", tracker.pose(tracker.live[0]), far)
    assert shift < 0.002
    assert angle < 1.0


def test_reset_forgets_everything():
    tracker = tracker_of(("box", random_pose(np.random.default_rng(0))))
    tracker.reset()
    assert not tracker.tracks
    follow(tracker, [], 1)
    assert not tracker.live
