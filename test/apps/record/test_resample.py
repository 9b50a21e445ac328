"""Rows at a fixed rate: exact where theory says so, and never made up."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.feature import HOLD, LINEAR, NEAREST, POSES, ROTATIONS, Feature, Table
from pose_ros.apps.record.resample import RateConfig, Resampler, Track, between_rotations
from pose_ros.errors import ShapeError

S = 10**9
GAP = S // 5


def vector(way=LINEAR, names=("x", "y"), name="v"):
    return Feature.vector(name, names, "m", "topic", way)


def filled(track, stamps, value):
    for stamp in stamps:
        track.push(int(stamp), value(stamp / S))
    return track


@pytest.mark.parametrize("seed", range(5))
def test_a_line_is_kept_whatever_the_stamps(seed):
    rng = np.random.default_rng(seed)
    stamps = np.cumsum(rng.integers(S // 100, GAP, 40))
    slope, start = rng.normal(size=2), rng.normal(size=2)
    track = filled(Track(vector(), GAP), stamps, lambda t: start + slope * t)
    for t in rng.integers(stamps[0], stamps[-1], 50):
        np.testing.assert_allclose(track.at(int(t)), start + slope * t / S, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_rotations_go_along_the_great_circle(seed):
    rng = np.random.default_rng(seed)
    a, b = Rotation.random(6, rng), Rotation.random(6, rng)
    for share in (0.0, 0.2, 0.5, 0.9, 1.0):
        ours = Rotation.from_quat(between_rotations(a.as_quat(), b.as_quat(), share))
        for n in range(6):
            theirs = Slerp([0, 1], Rotation.concatenate([a[n], b[n]]))(share)
            assert (ours[n].inv() * theirs).magnitude() < 1e-6
        # constant speed, and the same way back
        np.testing.assert_allclose((a.inv() * ours).magnitude(), share * (a.inv() * b).magnitude(), atol=1e-6)
        back = Rotation.from_quat(between_rotations(b.as_quat(), a.as_quat(), 1 - share))
        assert (ours.inv() * back).magnitude().max() < 1e-6


def test_an_unknown_rotation_stays_unknown():
    known, unknown = np.array([[0.0, 0, 0, 1]]), np.full((1, 4), np.nan)
    assert np.isnan(between_rotations(known, unknown, 0.5)).all()


@pytest.mark.parametrize("way", [POSES, ROTATIONS])
def test_quaternions_do_not_jump_from_row_to_row(way):
    """A turn of two rounds: canonical quaternions change their sign on the way, ours do not."""
    parts = ("x", "y", "z", "qx", "qy", "qz", "qw") if way == POSES else ("qx", "qy", "qz", "qw")
    track = Track(vector(way, parts), GAP)

    def value(t):
        turn = Rotation.from_rotvec([0, 0, 4 * np.pi * t]).as_quat(canonical=True)
        return np.concatenate([[t, 0, 0], turn]) if way == POSES else turn

    filled(track, np.arange(0, S + 1, S // 50), value)
    rows = np.array([track.at(int(t)) for t in np.linspace(0, S, 81)])
    assert np.linalg.norm(np.diff(rows[:, -4:], axis=0), axis=1).max() < 0.2
    for t, row in zip(np.linspace(0, 1, 81), rows, strict=True):
        truth = Rotation.from_rotvec([0, 0, 4 * np.pi * t])
        assert (Rotation.from_quat(row[-4:]).inv() * truth).magnitude() < 1e-6
    if way == POSES:
        np.testing.assert_allclose(rows[:, 0], np.linspace(0, 1, 81), atol=1e-9)


def test_nothing_is_extrapolated():
    track = filled(Track(vector(), GAP), [S, S + GAP], lambda t: np.ones(2))
    assert track.at(S - 1) is None
    assert track.at(S + GAP + 1) is None
    assert track.at(S) is not None
    assert track.at(S + GAP) is not None
    wide = filled(Track(vector(), GAP), [S, S + GAP + 1], lambda t: np.ones(2))
    assert wide.at(S + 5) is None


def test_a_command_holds_until_the_next_and_no_longer_than_the_gap():
    track = filled(Track(vector(HOLD), GAP), [S, S + S // 10], lambda t: np.full(2, t))
    assert track.at(S - 1) is None
    assert track.at(S + S // 10 - 1)[0] == 1.0
    assert track.at(S + S // 10)[0] == 1.1
    assert track.at(S + S // 10 + GAP)[0] == 1.1
    assert track.at(S + S // 10 + GAP + 1) is None


def test_the_nearest_may_be_of_either_side():
    track = filled(Track(vector(NEAREST), GAP), [S, S + S // 10], lambda t: np.full(2, t))
    assert track.at(S + S // 25)[0] == 1.0
    assert track.at(S + S // 15)[0] == 1.1
    assert track.at(S - GAP)[0] == 1.0
    assert track.at(S - GAP - 1) is None


def test_what_comes_twice_or_after_its_row_is_counted():
    track = filled(Track(vector(), GAP), [S, 2 * S, 2 * S], lambda t: np.full(2, t))
    assert track.late == 1
    track.forget(3 * S)
    track.push(3 * S, np.zeros(2))
    assert track.late == 2
    track.push(4 * S, np.zeros(2))
    assert track.late == 2


def test_order_of_arrival_does_not_matter():
    stamps = np.arange(S, 2 * S, S // 30)
    shuffled = np.random.default_rng(0).permutation(stamps)
    tracks = [filled(Track(vector(), GAP), order, lambda t: np.full(2, t**2)) for order in (stamps, shuffled)]
    for t in range(S, 2 * S - GAP, S // 7):
        np.testing.assert_array_equal(tracks[0].at(t), tracks[1].at(t))


def test_a_wrong_shape_is_refused():
    with pytest.raises(ShapeError, match="v has shape"):
        Track(vector(), GAP).push(S, np.zeros(3))


TABLE = Table((vector(name="fast"), vector(HOLD, name="slow")))


def resampler(start=10 * S, fps=20, **options):
    return Resampler(TABLE, RateConfig(fps=fps, **options), start)


def test_rows_are_exactly_periodic_and_wait_for_the_latest_topic():
    one = resampler()
    rows = []
    for n in range(100):
        stamp = 10 * S + n * S // 50
        one.push("fast", stamp, np.full(2, stamp / S))
        if n >= 10:  # this topic comes 0.2 s late
            late = stamp - S // 5
            one.push("slow", late, np.full(2, late / S))
        rows += one.rows()
    assert [row.stamp_ns for row in rows] == [10 * S + k * S // 20 for k in range(len(rows))]
    assert len(rows) in (36, 37)
    assert one.invalid == {"fast": 0, "slow": 0}
    assert one.late == 0
    for row in rows:
        np.testing.assert_allclose(row.values["fast"], row.stamp_ns / S)


def test_a_silent_topic_is_waited_for_no_longer_than_patience():
    one = resampler(patience=0.5)
    for n in range(51):
        one.push("fast", 10 * S + n * S // 50, np.zeros(2))
    rows = list(one.rows())
    assert rows[-1].stamp_ns == 10 * S + S // 2
    assert one.invalid == {"fast": 0, "slow": len(rows)}
    assert all("slow" not in row.values for row in rows)


def test_the_end_waits_for_nobody_and_goes_no_further():
    one = resampler()
    for n in range(51):
        one.push("fast", 10 * S + n * S // 50, np.zeros(2))
    one.end_ns = 10 * S + S // 2
    rows = list(one.rows(final=True))
    assert [row.stamp_ns for row in rows][-1] == 10 * S + S // 2


def test_gaps_are_marked_and_counted():
    one = resampler(max_gap=0.1)
    for n in range(100):
        if not 40 <= n < 60:
            one.push("fast", 10 * S + n * S // 50, np.zeros(2))
            one.push("slow", 10 * S + n * S // 50, np.zeros(2))
    rows = list(one.rows(final=True))
    missing = [row.stamp_ns for row in rows if "fast" not in row.values]
    assert len(missing) == one.invalid["fast"]
    # between the samples at 10.78 and 11.20 s there is nothing
    assert missing == [10 * S + k * S // 20 for k in range(16, 24)]


def test_what_is_wholly_unknown_is_invalid():
    one = resampler()
    for n in range(20):
        one.push("fast", 10 * S + n * S // 50, np.full(2, np.nan))
        one.push("slow", 10 * S + n * S // 50, np.array([np.nan, 1.0]))
    rows = list(one.rows(final=True))
    assert one.invalid == {"fast": len(rows), "slow": 0}


def test_an_unknown_feature_is_named_with_the_valid_ones():
    with pytest.raises(RecordError, match="fast, slow"):
        resampler().push("medium", S, np.zeros(2))
