"""Exercises: functions of time like all motions, bodies where they belong; what others do stays as it was."""

import numpy as np
import pytest

from pose_ros.sources.synthetic.exercises import ALL_MOTIONS, EXERCISES, posture_of
from pose_ros.sources.synthetic.motion import MOTIONS, Stage
from pose_ros.sources.synthetic.sticks import Sticks

STAGE = Stage(np.array([3.0, 0.5]), 2.0, (0.8, 1.0))


def play(name, times, seed=3):
    return ALL_MOTIONS[name](np.random.default_rng(seed), times, STAGE)


@pytest.mark.parametrize("name", EXERCISES)
def test_they_can_be_sampled_anywhere_and_do_not_jump(name):
    times = np.arange(0, 8, 1 / 60)
    whole, part = play(name, times).segments(), play(name, times[100:103]).segments()
    for segment, rotation in whole.items():
        np.testing.assert_allclose(part[segment], rotation[100:103], atol=1e-9)
        assert np.isfinite(rotation).all()
        turned = np.einsum("tij,tij->t", rotation[1:], rotation[:-1])
        angle = np.arccos(np.clip((turned - 1) / 2, -1, 1))
        assert angle.max() < np.radians(25), segment  # 1500 degrees a second, less than a thrown arm


def test_their_names_are_nobody_elses_and_mixed_people_do_what_they_did():
    assert not set(EXERCISES) & set(MOTIONS)
    assert list(ALL_MOTIONS)[: len(MOTIONS)] == list(MOTIONS)


@pytest.mark.parametrize("seed", range(6))
def test_bodies_lie_and_hold_where_they_should(seed):
    body = Sticks.drawn(np.random.default_rng(seed))
    lying = body.act(play("lie", np.linspace(0, 8, 40), seed))
    assert max(lying[f"{s}_{j}"][:, 2].max() for s in ("left", "right") for j in ("hip", "shoulder")) < 0.6
    held = body.act(play("push_up", np.linspace(0, 8, 40), seed))
    for side in ("left", "right"):
        assert held[f"{side}_wrist"][:, 2].max() < 0.3 * body.scale
        assert held[f"{side}_shoulder"][:, 2].min() > 0.1
    knees = body.act(play("kneel", np.linspace(0, 8, 40), seed))
    assert min(knees["left_knee"][:, 2].min(), knees["right_knee"][:, 2].min()) < 0.2 * body.scale


def test_labels():
    times = np.arange(0, 10, 0.1)
    for name, posture in (
        ("squat", "squatting"),
        ("bend", "bending"),
        ("kneel", "kneeling"),
        ("lie", "lying"),
    ):
        names, into = posture_of(name, dict(play(name, times).angles))
        assert set(names) <= {"standing", posture}
        assert posture in names
        assert [n == posture for n in names] == (into > 0.5).tolist()
    assert set(posture_of("wave", dict(play("wave", times).angles))[0]) == {"standing"}
