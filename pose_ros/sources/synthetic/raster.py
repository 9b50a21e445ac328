"""A small triangle rasteriser in numpy: exact depth at pixel centres, no graphics driver needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 0.1  # m; triangles that reach nearer are left out


@dataclass(frozen=True)
class Surface:
    """What a picture shows. depth (H,W) m, inf = nothing. triangle (H,W) index, -1 = nothing.

    weights (H,W,3): how much of the triangle's first, second and third corner.
    """

    depth: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray


def rasterize(
    pixels: np.ndarray, depth: np.ndarray, triangles: np.ndarray, height: int, width: int
) -> Surface:
    """Corners at `pixels` (V,2) and `depth` (V,) m, triangles (F,3) counter-clockwise seen from outside.

    Back faces are culled. Depth is interpolated as 1/z, which is linear in the picture.
    """
    corner = pixels[triangles].astype(np.float32)  # (F,3,2)
    inverse = (1 / np.maximum(depth, NEAR)).astype(np.float32)[triangles]
    edge1, edge2 = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = edge1[:, 1] * edge2[:, 0] - edge1[:, 0] * edge2[:, 1]  # > 0 in front: pixel rows grow downwards
    first = np.maximum(np.ceil(corner.min(1)), 0).astype(int)
    last = np.minimum(np.floor(corner.max(1)), (width - 1, height - 1)).astype(int)
    extent = np.maximum(last - first + 1, 0)
    seen = (area > 1e-12) & (depth[triangles].min(1) > NEAR) & extent.all(1)
    seen = np.flatnonzero(seen)

    # Every pixel of every triangle's bounding box is a candidate.
    count = extent[seen].prod(1)
    owner = np.repeat(seen, count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    x = first[owner, 0] + number % extent[owner, 0]
    y = first[owner, 1] + number // extent[owner, 0]
    dx, dy = (x - corner[owner, 0, 0]).astype(np.float32), (y - corner[owner, 0, 1]).astype(np.float32)
    e1, e2, scale = edge1[owner], edge2[owner], 1 / area[owner]
    second = (dy * e2[:, 0] - dx * e2[:, 1]) * scale
    third = (dx * e1[:, 1] - dy * e1[:, 0]) * scale
    inside = (second >= 0) & (third >= 0) & (second + third <= 1)
    owner, second, third = owner[inside], second[inside], third[inside]
    place = y[inside] * width + x[inside]
    weights = np.stack([1 - second - third, second, third], axis=-1)

    # The nearest candidate of each pixel wins.
    inverse_depth = np.einsum("ij,ij->i", weights, inverse[owner])
    nearest = np.zeros(height * width, np.float32)
    np.maximum.at(nearest, place, inverse_depth)
    wins = inverse_depth == nearest[place]
    triangle = np.full(height * width, -1)
    triangle[place[wins]] = owner[wins]
    picture = np.zeros((height * width, 3), np.float32)
    picture[place[wins]] = weights[wins]
    with np.errstate(divide="ignore"):
        z = 1 / nearest
    return Surface(
        z.reshape(height, width), triangle.reshape(height, width), picture.reshape(height, width, 3)
    )
