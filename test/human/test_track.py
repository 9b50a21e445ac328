"""Who is who: ids stay through motion, crossings, misses and an empty pool."""

import numpy as np
import pytest
from human_scene import CAMERA, frame_of, keypoints_of, person

from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.human.track import PersonTracker, TrackConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, TrackState

EMPTY_DEPTH = np.full((480, 640), np.nan, np.float32)
STEP = 33_000_000


def see(tracker, places, step, with_depth=True):
    """One frame with people at these places."""
    frame = frame_of(EMPTY_DEPTH, stamp_ns=10**9 + step * STEP)
    if not len(places):
        return tracker.update(frame, Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17))
    joints = np.stack([person(place) for place in places])
    known = with_depth * np.ones(joints.shape[:2], bool)
    xyz = np.where(known[..., None], joints, np.nan)
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)
    covariance = np.tile(np.eye(3) * 1e-4, (*joints.shape[:2], 1, 1))
    points = Keypoints3D(xyz, known * 0.9, covariance, origin, COCO_17)
    return tracker.update(frame, keypoints_of(joints, CAMERA), points)


def test_tentative_first_then_tracked_and_age_counts():
    tracker = PersonTracker(TrackConfig())
    states = [see(tracker, [(0, 0, 2)], n).people[0] for n in range(3)]
    assert [p.state for p in states] == [TrackState.TENTATIVE, TrackState.TRACKED, TrackState.TRACKED]
    assert [p.age for p in states] == [1, 2, 3]


@pytest.mark.parametrize("with_depth", [True, False])
def test_ids_stay_while_people_walk_past_each_other(with_depth):
    tracker = PersonTracker(TrackConfig())
    depths = (2.0, 3.0) if with_depth else (2.0, 2.0)
    for n in range(30):
        x = -0.7 + n * 1.4 / 29
        gap = 0.0 if with_depth else 1.0  # without depth they do not cross, they walk side by side
        order = [0, 1] if n % 2 else [1, 0]
        places = [(x, 0, depths[0]), (-x if not gap else x + gap, 0, depths[1])]
        people = see(tracker, [places[k] for k in order], n, with_depth)
        if n == 0:
            first = {k: people.people[i].id for i, k in enumerate(order)}
        assert {k: people.people[i].id for i, k in enumerate(order)} == first


def test_someone_who_comes_back_soon_keeps_the_id_and_later_does_not():
    tracker = PersonTracker(TrackConfig())
    for n in range(3):
        first = see(tracker, [(0, 0, 2)], n).people[0].id
    for n in range(3, 10):
        assert len(see(tracker, [], n)) == 0
    assert see(tracker, [(0.1, 0, 2)], 10).people[0].id == first
    assert see(tracker, [(0.1, 0, 2)], 100).people[0].id != first


@pytest.mark.parametrize("seconds", [0.12, 0.5, 1.5, 4.0])
def test_people_are_confirmed_and_kept_however_seldom_frames_come(seconds):
    tracker = PersonTracker(TrackConfig())
    steps = round(seconds * 1e9 / STEP)
    seen = [see(tracker, [(0, 0, 2)] if n != 5 else [], n * steps) for n in range(8)]
    assert all(people.people[0].state is TrackState.TRACKED for people in seen[2:5] + seen[6:])
    assert {person.id for people in seen for person in people} == {"p1"}


def test_the_pool_is_bounded_and_ids_return():
    tracker = PersonTracker(TrackConfig(max_people=2))
    crowd = [(-1, 0, 3), (0, 0, 3), (1, 0, 3)]
    assert len(see(tracker, crowd, 0)) == 2
    assert tracker.untracked == 1
    glimpses = {see(tracker, [(n % 7 - 3.0, 0, 4)], 200 * n + 200).people[0].id for n in range(20)}
    assert len(glimpses) == 1  # an id nobody has seen published is used again at once
    tracked = [see(tracker, [(0, 0, 4)], 10_000 + 200 * (n // 2) + n % 2).people[0].id for n in range(12)]
    assert tracked[1::2] == ["p1", "p2"] * 3 or tracked[1::2] == ["p2", "p1"] * 3  # others rest


def test_a_clock_that_jumps_back_starts_anew():
    tracker = PersonTracker(TrackConfig())
    see(tracker, [(0, 0, 2)], 50)
    assert see(tracker, [(0, 0, 2)], 51).people[0].state is TrackState.TRACKED
    again = see(tracker, [(0, 0, 2)], 0).people[0]
    assert (again.id, again.state) == ("p1", TrackState.TENTATIVE)


def test_positions_are_filtered_only_where_asked():
    rng = np.random.default_rng(0)
    walks = {}
    for smooth in (True, False):
        tracker = PersonTracker(TrackConfig(smooth=smooth))
        noise = rng.normal(scale=0.004, size=(60, 3))
        places = [np.array([0, 0, 2.0]) + step for step in noise]
        people = [see(tracker, [place], n).people[0] for n, place in enumerate(places)]
        walks[smooth] = np.array([p.keypoints3d.xyz[0, 0] for p in people])[20:].std(axis=0).mean()
    assert walks[True] < 0.6 * walks[False]


def test_lift_and_track_together_give_oriented_frames():
    from human_scene import depth_of

    joints = person((0, 0.1, 2.2))
    frame = frame_of(depth_of(joints))
    keypoints = keypoints_of(joints)
    people = PersonTracker(TrackConfig()).update(
        frame, keypoints, Lift(LiftConfig(), COCO_17)(frame, keypoints)
    )
    body = people.people[0].camera_from_joint["body"]
    forward, left, up = body.rotation.T
    assert forward[2] < -0.9  # faces the camera
    assert left[0] > 0.9  # whose right is the person's left
    assert up[1] < -0.9
