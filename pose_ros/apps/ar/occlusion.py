"""Where something real is in front of something virtual, as far as a depth image can tell."""

from __future__ import annotations

import cv2
import numpy as np


def filled(depth: np.ndarray, reach: float) -> np.ndarray:
    """Depth (H,W) m with a value everywhere: where it is NaN that of the nearest pixel that has one, if it is
    at most `reach` px away, else inf: nothing is known to be there, so nothing hides what is behind. Of each
    3 by 3 pixels the median counts: sensors put single pixels anywhere between two surfaces.
    """
    return cv2.medianBlur(_known(depth, reach), 3)


def _known(depth: np.ndarray, reach: float) -> np.ndarray:
    known = np.isfinite(depth) & (depth > 0)
    if known.all():
        return depth
    if not known.any():
        return np.full_like(depth, np.inf)
    away, label = cv2.distanceTransformWithLabels(
        np.uint8(~known), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_label = np.zeros(label.max() + 1, depth.dtype)
    of_label[label[known]] = depth[known]
    return np.where(away <= reach, of_label[label], np.float32(np.inf))


def visibility(virtual: np.ndarray, real: np.ndarray, tolerance: np.ndarray, band: float) -> np.ndarray:
    """How much (M,) in [0,1] is seen of virtual surfaces at depth `virtual` where the real one is at `real`.

    All of it if the real surface is not nearer by more than `tolerance` (M,), m; none if it is nearer by
    `band` times the square of its depth more, the sensor's noise, whose deviation grows so (Khoshelham and
    Elberink, "Accuracy and resolution of Kinect depth data", 2012); in between by halves and quarters, so
    that the edge does not boil.
    """
    # An infinite depth has an infinite band: compared first.
    softness = band * np.where(np.isfinite(real), real, 1.0) ** 2
    return ((real + tolerance - virtual) / softness + 1).clip(0, 1)
