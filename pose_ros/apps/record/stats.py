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
    """Of (N,n) rows, NaN left out; an element that is never known is NaN in all of them.

    count (1,) is that of the rows with any known value.
    """
    values = check_shape("values", np.asarray(values, float), ("N", "n"))
    known = np.isfinite(values)
    rows = values[known.any(axis=1)]
    stats = {name: np.full(values.shape[1], np.nan) for name in NAMES}
    ever = known.any(axis=0)
    if ever.any():
        seen = rows[:, ever]
        stats["min"][ever], stats["max"][ever] = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
        stats["mean"][ever], stats["std"][ever] = np.nanmean(seen, axis=0), np.nanstd(seen, axis=0)
        for name, share in QUANTILES.items():
            stats[name][ever] = np.nanquantile(seen, share, axis=0)
    return stats | {"count": np.array([len(rows)])}


def look_at(rgb: np.ndarray) -> np.ndarray:
    """(3,256) uint32: how often each value is in each channel of every fourth pixel of every fourth line."""
    small = rgb[::LOOK_STEP, ::LOOK_STEP]
    return np.stack([np.bincount(small[..., c].ravel(), minlength=256) for c in range(3)]).astype("<u4")


def stats_of_pictures(looks: np.ndarray) -> Stats:
    """Of (N,3,256) looks: (3,1,1) of intensities in [0,1], NaN where nothing was looked at."""
    looks = check_shape("looks", np.asarray(looks, float), ("N", 3, 256))
    if not len(looks):
        nothing = {name: np.full((3, 1, 1), np.nan) for name in NAMES}
        return nothing | {"count": np.array([0])}
    counts = looks.sum(axis=0)
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
    return shaped | {"count": np.array([len(looks)])}


def join_stats(each: Sequence[Stats]) -> Stats:
    """Of several episodes together. Exact but for quantiles: means weighted by count, as LeRobot's.

    What no episode knows is 0, since JSON has no NaN and nothing shall divide by it; its count says so.
    Var = Σ n (var + (mean - MEAN)²) / Σ n.
    """
    stacked = {name: np.stack([np.asarray(stats[name], float) for stats in each]) for name in NAMES}
    known = np.isfinite(stacked["mean"])
    weight = stacked["count"].reshape(-1, *[1] * (known.ndim - 1)) * known
    total = weight.sum(axis=0)
    share = weight / np.where(total > 0, total, 1)
    value = {name: np.where(known, stacked[name], 0) for name in NAMES if name != "count"}
    mean = (share * value["mean"]).sum(axis=0)
    variance = (share * (value["std"] ** 2 + (value["mean"] - mean) ** 2)).sum(axis=0)
    joined = {
        "min": np.where(known, value["min"], np.inf).min(axis=0),
        "max": np.where(known, value["max"], -np.inf).max(axis=0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": stacked["count"].sum(axis=0).astype(int),
    }
    joined |= {name: (share * value[name]).sum(axis=0) for name in QUANTILES}
    return {
        name: array if name == "count" else np.where(total > 0, array, 0) for name, array in joined.items()
    }
