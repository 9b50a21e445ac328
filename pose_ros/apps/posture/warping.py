"""Dynamic time warping: which moment of one movement is which of another, whatever the speed.

Source: Sakoe & Chiba, IEEE Trans. ASSP 26 (1978); with open ends Müller, "Information Retrieval for Music and
Motion", 2007, ch. 4.4. Cells of one anti-diagonal do not depend on each other: they are done at once.
"""

from __future__ import annotations

import numpy as np

from pose_ros.errors import ShapeError

DIAGONAL, DOWN, RIGHT = 0, 1, 2  # from the cell above left, above, left


def warp(cost: np.ndarray, open_ends: bool = True, stall: float = 0.0) -> tuple[np.ndarray, float]:
    """The cheapest path (L,2) of pairs (row, column) through costs (N,M) >= 0, and the sum along it.

    It goes through every row; through every column, too, unless `open_ends`: then it may begin and end
    at any. stall: what it costs more to stay in one row or column for a step.
    """
    cost = np.asarray(cost, float)
    if cost.ndim != 2 or 0 in cost.shape or not np.isfinite(cost).all():
        raise ShapeError(f"cost is {cost.shape} and must be (N,M), finite, neither empty")
    rows, columns = cost.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    if open_ends:
        total[0] = 0.0
    came = np.zeros((rows, columns), np.int8)
    for diagonal in range(rows + columns - 1):
        i = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        j = diagonal - i
        before = np.stack([total[i, j], total[i, j + 1] + stall, total[i + 1, j] + stall])
        best = np.argmin(before, axis=0)
        came[i, j] = best
        total[i + 1, j + 1] = cost[i, j] + before[best, np.arange(len(i))]
    end = int(np.argmin(total[rows, 1:])) if open_ends else columns - 1
    return _traced(came, rows - 1, end, open_ends), float(total[rows, end + 1])


def _traced(came: np.ndarray, i: int, j: int, open_ends: bool) -> np.ndarray:
    path = [(i, j)]
    while i > 0 or (j > 0 and not open_ends):
        step = came[i, j]
        i, j = i - (step != RIGHT), j - (step != DOWN)
        path.append((i, j))
    return np.array(path[::-1])
