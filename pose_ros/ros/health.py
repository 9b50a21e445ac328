"""What the node knows about its own work: streams, stages, problems. Pure Python, filled from any thread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

PROBLEM_LIFETIME = 3.0  # seconds a reported problem stays in diagnostics after it was last seen
LOG_PERIOD = 10.0  # seconds between two log lines of the same problem
RATE_WINDOW = 3.0  # seconds of arrivals that make a rate


class Timing:
    """Milliseconds of the latest runs of one stage."""

    def __init__(self, window: int = 300) -> None:
        self._values: deque[float] = deque(maxlen=window)

    def add(self, milliseconds: float) -> None:
        self._values.append(milliseconds)

    def __len__(self) -> int:
        return len(self._values)

    def percentile(self, percent: float) -> float:
        """Nearest rank; NaN if the stage has not run."""
        ordered = sorted(self._values)
        return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)] if ordered else float("nan")


class Stream:
    """Messages of one topic: how many, how fast, and how many were lost on the way."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.count = 0
        self.last_arrival: float | None = None
        self._clock = clock
        self._arrivals: deque[float] = deque(maxlen=300)
        self._stamps: deque[int] = deque(maxlen=300)

    def add(self, stamp_ns: int = 0) -> None:
        self.count += 1
        self.last_arrival = self._clock()
        self._arrivals.append(self.last_arrival)
        if self._stamps and stamp_ns < self._stamps[-1]:
            self._stamps.clear()
        self._stamps.append(stamp_ns)

    def is_alive(self, seconds: float) -> bool:
        """A message came within the latest seconds."""
        return self.last_arrival is not None and self._clock() - self.last_arrival < seconds

    @property
    def rate(self) -> float:
        """Messages a second over the latest seconds."""
        since = self._clock() - RATE_WINDOW
        recent = [arrival for arrival in list(self._arrivals) if arrival > since]
        return (len(recent) - 1) / (recent[-1] - recent[0]) if len(recent) > 1 else 0.0

    @property
    def lost_share(self) -> float:
        """Part of the frames that never arrived, from the gaps between the stamps that did."""
        return lost_share(list(self._stamps))


def lost_share(stamps_ns: Iterable[int]) -> float:
    """How many of the frames between these stamps are missing, 0 to 1.

    The camera's period is taken from the short gaps, so that it is right even if most frames are missing.
    """
    gaps = np.diff(np.asarray(list(stamps_ns), dtype=float))
    gaps = gaps[gaps > 0]
    if len(gaps) < 10:
        return 0.0
    short = gaps[gaps <= 1.5 * np.percentile(gaps, 20)]
    frames = np.maximum(np.round(gaps / np.median(short)), 1)
    return float(1 - len(gaps) / frames.sum())


@dataclass
class Problem:
    """Something that goes wrong again and again: logged now and then, in diagnostics while it lasts."""

    message: str
    error: bool
    count: int = 0
    last_seen: float = 0.0
    last_logged: float = -LOG_PERIOD


@dataclass
class Health:
    """Everything diagnostics speaks about; the parts of the node write into it as they work."""

    clock: Callable[[], float] = time.monotonic
    log: Callable[[str], None] = print
    streams: dict[str, Stream] = field(default_factory=dict)
    stages: dict[str, Timing] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    depth_invalid: float = float("nan")  # part of the latest depth image without a measurement
    found: int = 0  # people or objects in the latest frame

    def __post_init__(self) -> None:
        self.output = Stream(self.clock)

    def stream(self, topic: str) -> Stream:
        return self.streams.setdefault(topic, Stream(self.clock))

    def stage(self, name: str, milliseconds: float) -> None:
        self.stages.setdefault(name, Timing()).add(milliseconds)

    def report(self, key: str, message: str, error: bool = True) -> None:
        """Tell of a problem; the same key again replaces the message."""
        now = self.clock()
        problem = self.problems.setdefault(key, Problem(message, error))
        problem.message, problem.error, problem.last_seen = message, error, now
        problem.count += 1
        if now - problem.last_logged >= LOG_PERIOD:
            problem.last_logged = now
            self.log(message)

    def current_problems(self) -> list[Problem]:
        since = self.clock() - PROBLEM_LIFETIME
        return [problem for problem in list(self.problems.values()) if problem.last_seen >= since]
