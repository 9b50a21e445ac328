"""Counting: exact on clean signals of any tempo, deaf to noise, gaps, half repetitions; unseen people."""

import numpy as np
import pytest

from pose_ros.apps.posture.angles import ANGLES, ROW, joint_angles
from pose_ros.apps.posture.repetitions import EXERCISES, RepetitionConfig, RepetitionCounter, Span
from pose_ros.config import update
from pose_ros.errors import ConfigError
from pose_ros.eval.acted import Errors, act


def squats(depth_deg, t):
    """Angles (T,A) of somebody whose knees bend by this and whose hips and trunk go with them."""
    angles = np.zeros((len(t), len(ANGLES)))
    bend = np.radians(depth_deg)
    for side in ("left", "right"):
        angles[:, ROW[f"{side}_knee_flexion"]] = bend
        angles[:, ROW[f"{side}_hip_flexion"]] = 0.9 * bend
    angles[:, ROW["trunk_lean"]] = 0.3 * bend
    return angles


def count(t, angles, config=None):
    counter = RepetitionCounter(config)
    found = [one for stamp, row in zip(t, angles, strict=True) for one in counter(stamp, row)]
    return found, counter


def wave(t, period, depth):
    return depth * (1 - np.cos(2 * np.pi * t / period)) / 2


@pytest.mark.parametrize("rate", [10, 30, 60])
@pytest.mark.parametrize(("period", "times"), [(1.2, 8), (3.0, 5), (8.0, 3)])
def test_every_tempo_and_rate_is_counted_exactly(rate, period, times):
    t = np.arange(0, times * period + 0.2, 1 / rate)
    found, counter = count(t, squats(wave(t, period, 95), t))
    squat = [one for one in found if one.exercise == "squat"]
    assert [one.number for one in squat] == list(range(1, times + 1))
    assert counter.counts["squat"] == times
    assert sum(counter.counts.values()) == times
    for n, one in enumerate(squat):
        assert one.bottom == pytest.approx((n + 0.5) * period, abs=0.25)
        assert np.degrees(one.deepest) == pytest.approx(95, abs=95 * 0.25 / period + 2)
        assert np.degrees(one.range) == pytest.approx(np.degrees(one.deepest), abs=12)  # from about 0
        assert one.down + one.up == pytest.approx(one.end - one.start)
        assert 0.4 * period < one.end - one.start < period + 0.2


def test_half_repetitions_are_partial():
    t = np.arange(0, 12, 1 / 30)
    found, counter = count(t, squats(wave(t, 3.0, 45), t))
    assert not found
    assert counter.partial["squat"] == 4


@pytest.mark.parametrize("seed", range(5))
def test_noise_and_gaps_change_no_count(seed):
    rng = np.random.default_rng(seed)
    t = np.arange(0, 15.2, 1 / 30)
    angles = squats(wave(t, 3.0, 95) + rng.normal(scale=6, size=len(t)), t)
    angles[rng.random(angles.shape) < 0.1] = np.nan
    angles[100:112] = np.nan
    _, counter = count(t, angles)
    assert counter.counts["squat"] == 5


def test_noise_about_a_threshold_is_no_repetition():
    rng = np.random.default_rng(0)
    t = np.arange(0, 20, 1 / 30)
    for level in (15, 30, 60):
        _, counter = count(t, squats(level + rng.normal(scale=5, size=len(t)), t))
        assert sum(counter.counts.values()) == 0


def test_a_long_gap_gives_the_repetition_up():
    t = np.arange(0, 3.2, 1 / 30)
    angles = squats(wave(t, 3.0, 95), t)
    angles[(t > 0.8) & (t < 2.2)] = np.nan
    _, counter = count(t, angles)
    assert counter.counts["squat"] == 0


def test_a_stay_and_a_twitch_are_none():
    t = np.arange(0, 30, 1 / 30)
    stay = np.where((t > 2) & (t < 20), 95.0, 0.0)
    twitch = np.where((t > 2) & (t < 2.2), 95.0, 0.0)
    for signal in (stay, twitch):
        assert not count(t, squats(signal, t))[0]


def test_repeated_and_late_frames_change_nothing_and_a_new_start_begins_anew():
    t = np.arange(0, 3.2, 1 / 30)
    angles = squats(wave(t, 3.0, 95), t)
    order = np.repeat(np.arange(len(t)), 2)
    _, counter = count(t[order], angles[order])
    assert counter.counts["squat"] == 1
    again = count(np.concatenate([t, t - 0.1]), np.concatenate([angles, angles]))[1]
    assert again.counts["squat"] == 2  # a bag that plays again


def test_who_sits_on_a_chair_does_not_squat():
    for seed in range(6):
        acted = act("sit", 40 + seed, 15.0, 15.0)
        counter = RepetitionCounter()
        for stamp, person in zip(acted.times, acted.persons, strict=True):
            counter(stamp, joint_angles(person, acted.up, spread=False).value)
        assert counter.counts["squat"] == 0


def progress(exercise, angles):
    """(T,) of the motion that was played, 0 at rest, 1 at its deepest."""
    if exercise == "arm_raise":
        reach = [
            np.arccos(
                np.clip(np.cos(angles[f"{s}_shoulder_flex"]) * np.cos(angles[f"{s}_shoulder_abduct"]), -1, 1)
            )
            for s in ("left", "right")
        ]
        signal = np.max(reach, axis=0)
    elif exercise == "push_up":
        signal = angles["left_elbow"]
    else:
        signal = np.minimum(angles["left_knee"], angles["right_knee"])
    low = np.quantile(signal, 0.05)
    return (signal - low) / (signal.max() - low)


def true_count(done):
    """Times from rest to deep and back to rest: a plain loop over what was played."""
    number, deep = 0, False
    for share in done:
        if share > 0.8:
            deep = True
        elif share < 0.15 and deep:
            number, deep = number + 1, False
    return number


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("seed", range(60, 64))
def test_unseen_people_are_counted_exactly(exercise, seed):
    speed = np.random.default_rng(seed).uniform(0.6, 1.4)
    acted = act(exercise, seed, 14.0, 15.0, Errors(0.01, 0.02), speed=speed)
    done = progress(exercise, acted.angles)
    rest = np.flatnonzero(done < 0.06)
    chosen = range(rest[0], rest[-1] + 1)  # from rest to rest
    counter = RepetitionCounter()
    for n in chosen:
        counter(acted.times[n], joint_angles(acted.persons[n], acted.up, spread=False).value)
    assert counter.counts == {name: 0 for name in EXERCISES} | {exercise: true_count(done[chosen])}


def test_options():
    assert RepetitionCounter(RepetitionConfig(exercises="squat, lunge")).counts == {"squat": 0, "lunge": 0}
    with pytest.raises(ConfigError, match="valid: squat, lunge, push_up, arm_raise"):
        RepetitionCounter(RepetitionConfig(exercises="burpee"))
    deeper = update(RepetitionConfig(), {"squat.deep": 100.0})
    assert deeper.squat == Span(15.0, 100.0)
    t = np.arange(0, 3.2, 1 / 30)
    assert not count(t, squats(wave(t, 3.0, 95), t), deeper)[0]
