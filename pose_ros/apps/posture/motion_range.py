"""Range of motion: between which angles a joint went over a recording, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.posture.angles import ANGLES
from pose_ros.shapes import check_shape

TAIL = 0.02  # share of the frames at either end that may be outliers
NEAR = 0.05  # share of the frames about an end whose errors tell that end's


@dataclass(frozen=True)
class MotionRange:
    """Of one angle, rad. sigma: standard deviation of `range` (NaN where no covariance tells): errors of one
    frame stay alike for long, so an end is not better known than one frame near it. known: share of frames.
    """

    name: str
    least: float
    most: float
    sigma: float
    known: float

    @property
    def range(self) -> float:
        return self.most - self.least


def ranges_of_motion(value: np.ndarray, sigma: np.ndarray) -> list[MotionRange]:
    """Of every angle that was ever known, from values and sigmas (T,A) rad in the order of ANGLES.

    Ends are the 2nd and 98th percentile: the extremes of noise are no motion.
    """
    check_shape("value", value, ("T", len(ANGLES)))
    check_shape("sigma", sigma, value.shape)
    found = []
    for name, angle, error in zip(ANGLES, value.T, sigma.T, strict=True):
        known = np.isfinite(angle)
        if not known.any():
            continue
        angle, error = angle[known], error[known]
        least, most = np.quantile(angle, [TAIL, 1 - TAIL])
        both = np.hypot(*(_error_near(angle, error, end) for end in (least, most)))
        found.append(MotionRange(name, float(least), float(most), float(both), float(known.mean())))
    return found


def _error_near(angle: np.ndarray, error: np.ndarray, end: float) -> float:
    """RMS of the errors of those frames that lie nearest to `end`."""
    count = max(1, round(NEAR * len(angle)))
    nearest = np.argsort(np.abs(angle - end), kind="stable")[:count]
    return float(np.sqrt(np.mean(error[nearest] ** 2)))
