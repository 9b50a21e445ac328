"""A picture with a red spot, and somebody about it: what networks that look for red must find."""

from __future__ import annotations

import numpy as np

from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D


def picture(x: float, y: float, color=(255, 30, 30), width: int = 320, height: int = 240) -> np.ndarray:
    """A soft spot between the pixels, on grey."""
    rows, columns = np.mgrid[:height, :width]
    weight = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))[..., None]
    return np.round(60 + (np.array(color, float) - 60) * weight).astype(np.uint8)


def somebody(x: float, y: float, wide: float = 60, tall: float = 120) -> Keypoints2D:
    """Key points spread over a box about a middle."""
    xy = np.linspace((x - wide / 2, y - tall / 2), (x + wide / 2, y + tall / 2), 17)[None]
    return Keypoints2D(xy, np.ones((1, 17)), np.concatenate([xy.min(1), xy.max(1)], 1), COCO_17)


def several(*people: Keypoints2D) -> Keypoints2D:
    first, *rest = people
    for one in rest:
        first = first.joined(one)
    return first
