"""A small triangle rasteriser in numpy: exact depth at pixel centres, no graphics driver needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 0.1  # m; triangles that reach nearer are left out


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
    left, top = left[seen].astype(int), top[seen].astype(int)
    columns, rows = right[seen].astype(int) - left + 1, bottom[seen].astype(int) - top + 1

    # Every pixel of every triangle's bounding box is a candidate.
    count = columns * rows
    owner = np.repeat(np.arange(len(seen)), count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(number, columns[owner])
    column, row = column + left[owner], row + top[owner]
    dx, dy = column.astype(np.float32) - x0[owner], row.astype(np.float32) - y0[owner]
    second = (dy * bx[owner] - dx * by[owner]) / area[owner]
    third = (dx * ay[owner] - dy * ax[owner]) / area[owner]
    first = 1 - second - third
    inside = np.flatnonzero((first >= 0) & (second >= 0) & (third >= 0))
    owner, weights = owner[inside], np.stack([first[inside], second[inside], third[inside]])
    place = row[inside] * width + column[inside]

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
