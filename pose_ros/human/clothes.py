"""What a person wears, as a histogram of colours on the torso: it tells who comes back."""

from __future__ import annotations

import numpy as np

from pose_ros.types import Keypoints2D, RGBDFrame

LEVELS = 4  # of each colour channel
ACROSS, DOWN = 6, 8  # samples on the torso
NEAR = 0.35  # m; what is farther before or behind the person's middle is something else
ENOUGH = 12  # samples
PLACES = np.array([LEVELS**2, LEVELS, 1])  # of a channel's level in a colour's number
NEIGHBOURS = np.array(list(np.ndindex(2, 2, 2))) @ PLACES


def clothes_of(frame: RGBDFrame, keypoints: Keypoints2D, depth: np.ndarray) -> np.ndarray:
    """Histograms (N,64) that sum to 1, NaN where too little of the torso is seen; depth (N,) m of its middle.

    A sample is shared among the eight colours next to it, so that a shade more of light changes little.
    Where a person's depth is unknown (NaN), all samples count.
    """
    corners = keypoints.xy[
        :, keypoints.skeleton.indices("left_shoulder", "right_shoulder", "right_hip", "left_hip")
    ]
    s, t = np.meshgrid(np.linspace(0.15, 0.85, ACROSS), np.linspace(0.1, 0.9, DOWN))
    s, t = s.reshape(1, -1, 1), t.reshape(1, -1, 1)
    a, b, c, d = (corners[:, None, k] for k in range(4))
    xy = (a * (1 - s) + b * s) * (1 - t) + (d * (1 - s) + c * s) * t
    height, width = frame.depth.shape
    u, v = np.moveaxis(np.round(np.nan_to_num(xy, nan=-1)).clip(-1, 1 << 20).astype(int), -1, 0)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    u, v = u.clip(0, width - 1), v.clip(0, height - 1)
    depth = depth[:, None]
    used = inside & (np.isnan(depth) | (np.abs(frame.depth[v, u] - depth) < NEAR))
    colour = frame.rgb[v, u] * ((LEVELS - 1) / 255)
    low = np.minimum(colour.astype(int), LEVELS - 2)
    high = colour - low
    person = np.arange(len(keypoints))[:, None, None] * LEVELS**3
    low, weight = low @ PLACES + person[..., 0], np.stack([1 - high, high], -1)
    r, g, b = weight[..., 0, :, None, None], weight[..., 1, None, :, None], weight[..., 2, None, None, :]
    weight = (r * g * b).reshape(*used.shape, 8) * used[..., None]
    bins = low[..., None] + NEIGHBOURS
    histogram = np.bincount(bins.ravel(), weight.ravel(), len(keypoints) * LEVELS**3)
    histogram = histogram.reshape(len(keypoints), LEVELS**3)
    count = used.sum(1, keepdims=True)
    return np.where(count >= ENOUGH, histogram / np.maximum(count, 1), np.nan)


def unlikeness(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hellinger distance (N,M) in [0,1] of histograms (N,B) and (M,B); NaN where one is unknown."""
    return np.sqrt(np.clip(1 - np.sqrt(a) @ np.sqrt(b).T, 0, 1))
