"""Does a score mean what it says? Ranking and calibration of probabilities."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, rankdata


def auroc(score: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right one has a higher score than a wrong one, ties count half; NaN without both
    kinds.

    Source: Mann and Whitney's U.
    """
    right = np.asarray(right, bool)
    positive, negative = right.sum(), (~right).sum()
    if not positive or not negative:
        return np.nan
    ranks = rankdata(score)
    return float((ranks[right].sum() - positive * (positive + 1) / 2) / (positive * negative))


def expected_calibration_error(score: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """Mean gap between a bin's score and its share of right ones, weighted by count; NaN without scores.

    Equal bins of [0,1]. Source: Guo et al., "On calibration of modern neural networks" (ICML 2017), eq. 3.
    """
    score, right = np.asarray(score, float), np.asarray(right, float)
    if not score.size:
        return np.nan
    place = np.clip((score * bins).astype(int), 0, bins - 1)
    gap = np.bincount(place, score - right, minlength=bins)
    return float(np.abs(gap).sum() / score.size)


def ellipsoid_coverage(difference: np.ndarray, covariance: np.ndarray, share: float = 0.95) -> float:
    """Share of differences (N,D) inside the `share` ellipsoid of their covariance (N,D,D)."""
    if not len(difference):
        return np.nan
    solved = np.linalg.solve(covariance, difference[..., None])[..., 0]
    squared = np.einsum("nd,nd->n", difference, solved)
    return float((squared <= chi2.ppf(share, difference.shape[1])).mean())
