"""The One-Euro filter: still things are smoothed much, fast ones little.

Source: Casiez, Roussel, Vogel, "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012. Here the speed is that of the whole point, so that all its
coordinates are smoothed alike, and time comes from stamps, so that any frame rate is right.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pose_ros.config import option


@dataclass(frozen=True)
class OneEuroConfig:
    min_cutoff: float = option(
        2.0, "cut-off frequency at rest; lower is smoother", unit="Hz", range=(0.01, 1e3)
    )
    beta: float = option(10.0, "how much speed raises the cut-off", unit="Hz per m/s", range=(0.0, 1e3))
    speed_cutoff: float = option(2.0, "cut-off frequency of the speed estimate", unit="Hz", range=(0.01, 1e3))
    max_gap: float = option(0.3, "a longer gap between stamps starts anew", unit="s", range=(0.0, 60.0))


class OneEuroFilter:
    """Filters points (K,3) in metres; a NaN point stays NaN and starts anew when it comes back."""

    def __init__(self, config: OneEuroConfig) -> None:
        self.config = config
        self._stamp: float | None = None
        self._value = self._velocity = np.zeros((0, 3))

    def __call__(self, points: np.ndarray, stamp: float) -> np.ndarray:
        """Filtered copy of `points` measured at `stamp` seconds.

        A repeated stamp changes nothing in the state; one that lies back, or a gap, starts anew.
        """
        step = math.inf if self._stamp is None else stamp - self._stamp
        if step == 0:
            return self._value.copy()
        self._stamp = stamp
        if not 0 < step <= self.config.max_gap or self._value.shape != points.shape:
            self._value, self._velocity = points.copy(), np.zeros_like(points)
            return points.copy()
        fresh = np.isnan(self._value).any(-1)
        raw_velocity = np.where(fresh[:, None], 0.0, (points - self._value) / step)
        old_velocity = np.where(np.isnan(self._velocity), 0.0, self._velocity)
        velocity = old_velocity + _gain(self.config.speed_cutoff, step) * (raw_velocity - old_velocity)
        speed = np.linalg.norm(velocity, axis=-1)
        gain = _gain(self.config.min_cutoff + self.config.beta * speed, step)[:, None]
        self._value = np.where(fresh[:, None], points, self._value + gain * (points - self._value))
        self._velocity = velocity
        return self._value.copy()


def _gain(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    """Weight of the new sample of a first-order low-pass filter; equation 5 of the paper."""
    rate = 2 * np.pi * cutoff * step
    return rate / (rate + 1)
