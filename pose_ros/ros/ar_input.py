"""Pictures with the poses of exactly their instant: nothing is drawn where it was a moment ago."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pose_ros.config import option
from pose_ros.ros.conversions import read_header
from pose_ros.ros.rgbd_input import Pair

KEPT = 20  # pictures that wait, and poses that are kept of each kind
ROUND_NS = 1_000_000_000  # by which poses may be ahead of pictures when stamps go back
PATIENCE_NS = 2_000_000_000  # without a picture that has all its poses; then one goes out with what it has


@dataclass(frozen=True)
class WaitConfig:
    """How pictures wait for their poses."""

    wait: float = option(
        0.5, "how long a picture waits for people and objects of its stamp", unit="s", range=(0.0, 5.0)
    )


@dataclass(frozen=True)
class Ready:
    """A pair and, by kind (`people`, `objects`), what was told of exactly its instant."""

    pair: Pair
    poses: Mapping[str, Any]


@dataclass
class Counts:
    """What became of the pictures."""

    complete: int = 0  # went out with all the poses that are told
    skipped: int = 0  # left out, as whoever tells the poses left them out
    late: dict[str, int] = field(default_factory=dict)  # poses of this kind did not come in time


class PoseWait:
    """Gives `on_ready` every pair once poses of all `kinds` have come for its stamp, in order.

    A picture whose poses are not told, as later ones have come or it has waited too long, is left out:
    between the others it would make things flicker. But if none goes out for PATIENCE_NS one does, with what
    it has. Nobody waits for a kind of poses that is not told at all (`is_told` says whether it is).
    """

    def __init__(
        self,
        kinds: frozenset[str],
        wait: float,
        is_told: Callable[[str], bool],
        on_ready: Callable[[Ready], None],
    ) -> None:
        self.counts = Counts()
        self._wait, self._is_told, self._on_ready = wait, is_told, on_ready
        self._pairs: deque[tuple[int, Pair]] = deque()
        self._poses: dict[str, deque[tuple[int, Any]]] = {kind: deque(maxlen=KEPT) for kind in kinds}
        self._last_ns: int | None = None  # of the picture that went out last

    def add_pair(self, pair: Pair) -> None:
        stamp_ns, _ = read_header(pair.image)
        if self._pairs and stamp_ns < self._pairs[-1][0]:
            self._start_again(stamp_ns)
        self._pairs.append((stamp_ns, pair))
        self.hand_on()

    def add_poses(self, kind: str, stamp_ns: int, poses: Any) -> None:
        told = self._poses[kind]
        if told and stamp_ns < told[-1][0]:
            told.clear()
        told.append((stamp_ns, poses))
        self.hand_on()

    def _start_again(self, stamp_ns: int) -> None:
        """A bag from its beginning: of the poses those stay that may already be of the new round."""
        self._pairs.clear()
        self._last_ns = None
        for told in self._poses.values():
            new = [entry for entry in told if entry[0] <= stamp_ns + ROUND_NS]
            told.clear()
            told.extend(new)

    def clear(self) -> None:
        self._pairs.clear()
        for told in self._poses.values():
            told.clear()
        self._last_ns = None

    def hand_on(self) -> None:
        """Let go of the pictures that need not wait any more; to be called now and then, too."""
        while self._pairs:
            stamp_ns, pair = self._pairs[0]
            poses, passed, open_ = {}, False, []
            for kind, told in self._poses.items():
                found = [value for stamp, value in told if stamp == stamp_ns]
                if found:
                    poses[kind] = found[-1]
                elif any(stamp > stamp_ns for stamp, _ in told):
                    passed = True
                elif self._is_told(kind):
                    open_.append(kind)
            in_time = time.perf_counter() - pair.arrived < self._wait and len(self._pairs) <= KEPT
            if open_ and in_time and not passed:
                return
            self._pairs.popleft()
            self._let_go(stamp_ns, Ready(pair, poses), passed, open_)

    def _let_go(self, stamp_ns: int, ready: Ready, passed: bool, late: list[str]) -> None:
        self._last_ns = stamp_ns if self._last_ns is None else self._last_ns
        self.counts.skipped += passed
        for kind in [] if passed else late:
            self.counts.late[kind] = self.counts.late.get(kind, 0) + 1
        whole = not passed and not late
        if whole or stamp_ns - self._last_ns >= PATIENCE_NS:
            self.counts.complete += whole
            self._last_ns = stamp_ns
            self._on_ready(ready)
