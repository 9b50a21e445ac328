"""Joint commands at a fixed rate whose position, velocity and acceleration never leave their limits.

Sample k+1 is q' = q + v' dt. The limits hold for the differences of samples: |v'| <= velocity, |v' - v| <=
acceleration dt, lower <= q' <= upper. To stay inside it must always be possible to stop: v' is allowed if

    v' dt + v'² / (2 a) <= distance to the limit

for then braking at full acceleration ends before it, and braking itself is allowed in every next step
(with v'' = v' - a dt: v'' dt + v''²/2a = v'²/2a - a dt²/2, less than what is left).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option


@dataclass(frozen=True)
class TrackConfig:
    response: float = option(
        0.06, "time in which a command comes up with its target", unit="s", range=(0.02, 2.0)
    )
    lead: float = option(
        1.0,
        "part of the target's own velocity that is added: 0 lags more and trembles less",
        range=(0.0, 1.0),
    )


class Limiter:
    """All joints of a robot (n,), each by itself; `q`, `v` are what was commanded last."""

    def __init__(
        self, lower: np.ndarray, upper: np.ndarray, velocity: np.ndarray, acceleration: np.ndarray,
        dt: float = 0.01,
    ) -> None:  # fmt: skip
        self.lower, self.upper, self.velocity, self.acceleration = lower, upper, velocity, acceleration
        self.dt = dt
        self.q = np.clip(np.zeros_like(lower), lower, upper)
        self.v = np.zeros_like(lower)

    def start(self, q: np.ndarray) -> None:
        """Stand at q (n,), which must be within limits."""
        if not (np.all(np.isfinite(q)) and np.all(q >= self.lower) and np.all(q <= self.upper)):
            raise ValueError("a limiter starts within its limits")
        self.q, self.v = np.array(q, dtype=float), np.zeros_like(q)

    def braked(self) -> np.ndarray:
        """Next velocity (n,) when braking as hard as is allowed."""
        return np.sign(self.v) * np.maximum(np.abs(self.v) - self.acceleration * self.dt, 0.0)

    def towards(
        self, target: np.ndarray, rate: np.ndarray, cap: np.ndarray, config: TrackConfig
    ) -> np.ndarray:
        """Next velocity (n,) towards `target` (n,), which itself moves at `rate` (n,), at most `cap` (n,)."""
        error = target - self.q
        size = np.abs(error)
        # Closing in slower and slower near the target, never faster than can be braked before it.
        closing = np.minimum(size / config.response, self._stoppable(size))
        wanted = config.lead * rate + np.sign(error) * closing
        return self.bounded(np.where(np.isfinite(wanted), wanted, 0.0), cap)

    def bounded(self, wanted: np.ndarray, cap: np.ndarray) -> np.ndarray:
        """The velocity (n,) nearest to `wanted` that all limits and `cap` allow; braking where none does."""
        step = self.acceleration * self.dt
        top = np.minimum(cap, self.velocity)
        high = np.minimum(top, self._stoppable(self.upper - self.q))
        low = -np.minimum(top, self._stoppable(self.q - self.lower))
        # A cap may shrink faster than the joint can brake: then it brakes.
        return np.clip(np.clip(wanted, low, high), self.v - step, self.v + step)

    def go(self, v: np.ndarray) -> None:
        """Take the step with velocity v (n,)."""
        # Rounding must not carry a joint past its limit.
        self.q = np.clip(self.q + v * self.dt, self.lower, self.upper)
        self.v = v

    def stopping(self, v: np.ndarray, count: int = 3) -> np.ndarray:
        """Poses (…,count,n) on the way to standstill after a step with v (…,n): its end, …, the last."""
        step = self.acceleration * self.dt
        most = int(np.ceil(np.max(np.abs(v) / step, initial=0.0)))
        k = np.arange(most + 1)[:, None]
        speeds = np.sign(v)[..., None, :] * np.maximum(np.abs(v)[..., None, :] - k * step, 0.0)
        path = self.q + np.cumsum(speeds, axis=-2) * self.dt
        return path[..., np.linspace(0, most, count).round().astype(int), :]

    def _stoppable(self, distance: np.ndarray) -> np.ndarray:
        """Greatest velocity (n,) from which to stop within `distance` (n,): v dt + v²/2a = distance."""
        a, dt = self.acceleration, self.dt
        return -a * dt + np.sqrt(a * a * dt * dt + 2 * a * np.maximum(distance, 0.0))
