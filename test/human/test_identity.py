"""Who is who: ids stay through noise, drop-outs, crossings, occlusion and re-entry; the pool is bounded."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from human_scene import CAMERA, frame_of, keypoints_of, person

from pose_ros.human.identity import Identity, IdentityConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, TrackState

STEP = 1 / 30
RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def see(identity, places, stamp, rng=None, with_depth=True, clothes=(), noise=0.03):
    """The tracks of people at these places (m) at `stamp` (s)."""
    depth = np.full((480, 640), np.nan, np.float32)
    frame = frame_of(depth, stamp_ns=10**9 + round(stamp * 1e9))
    if not len(places):
        return identity.assign(frame, Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17))
    joints = np.stack([person(place) for place in places])
    seen = keypoints_of(joints, CAMERA)
    for n in np.argsort([-place[2] for place in places])[: len(clothes)]:
        torso = seen.xy[n, COCO_17.indices("left_shoulder", "right_shoulder", "right_hip", "left_hip")]
        (left, top), (right, bottom) = (f(torso, 0).astype(int).clip(0, 640) for f in (np.min, np.max))
        frame.rgb[top:bottom, left:right] = clothes[n]
        frame.depth[top:bottom, left:right] = places[n][2] - 0.1
    if rng is not None:
        joints = (
            joints
            + rng.normal(scale=noise, size=joints.shape)
            + rng.normal(scale=noise, size=(len(joints), 1, 3))
        )
        seen = replace(seen, xy=CAMERA.project(joints))
    known = with_depth * np.ones(joints.shape[:2], bool)
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)
    covariance = np.tile(np.eye(3) * 1e-4, (*joints.shape[:2], 1, 1))
    xyz = np.where(known[..., None], joints, np.nan)
    return identity.assign(frame, seen, Keypoints3D(xyz, known * 0.9, covariance, origin, COCO_17))


def ids(tracks):
    return [track.id if track else None for track in tracks]


def wait(identity, start, end, places=()):
    """Frames at the usual rate with nobody, or these people, from `start` up to `end` s."""
    for stamp in np.arange(start, end, STEP):
        see(identity, places, stamp)


def walk(paths, rng, drop=0.0, rate=30, seconds=4.0, **kw):
    """Identity switches of people on paths (functions of time in s), seen in random order with drop-outs."""
    identity, names, switches = Identity(), {}, 0
    for stamp in np.arange(0, seconds, 1 / rate):
        order = [n for n in rng.permutation(len(paths)) if rng.uniform() >= drop or stamp < 0.5]
        tracks = see(identity, [paths[n](stamp) for n in order], stamp, rng, **kw)
        for n, track in zip(order, tracks, strict=True):
            assert track is not None
            switches += names.setdefault(n, track.id) != track.id
    assert len(set(names.values())) == len(paths)
    return switches


def test_tentative_then_tracked_then_lost_and_age_counts():
    identity = Identity()
    seen = [see(identity, [(0, 0, 2)], n * STEP)[0] for n in range(2)]
    assert seen[0] is seen[1]
    assert (seen[1].state, seen[1].age) == (TrackState.TRACKED, 2)
    see(identity, [], 2 * STEP)
    assert (seen[1].state, seen[1].age) == (TrackState.LOST, 2)
    assert identity.coasting() == [seen[1]]
    see(identity, [(0, 0, 2)], 3 * STEP)
    assert seen[1].state is TrackState.TRACKED
    assert identity.coasting() == []


def test_one_frame_is_nobody_yet():
    identity = Identity()
    tentative = see(identity, [(0, 0, 2)], 0)[0]
    assert tentative.state is TrackState.TENTATIVE
    for n in range(1, 6):
        see(identity, [], n * STEP)
    assert identity.tracks == []
    assert identity.coasting() == []


def test_every_track_has_a_person_of_its_own():
    identity = Identity(person=list)
    a, b = see(identity, [(-1, 0, 3), (1, 0, 3)], 0)
    a.person.append("memory")
    assert see(identity, [(1, 0, 3), (-1, 0, 3)], STEP)[1].person == ["memory"]
    assert b.person == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [10, 30])
def test_crossings_at_different_depths(seed, rate):
    rng = np.random.default_rng(seed)
    paths = [
        lambda t: (-1.2 + 0.6 * t, 0, 2.0),
        lambda t: (1.2 - 0.6 * t, 0, 2.7),
        lambda t: (0.8 * np.sin(1.5 * t), 0, 3.4),
    ]
    assert walk(paths, rng, drop=0.2, rate=rate) == 0


@pytest.mark.parametrize("seed", range(4))
def test_two_who_walk_towards_each_other_and_pass_closely(seed):
    paths = [lambda t: (-0.2, 0, 2.0 + 0.5 * t), lambda t: (0.25, 0, 4.0 - 0.5 * t)]
    assert walk(paths, np.random.default_rng(seed), drop=0.2) == 0


@pytest.mark.parametrize("with_depth", [True, False])
def test_side_by_side(with_depth):
    paths = [lambda t, n=n: (-0.7 + 0.5 * n + 0.3 * np.sin(2 * t), 0, 2.5) for n in range(3)]
    assert walk(paths, np.random.default_rng(0), drop=0.3 * with_depth, with_depth=with_depth) == 0


def test_crossing_at_one_depth_is_told_by_motion():
    rng = np.random.default_rng(1)
    paths = [lambda t: (-1.0 + 0.7 * t, 0, 2.5), lambda t: (1.0 - 0.7 * t, 0, 2.85)]
    assert walk(paths, rng, seconds=3.0, noise=0.02) == 0


def test_clothes_tell_who_comes_back():
    rng = np.random.default_rng(2)
    identity, places = Identity(), [(-0.4, 0, 2.5), (0.4, 0, 2.5)]
    for n in range(10):
        first = ids(see(identity, places, n * STEP, rng, clothes=(RED, GREEN)))
    for n in range(10, 60):
        see(identity, [], n * STEP)
    assert ids(see(identity, places, 2.0, rng, clothes=(GREEN, RED))) == first[::-1]
    stranger = see(identity, [*places, (0.0, 0, 3.2)], 2.0 + STEP, rng, clothes=(GREEN, RED, BLUE))[2]
    assert stranger.id not in first


def test_a_stranger_in_other_clothes_does_not_inherit_an_id():
    rng = np.random.default_rng(3)
    identity = Identity()
    for n in range(10):
        first = see(identity, [(0, 0, 2.5)], n * STEP, rng, clothes=(RED,))[0].id
    for n in range(10, 40):
        see(identity, [], n * STEP)
    assert see(identity, [(0.8, 0, 2.5)], 40 * STEP, rng, clothes=(BLUE,))[0].id != first
    assert see(identity, [(0.1, 0, 2.5)], 41 * STEP, rng, clothes=(RED,))[0].id == first


def test_an_id_is_kept_for_keep_lost_and_then_rests():
    identity = Identity(IdentityConfig(keep_lost=1.0))
    names = []
    for start in (0.0, 1.0, 3.0, 6.0):  # all returns but the first are too late
        wait(identity, max(start - 1.7, 0.2), start)
        names += [ids(see(identity, [(0.1, 0, 2)], start + n * STEP))[0] for n in range(3)][-1:]
    assert names == ["p1", "p1", "p2", "p3"]


def test_coasting_ends():
    identity = Identity(IdentityConfig(coast=0.2))
    for n in range(3):
        track = see(identity, [(0, 0, 2)], n * STEP)[0]
    coasts = []
    for n in range(3, 15):
        see(identity, [], n * STEP)
        coasts.append(identity.coasting() == [track])
    assert coasts == [True] * 6 + [False] * 6


def test_the_pool_is_bounded_and_no_id_is_handed_on_at_once():
    identity = Identity(IdentityConfig(max_people=3, keep_lost=0.5))
    crowd = [(x, 0, 3) for x in (-1.0, 0.0, 1.0, 2.0)]
    for n in range(2):
        assert ids(see(identity, crowd, n * STEP)) == ["p1", "p2", "p3", None]
    assert identity.untracked == 2
    gone = see(identity, crowd[:2], 2 * STEP)
    assert see(identity, [*crowd[:2], (2.9, 0, 3)], 5 * STEP)[2] is None  # p3 may still come back
    wait(identity, 6 * STEP, 0.6, crowd[:2])
    late = see(identity, [*crowd[:2], (2.9, 0, 3)], 0.61)
    assert ids(late)[:2] == ids(gone)
    assert late[2].id == "p3"


def test_an_id_never_published_is_used_again_others_rest():
    identity = Identity(IdentityConfig(max_people=3, keep_lost=0.5))
    for n in range(6):
        assert ids(see(identity, [(n % 7 - 3.0, 0, 4)], n)) == ["p1"]
        wait(identity, n + STEP, n + 0.9)
    tracked = []
    for n in range(10, 16):
        tracked += [ids(see(identity, [(0, 0, 4)], n + k * STEP))[0] for k in range(2)][1:]
        wait(identity, n + 2 * STEP, n + 0.9)
    assert all(a != b for a, b in pairwise(tracked))
    assert set(tracked) == {"p1", "p2", "p3"}


def test_two_skeletons_on_one_body_are_one_person():
    rng = np.random.default_rng(4)
    identity, double = Identity(), Identity()
    for n in range(20):
        place = (0.02 * n, 0, 2.5)
        assert ids(see(identity, [place, place], n * STEP, rng, noise=0.02)).count(None) == 1
        if n >= 5:  # the second skeleton comes later, and is listed first
            assert ids(see(double, [place, place], n * STEP, rng, noise=0.02)).count("p1") == 1
        else:
            see(double, [place], n * STEP, rng)
    assert len(identity.tracks) == len(double.tracks) == 1
    assert (identity.doubles, double.doubles, double.untracked) == (20, 15, 0)


def test_a_hidden_persons_skeleton_that_slides_onto_another_takes_nobodys_id():
    rng = np.random.default_rng(5)
    identity = Identity()
    for n in range(10):
        front, back = ids(see(identity, [(0, 0, 2), (0.3, 0, 3)], n * STEP, rng))
    for n in range(10, 20):
        slid = ids(see(identity, [(0.05, 0, 2.0), (0, 0, 2)], n * STEP, rng, noise=0.01))
        assert sorted(slid, key=str) == [None, front]
        assert {track.id for track in identity.tracks if track.state is TrackState.TRACKED} == {front}
    assert ids(see(identity, [(0.3, 0, 3), (0, 0, 2)], 20 * STEP, rng)) == [back, front]


@pytest.mark.parametrize("seconds", [0.12, 0.5, 1.5, 4.5])
def test_people_are_confirmed_and_kept_however_seldom_frames_come(seconds):
    identity = Identity(IdentityConfig(keep_lost=1.0))
    for n in range(8):
        tracks = see(identity, [(0, 0, 2)] if n != 5 else [], n * seconds)
        assert all(track.state is TrackState.TRACKED for track in tracks if n > 1)
        assert ids(tracks) in (["p1"], [])


def test_late_frames_change_nothing_and_a_clock_set_back_starts_anew():
    identity = Identity()
    for n in range(3):
        track = see(identity, [(0.1 * n, 0, 2)], 10 + n * STEP)[0]
    late = see(identity, [(0.1, 0, 2)], 10 + STEP)
    assert late[0] is track
    assert track.age == 3
    assert see(identity, [(3, 0, 4)], 10 + STEP) == [None]  # nobody starts in the past
    again = see(identity, [(0, 0, 2)], 0)[0]
    assert (again.id, again.state, again.age) == ("p1", TrackState.TENTATIVE, 1)


def test_a_repeated_stamp_keeps_the_people():
    identity = Identity()
    for n in (0, 1, 1, 2):
        tracks = see(identity, [(0.02 * n, 0, 2)], n * STEP)
    assert ids(tracks) == ["p1"]
    assert len(identity.tracks) == 1
