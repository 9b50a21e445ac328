"""What a filter with stated lag must do, whatever the frame rate."""

import numpy as np
import pytest

from pose_ros.filters.one_euro import OneEuroConfig, OneEuroFilter

CONFIG = OneEuroConfig()


def run(points, stamps, config=CONFIG):
    one_euro = OneEuroFilter(config)
    return np.array([one_euro(p, t) for p, t in zip(points, stamps, strict=True)])


def test_stillness_is_smoothed_and_its_mean_kept():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(5, 3))
    noisy = truth + rng.normal(scale=0.005, size=(300, 5, 3))
    filtered = run(noisy, np.arange(300) / 30)[30:]
    assert filtered.std(axis=0).mean() < 0.5 * noisy.std(axis=0).mean()
    np.testing.assert_allclose(filtered.mean(axis=0), truth, atol=1e-3)


@pytest.mark.parametrize("rate", [15, 30, 60])
def test_a_steady_motion_is_followed_closely(rate):
    stamps = np.arange(0, 3, 1 / rate)
    points = stamps[:, None, None] * np.array([[[1.0, 0, 0]]])
    lag = (points - run(points, stamps))[-1, 0, 0]
    assert 0 <= lag < 0.02  # 20 ms at 1 m/s, the same at every rate


def test_matches_the_papers_recurrence_written_out_plainly():
    rng = np.random.default_rng(1)
    stamps = np.cumsum(rng.uniform(0.01, 0.1, 40))
    points = rng.normal(size=(40, 1, 3)).cumsum(axis=0) * 0.05
    value, velocity, expected = points[0, 0], np.zeros(3), [points[0, 0]]
    for n in range(1, 40):
        step = stamps[n] - stamps[n - 1]
        weight = lambda cutoff, step=step: 1 / (1 + 1 / (2 * np.pi * cutoff * step))  # noqa: E731
        velocity = velocity + weight(CONFIG.speed_cutoff) * ((points[n, 0] - value) / step - velocity)
        cutoff = CONFIG.min_cutoff + CONFIG.beta * np.linalg.norm(velocity)
        value = value + weight(cutoff) * (points[n, 0] - value)
        expected.append(value)
    np.testing.assert_allclose(run(points, stamps)[:, 0], expected)


def test_gaps_jumps_back_and_unknown_points_start_anew():
    one_euro = OneEuroFilter(CONFIG)
    still, moved = np.zeros((2, 3)), np.ones((2, 3))
    one_euro(still, 0.0)
    np.testing.assert_array_equal(one_euro(moved, 10.0), moved)  # gap
    np.testing.assert_array_equal(one_euro(still, 9.0), still)  # jump back
    hidden = np.array([[0.0, 0, 0], [np.nan] * 3])
    assert np.isnan(one_euro(hidden, 9.03)[1]).all()
    np.testing.assert_array_equal(one_euro(moved, 9.06)[1], moved[1])  # seen again
    assert np.isfinite(one_euro(moved, 9.06)).all()  # repeated stamp


def test_a_repeated_stamp_changes_nothing():
    one_euro = OneEuroFilter(CONFIG)
    one_euro(np.zeros((1, 3)), 0.0)
    first = one_euro(np.ones((1, 3)), 0.03)
    np.testing.assert_array_equal(one_euro(np.full((1, 3), 7.0), 0.03), first)
