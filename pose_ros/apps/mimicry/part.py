"""One part of a robot (an arm, the head) on its way: what it goes to, since when, or why it stands."""

from __future__ import annotations

import numpy as np

BRANCH = 0.6  # rad: a target that leaps farther than this in one frame has no speed
SLOW = 0.12  # s: targets farther apart than this tell no speed
UNSEEN = -np.inf


class Part:
    """Targets come with the frames (`aim`), poses to go to with the commands (`goal`). Times in s."""

    def __init__(self, joints: slice, home: np.ndarray) -> None:
        self.joints = joints
        self.target, self.rate = np.array(home), np.zeros_like(home)
        self.seen = UNSEEN  # when the last target came
        self.reason: str | None = "not engaged"  # why it stands; None while it moves
        self.cause = ""
        self.soft = True  # the next start is a soft one
        self._from, self._start, self._duration = self.target, 0.0, 0.0

    @property
    def moves(self) -> bool:
        return self.reason is None

    def hold(self, reason: str, cause: str = "", soft: bool = False) -> bool:
        """Stand; `soft`: and start softly after that. True where it moved until now.

        The reason stays as it was told first, until there is another `cause`.
        """
        moved = self.moves
        if moved or cause != self.cause:
            self.reason, self.cause = reason, cause
        self.soft = self.soft or soft
        return moved

    def aim(
        self, target: np.ndarray, now: float, present: np.ndarray, speed: np.ndarray, align: float,
        patience: float,
    ) -> None:  # fmt: skip
        """A new target (n,). After a hold longer than `patience` the way there starts softly from `present`
        (n,): it takes at least `align` and no more than half of `speed` (n,)."""
        seconds = now - self.seen
        leap = np.abs(target - self.target)
        steady = not self.soft and 1e-3 < seconds < SLOW and leap.max() < BRANCH
        # Two looks make a speed; the mean with the one before takes half of its trembling.
        self.rate = 0.5 * (self.rate + (target - self.target) / seconds) if steady else np.zeros_like(target)
        if self.soft or seconds > patience:
            self._from, self._start = np.array(present), now
            self._duration = max(align, float(np.max(2 * np.abs(target - present) / speed, initial=0.0)))
        self.target, self.seen, self.soft, self.reason = np.array(target), now, False, None

    def is_aligning(self, now: float) -> bool:
        return self.moves and now < self._start + self._duration

    def goal(self, now: float) -> tuple[np.ndarray, np.ndarray]:
        """Where to be now (n,) and how fast (n,), rad/s."""
        ahead = self.target + self.rate * np.clip(now - self.seen, 0.0, SLOW / 2)
        x = np.clip((now - self._start) / max(self._duration, 1e-9), 0, 1)
        share = x * x * (3 - 2 * x)
        slope = 6 * x * (1 - x) / max(self._duration, 1e-9)
        way = ahead - self._from
        return self._from + share * way, share * self.rate + slope * way
