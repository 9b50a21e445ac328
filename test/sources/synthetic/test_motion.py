import numpy as np
import pytest

pytest.importorskip("anny", reason="synthetic people need anny: pip install pose_ros[synthetic]")

from pose_ros.body.rig import SEGMENTS
from pose_ros.sources.synthetic.motion import MOTIONS, Stage, pulse, ramp

STAGE = Stage(np.array([2.0, 0.5]), 0.3, (0.4, 1.0))
TIMES = np.arange(0, 12, 1 / 120)


def act(name: str, times: np.ndarray = TIMES, seed: int = 5):
    return MOTIONS[name](np.random.default_rng(seed), times, STAGE)


@pytest.mark.parametrize("name", MOTIONS)
def test_motions_are_functions_of_time(name):
    """Sampled alone or among others, an instant looks the same: frame rates and batches change nothing."""
    whole, part = act(name), act(name, TIMES[600:603])
    np.testing.assert_allclose(part.position, whole.position[600:603], atol=1e-9)
    for segment in SEGMENTS:
        np.testing.assert_allclose(part.segments()[segment], whole.segments()[segment][600:603], atol=1e-9)


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("seed", [5, 6])
def test_motions_are_smooth(name, seed):
    """No angle jumps: at 120 Hz neither speed nor acceleration exceeds what people do."""
    pose = act(name, seed=seed)
    for angle, values in pose.angles.items():
        values = np.broadcast_to(values, TIMES.shape)
        assert np.abs(np.diff(values)).max() * 120 < 16, angle  # rad/s
        assert np.abs(np.diff(values, 2)).max() * 120**2 < 400, angle  # rad/s²
    speed = np.linalg.norm(np.diff(pose.position, axis=0), axis=1) * 120
    assert speed.max() < 1.5


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("seed", range(5, 9))
def test_knees_and_elbows_bend_one_way(name, seed):
    angles = act(name, seed=seed).angles
    for side in ("left", "right"):
        assert np.min(angles.get(f"{side}_elbow", 0)) > -0.05
        assert np.max(angles.get(f"{side}_elbow", 0)) < 2.6
        assert np.min(angles.get(f"{side}_knee", 0)) > -0.01
        assert np.max(angles.get(f"{side}_knee", 0)) < 2.3


def test_seeds_differ():
    assert not np.allclose(act("reach").angles["left_elbow"], act("reach", seed=7).angles["left_elbow"])


def test_walkers_look_where_they_go():
    pose = act("walk")
    step = np.diff(pose.position, axis=0)
    forward = np.stack([np.cos(pose.heading), np.sin(pose.heading)], axis=-1)[:-1]
    along = (step * forward).sum(1) / np.linalg.norm(step, axis=1)
    assert along.min() > 0.99


def test_turn_goes_all_the_way_round():
    heading = act("turn").heading
    assert np.abs(heading[-1] - heading[0]) > 2 * np.pi * 1.8
    assert np.all(np.diff(heading) * np.sign(heading[-1] - heading[0]) >= 0)


def test_ramp_and_pulse():
    t = np.linspace(-1, 3, 4001)
    up = ramp(t, 0.5, 1.0)
    assert (up[t < 0.5] == 0).all()
    assert (up[t > 1.5] == 1).all()
    assert (np.diff(up) >= 0).all()
    assert np.abs(np.diff(up, 2)).max() < 1e-5
    wave = pulse(t, 2.0, 0.0)
    assert wave.min() == 0
    assert wave.max() == 1
    np.testing.assert_allclose(wave[t >= 1], wave[t <= 1], atol=1e-9)
