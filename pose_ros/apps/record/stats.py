"""Statistics of a column as LeRobot keeps them: min, max, mean, std, count and five quantiles.

Unknown values are left out. Pictures are counted in histograms: 256 bins a channel, of one picture in ten.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pose_ros.shapes import check_shape

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
NAMES = ("min", "max", "mean", "std", "count", *QUANTILES)
LOOK_EVERY = 10  # pictures
LOOK_STEP = 4  # pixels

Stats = dict[str, np.ndarray]


def stats_of_vectors(values: np.ndarray) -> Stats:
    """Of (N,n) rows, NaN left out. A column that is never known has zeros, so that nothing divides by NaN.

    count (1,) is that of the rows with any known value, 1 at least.
    """
    values = check_shape("values", np.asarray(values, float), ("N", "n"))
    known = np.isfinite(values)
    rows = values[known.any(axis=1)]
    if not len(rows):
        rows = np.zeros((1, values.shape[1]))
    never = ~np.isfinite(rows).any(axis=0)
    rows = np.where(never, 0.0, rows)
    stats = {
        "min": np.nanmin(rows, axis=0),
        "max": np.nanmax(rows, axis=0),
        "mean": np.nanmean(rows, axis=0),
        "std": np.nanstd(rows, axis=0),
        "count": np.array([len(rows)]),
    }
    quantiles = np.nanquantile(rows, list(QUANTILES.values()), axis=0)
    return stats | dict(zip(QUANTILES, quantiles, strict=True))


def look_at(rgb: np.ndarray) -> np.ndarray:
    """(3,256) uint32: how often each value is in each channel of every fourth pixel of every fourth line."""
    small = rgb[::LOOK_STEP, ::LOOK_STEP]
    return np.stack([np.bincount(small[..., c].ravel(), minlength=256) for c in range(3)]).astype("<u4")


def stats_of_pictures(looks: np.ndarray) -> Stats:
    """Of (N,3,256) looks: (3,1,1) of intensities in [0,1]. Zeros, count 1, where nothing was looked at."""
    looks = check_shape("looks", np.asarray(looks, float), ("N", 3, 256))
    counts = looks.sum(axis=0)
    if not counts.sum():
        counts = np.eye(1, 256).repeat(3, axis=0)
    level = np.arange(256) / 255
    total = counts.sum(axis=1)
    mean = counts @ level / total
    std = np.sqrt(np.maximum(counts @ level**2 / total - mean**2, 0))
    below = np.cumsum(counts, axis=1) / total[:, None]
    stats = {
        "min": np.array([level[np.flatnonzero(row)[0]] for row in counts]),
        "max": np.array([level[np.flatnonzero(row)[-1]] for row in counts]),
        "mean": mean,
        "std": std,
    }
    for name, share in QUANTILES.items():
        stats[name] = level[np.argmax(below >= share - 1e-12, axis=1)]
    shaped = {name: value.reshape(3, 1, 1) for name, value in stats.items()}
    return shaped | {"count": np.array([max(len(looks), 1)])}


def join_stats(each: Sequence[Stats]) -> Stats:
    """Of several episodes together. Exact but for quantiles: means weighted by count, as LeRobot's.

    Var = Σ n (var + (mean - MEAN)²) / Σ n.
    """
    count = np.array([int(stats["count"][0]) for stats in each])
    stacked = {name: np.stack([np.asarray(stats[name], float) for stats in each]) for name in NAMES}
    share = (count / count.sum()).reshape(-1, *[1] * (stacked["mean"].ndim - 1))
    mean = (share * stacked["mean"]).sum(axis=0)
    variance = (share * (stacked["std"] ** 2 + (stacked["mean"] - mean) ** 2)).sum(axis=0)
    joined = {
        "min": stacked["min"].min(axis=0),
        "max": stacked["max"].max(axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": np.array([count.sum()]),
    }
    return joined | {name: (share * stacked[name]).sum(axis=0) for name in QUANTILES}
