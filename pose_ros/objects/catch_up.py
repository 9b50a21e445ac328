"""Bring what a slow search found in an old frame to now, through the frames since."""

from __future__ import annotations

import threading

from pose_ros.objects.track import ObjectTracker
from pose_ros.objects.view import View

MOST = 64  # views that are kept at a time
ROUNDS = (32, 16, 8, 4)  # views followed through; meanwhile more arrive, each time fewer


class Recent:
    """The views since a search began: however long it takes they reach back to its frame, ever sparser."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._views: list[tuple[View, int]] = []
        self._stride = self._skipped = 1

    def add(self, view: View, stamp_ns: int) -> None:
        with self._lock:
            if self._skipped < self._stride:
                self._skipped += 1
                return
            self._skipped = 1
            self._views.append((view, stamp_ns))
            if len(self._views) >= self._most:
                self._views = self._views[1::2]  # the latest stays
                self._stride *= 2

    def after(self, stamp_ns: int, most: int) -> list[tuple[View, int]]:
        """At most so many views later than this, evenly apart, the latest among them."""
        with self._lock:
            later = [(view, then_ns) for view, then_ns in self._views if then_ns > stamp_ns]
        return later[::-1][:: max(1, -(-len(later) // most))][::-1]


def follow(tracker: ObjectTracker, recent: Recent, stamp_ns: int) -> None:
    """Bring tracks of this time to the latest view, so far as it can be caught."""
    for most in ROUNDS:
        for view, then_ns in recent.after(stamp_ns, most):
            tracker.update(view, then_ns)
            stamp_ns = then_ns
