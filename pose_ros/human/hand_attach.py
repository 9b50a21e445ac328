"""Whose hand is it: each hand goes to at most one wrist, each wrist gets at most one hand."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

REACH = 0.12  # m in the image, from a body's wrist to its hand's, at most
WRONG_SIDE = 0.06  # m of distance that a hand of the other side counts for
SAME = 0.35  # of their size; hands whose joints lie nearer are one
_FAR = 1e6


def attach(
    xy: np.ndarray, score: np.ndarray, right: np.ndarray, wrists: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """The wrist (M,) of each of M hands, counted left, right, person by person; -1 for none.

    xy (M,21,2) px, score (M,) and right (M,): probability of being a right hand. wrists (W,2) px, every
    second a right one; scale (W,) px/m there, NaN where unknown.
    """
    found = np.full(len(xy), -1)
    chosen = _distinct(xy, score)
    if not len(chosen) or not len(wrists):
        return found
    away = np.linalg.norm(xy[chosen, None, 0] - wrists, axis=-1) / scale
    is_right = np.arange(len(wrists)) % 2 == 1
    cost = away + WRONG_SIDE * np.where(is_right, 1 - right[chosen, None], right[chosen, None])
    cost = np.where(away < REACH, cost, _FAR)  # NaN is far
    for hand, wrist in zip(*linear_sum_assignment(cost), strict=True):
        if cost[hand, wrist] < _FAR:
            found[chosen[hand]] = wrist
    return found


def _distinct(xy: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Positions of the hands without those that a likelier one is the same as."""
    size = np.ptp(xy, axis=1).max(axis=-1)
    kept: list[int] = []
    for n in np.argsort(-score, kind="stable").tolist():
        apart = [np.linalg.norm(xy[n] - xy[k], axis=-1).mean() / max(size[n], size[k], 1e-6) for k in kept]
        if all(distance > SAME for distance in apart):
            kept.append(n)
    return np.array(sorted(kept), int)
