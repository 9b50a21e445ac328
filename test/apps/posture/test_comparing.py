"""Comparing: the same movement by another body scores high, another movement low; what deviates is named."""

from dataclasses import replace

import numpy as np
import pytest

from pose_ros.apps.posture.angles import ROW
from pose_ros.apps.posture.compare import EVEN, compare, score_of
from pose_ros.apps.posture.comparison_picture import draw_comparison
from pose_ros.apps.posture.movement import POINTS, SEGMENTS, movement_of, take_of
from pose_ros.errors import PoseError
from pose_ros.eval.acted import NONE, Errors, act, as_persons
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS
from pose_ros.sources.synthetic.motion import Stage
from pose_ros.sources.synthetic.sticks import Sticks
from pose_ros.types import People

NOISY = Errors(0.01, 0.02)


def movement(motion, seed, body, speed=1.0, errors=NOISY, seconds=4.0):
    """The performance `seed` of a motion by some body, before a level camera."""
    rng = np.random.default_rng([body, 5])
    times = np.arange(0, seconds / speed, 1 / 15)
    stage = Stage(rng.uniform(2, 4, 2), rng.uniform(-3, 3), (0.8, 1.0))
    joints = Sticks.drawn(rng).act(ALL_MOTIONS[motion](np.random.default_rng(seed), times * speed, stage))
    xyz = np.stack([joints[name] for name in BLAZEPOSE_33.joints], axis=1)
    persons = as_persons(xyz, times, rng, errors, BLAZEPOSE_33)
    return movement_of(
        [(round((1 + t) * 1e9), person) for t, person in zip(times, persons, strict=True)],
        np.array([0.0, 0, 1]),
    )


@pytest.mark.parametrize("motion", ["squat", "lunge", "arm_raise", "bend"])
def test_the_same_movement_scores_higher_than_any_other(motion):
    reference = movement(motion, 8, 1)
    same = compare(reference, movement(motion, 8, 2, speed=1.3))
    assert same.score > 70
    assert same.tempo == pytest.approx(1.3, rel=0.15)
    for other in ("push_up", "squat", "kneel", "arm_raise"):
        if other != motion:
            assert compare(reference, movement(other, 8, 3, seconds=6)).score < same.score - 10


def test_place_heading_and_size_do_not_matter():
    one, other = (movement("squat", 4, body, errors=NONE) for body in (1, 9))
    assert np.degrees(compare(one, one).distance) < 1e-3
    assert compare(one, one).score == pytest.approx(100)
    # Another body's proportions put its middle of hips and shoulders elsewhere, no more.
    assert np.degrees(compare(one, other).distance) < 3


def test_what_deviates_is_named():
    reference = movement("squat", 4, 1, errors=NONE)
    points, angles = reference.points.copy(), reference.angles.copy()
    wrist, elbow = POINTS.index("left_wrist"), POINTS.index("left_elbow")
    points[20:, wrist] = points[20:, elbow] + [0, 0.3, 0.0]
    angles[20:, ROW["left_elbow_flexion"]] += np.radians(50)
    found = compare(reference, replace(reference, points=points, angles=angles))
    assert found.worst(1)[0][0] == "left_elbow_flexion"
    apart = dict(zip(SEGMENTS, np.nanmean(found.apart, axis=0), strict=True))
    assert max(apart, key=apart.get) == "left_forearm"
    assert found.worst_moment >= 18


def test_gaps_are_left_out_and_nobody_is_refused():
    reference = movement("squat", 4, 1)
    points = reference.points.copy()
    points[10:14] = np.nan
    points[:, POINTS.index("right_wrist")] = np.nan
    found = compare(reference, replace(reference, points=points))
    assert found.score > 90
    assert np.isnan(found.apart[:, list(SEGMENTS).index("right_forearm")]).all()
    with pytest.raises(PoseError, match="take's segments"):
        compare(reference, replace(reference, points=np.full_like(points, np.nan)))


def test_the_score_falls_with_the_distance():
    scores = [score_of(d) for d in np.radians([0, 5, 10, 20, 60])]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 100
    assert score_of(EVEN) == pytest.approx(50)


def test_takes():
    acted = act("stand", 1, seconds=1)
    sequence = [People((p,), s, "c") for p, s in zip(acted.persons, acted.stamps_ns, strict=True)]
    id, take = take_of(sequence)
    assert (id, len(take)) == ("p1", len(sequence))
    with pytest.raises(PoseError, match="valid: p1"):
        take_of(sequence, "p7")
    with pytest.raises(PoseError, match="nobody"):
        take_of([People((), 0, "c")])
    with pytest.raises(PoseError, match="two frames"):
        movement_of(take[:1], acted.up)


def test_the_picture_shows_both_and_is_red_where_they_differ():
    reference = movement("squat", 4, 1)
    same = draw_comparison(reference, reference, compare(reference, reference))
    other = movement("arm_raise", 4, 2)
    differs = draw_comparison(reference, other, compare(reference, other))
    red = [int(((p[..., 0] > 180) & (p[..., 1] < 90) & (p[..., 2] < 90)).sum()) for p in (same, differs)]
    assert same.shape[1] == differs.shape[1] == 1200
    assert red[1] > 20 * max(red[0], 1)
