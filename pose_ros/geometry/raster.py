"""A small triangle rasteriser in numpy: exact depth at pixel centres, no graphics driver needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 0.1  # m; triangles that reach nearer are left out
LARGE = 64  # px of a bounding box from which on it is worth while to look where in it the triangle lies


@dataclass(frozen=True)
class Hits:
    """The M pixels that show a triangle. pixel (M,): row * width + column. depth (M,) m.

    triangle (M,): index. weights (M,3): how much of its first, second and third corner.
    """

    pixel: np.ndarray
    depth: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def rasterize(pixels: np.ndarray, depth: np.ndarray, triangles: np.ndarray, height: int, width: int) -> Hits:
    """Corners at `pixels` (V,2) and `depth` (V,) m, triangles (F,3) counter-clockwise seen from outside.

    Back faces are culled. Depth is interpolated as 1/z, which is linear in the picture.
    """
    corners = triangles.T  # one row a corner: numpy is faster along long rows
    x, y = pixels[:, 0].astype(np.float32)[corners], pixels[:, 1].astype(np.float32)[corners]
    ax, ay, bx, by = x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]
    area = ay * bx - ax * by  # > 0 in front: pixel rows grow downwards
    left, right = np.ceil(x.min(0)).clip(0), np.floor(x.max(0)).clip(None, width - 1)
    top, bottom = np.ceil(y.min(0)).clip(0), np.floor(y.max(0)).clip(None, height - 1)
    seen = (area > 1e-12) & (depth[corners].min(0) > NEAR) & (left <= right) & (top <= bottom)
    seen = np.flatnonzero(seen)
    inverse = (1 / depth[corners[:, seen]]).astype(np.float32)
    x0, y0, ax, ay, bx, by, area = (values[seen] for values in (x[0], y[0], ax, ay, bx, by, area))
    left, top = left[seen].astype(np.int32), top[seen].astype(np.int32)
    columns, rows = right[seen].astype(np.int32) - left + 1, bottom[seen].astype(np.int32) - top + 1

    # Every pixel of every triangle's bounding box is a candidate, of large ones those near each row's part.
    line = np.repeat(np.arange(len(seen), dtype=np.int32), rows)
    row = _counted(rows) + top[line]
    start, count = left[line], columns[line]
    large = np.flatnonzero((columns * rows > LARGE)[line])
    if len(large):
        mine = seen[line[large]]
        start[large], count[large] = _span(x[:, mine], y[:, mine], row[large], start[large], count[large])
    owner, column = np.repeat(line, count), _counted(count) + np.repeat(start, count)
    row = np.repeat(row, count)
    dx, dy = column.astype(np.float32) - x0[owner], row.astype(np.float32) - y0[owner]
    second = (dy * bx[owner] - dx * by[owner]) / area[owner]
    third = (dx * ay[owner] - dy * ax[owner]) / area[owner]
    first = 1 - second - third
    inside = np.flatnonzero((first >= 0) & (second >= 0) & (third >= 0))
    owner, weights = owner[inside], np.stack([first[inside], second[inside], third[inside]])
    place = row[inside].astype(int) * width + column[inside]

    # The nearest candidate of each pixel wins.
    inverse_depth = (weights * inverse[:, owner]).sum(0)
    nearest = np.zeros(height * width, np.float32)
    np.maximum.at(nearest, place, inverse_depth)
    winner = np.full(height * width, -1)
    wins = np.flatnonzero(inverse_depth == nearest[place])
    winner[place[wins]] = wins
    pixel = np.flatnonzero(winner >= 0)
    wins = winner[pixel]
    return Hits(pixel, 1 / inverse_depth[wins], seen[owner[wins]], np.ascontiguousarray(weights[:, wins].T))


def _counted(count: np.ndarray) -> np.ndarray:
    """0, 1, … count[0] - 1, 0, 1, … count[1] - 1, and so on."""
    first = (np.cumsum(count) - count).astype(np.int32)
    return np.arange(count.sum(), dtype=np.int32) - np.repeat(first, count)


def _span(
    x: np.ndarray, y: np.ndarray, row: np.ndarray, start: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """First column and number of columns (R,) that hold what triangles x, y (3,R) have within half a pixel of
    a row (R,), and one column more on either side; at most what is given.
    """
    low, high = np.full(len(row), np.inf, np.float32), np.full(len(row), -np.inf, np.float32)
    for k in range(3):
        xa, ya, across, down = x[k], y[k], x[k - 1] - x[k], y[k - 1] - y[k]
        with np.errstate(divide="ignore", invalid="ignore"):
            upper, lower = (row - 0.5 - ya) / down, (row + 0.5 - ya) / down  # shares of the edge in the band
        level = down == 0
        first = np.where(level, 0, np.minimum(upper, lower).clip(0, None))
        last = np.where(level, 1, np.maximum(upper, lower).clip(None, 1))
        met = (first <= last) & (np.abs(2 * (row - ya) - down) <= np.abs(down) + 1)
        one, other = xa + first * across, xa + last * across
        low = np.where(met, np.minimum(low, np.minimum(one, other)), low)
        high = np.where(met, np.maximum(high, np.maximum(one, other)), high)
    end = np.minimum(np.floor(high) + 1, start + count - 1)
    start = np.maximum(np.ceil(low) - 1, start)
    empty = ~(end >= start)
    return np.where(empty, 0, start).astype(np.int32), np.where(empty, 0, end - start + 1).astype(np.int32)
