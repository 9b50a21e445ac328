"""Statistics against numpy on all the data at once."""

import numpy as np
import pytest

from pose_ros.apps.record.stats import NAMES, join_stats, look_at, stats_of_pictures, stats_of_vectors


@pytest.mark.parametrize("seed", range(4))
def test_vectors_are_those_of_numpy(seed):
    values = np.random.default_rng(seed).normal(size=(200, 3))
    stats = stats_of_vectors(values)
    assert set(stats) == set(NAMES)
    for name, truth in (
        ("min", values.min(0)), ("max", values.max(0)), ("mean", values.mean(0)), ("std", values.std(0)),
        ("q01", np.quantile(values, 0.01, axis=0)), ("count", [200]),
    ):  # fmt: skip
        np.testing.assert_allclose(stats[name], truth)


def test_what_is_unknown_does_not_count():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(50, 3))
    values[::2, 0] = np.nan
    values[:10] = np.nan
    values[:, 2] = np.nan
    stats = stats_of_vectors(values)
    assert stats["count"] == [40]
    np.testing.assert_allclose(stats["mean"][0], values[11::2, 0].mean())
    np.testing.assert_allclose(stats["mean"][1], values[10:, 1].mean())
    assert all(np.isnan(stats[name][2]) for name in NAMES if name != "count")
    assert stats_of_vectors(np.full((4, 2), np.nan))["count"] == [0]


@pytest.mark.parametrize("seed", range(3))
def test_pictures_are_those_of_numpy(seed):
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, rng.integers(20, 256, 3), (5, 40, 60, 3)).astype(np.uint8)
    stats = stats_of_pictures(np.stack([look_at(picture) for picture in pictures]))
    seen = pictures[:, ::4, ::4].reshape(-1, 3) / 255
    assert stats["count"] == [5]
    for name in NAMES:
        assert stats[name].shape == ((1,) if name == "count" else (3, 1, 1))
    np.testing.assert_allclose(stats["mean"].ravel(), seen.mean(0))
    np.testing.assert_allclose(stats["std"].ravel(), seen.std(0), atol=1e-9)
    np.testing.assert_allclose(stats["min"].ravel(), seen.min(0))
    np.testing.assert_allclose(stats["q50"].ravel(), np.quantile(seen, 0.5, axis=0, method="inverted_cdf"))


def test_what_an_episode_does_not_know_says_nothing_of_the_set():
    rng = np.random.default_rng(0)
    known, half = rng.normal(5, 1, (40, 2)), rng.normal(5, 1, (30, 2))
    half[:, 1] = np.nan
    joined = join_stats([stats_of_vectors(part) for part in (known, half, np.full((9, 2), np.nan))])
    assert joined["count"] == [70]
    np.testing.assert_allclose(
        joined["mean"], [np.concatenate([known, half])[:, 0].mean(), known[:, 1].mean()]
    )
    np.testing.assert_allclose(joined["min"][1], known[:, 1].min())
    nothing = join_stats([stats_of_vectors(np.full((9, 2), np.nan))] * 2)
    assert all((value == 0).all() for value in nothing.values())
    dark = join_stats([stats_of_pictures(np.zeros((0, 3, 256)))])
    assert dark["mean"].shape == (3, 1, 1)
    assert all((value == 0).all() for value in dark.values())


@pytest.mark.parametrize("seed", range(4))
def test_episodes_together_are_all_their_rows(seed):
    rng = np.random.default_rng(seed)
    parts = [rng.normal(rng.normal(), 1, (n, 2)) for n in (10, 300, 77)]
    joined, whole = (
        join_stats([stats_of_vectors(part) for part in parts]),
        stats_of_vectors(np.concatenate(parts)),
    )
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(joined[name], whole[name])
