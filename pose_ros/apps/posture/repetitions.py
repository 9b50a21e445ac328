"""Repetitions of exercises, counted while they happen.

Every exercise is one number that goes from 0 (at rest) to 1 (as deep as counts) and back, made of angles.
A repetition begins where the number leaves rest for good, counts where it has reached 1, and ends where it
is back at rest. What turns before is partial; what takes too short or too long is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.posture.angles import ANGLES, ROW
from pose_ros.config import option
from pose_ros.errors import ConfigError, unknown

DEGREE = np.pi / 180


@dataclass(frozen=True)
class Span:
    """Where an exercise rests and how deep counts, of the angle it is measured by."""

    rest: float = option(20.0, "angle at rest", unit="deg", range=(-180.0, 180.0))
    deep: float = option(60.0, "angle that counts as deep enough", unit="deg", range=(-180.0, 180.0))


@dataclass(frozen=True)
class RepetitionConfig:
    exercises: str = option("squat,lunge,push_up,arm_raise", "what is counted, separated by commas")
    squat: Span = field(default_factory=lambda: Span(15.0, 60.0))
    lunge: Span = field(default_factory=lambda: Span(15.0, 50.0))
    push_up: Span = field(default_factory=lambda: Span(25.0, 65.0))
    arm_raise: Span = field(default_factory=lambda: Span(35.0, 115.0))
    leave: float = option(0.35, "depth at which a repetition has begun, 0 rest to 1 deep", range=(0.1, 0.9))
    back: float = option(0.25, "depth at which it is over again", range=(0.0, 0.8))
    shortest: float = option(0.5, "shorter ones are noise", unit="s", range=(0.0, 10.0))
    longest: float = option(12.0, "longer ones are a stay, no repetition", unit="s", range=(0.1, 1000.0))
    gap: float = option(
        0.7, "how long the angles may be unknown before a repetition is given up", unit="s", range=(0.0, 10.0)
    )
    steady: float = option(0.08, "time constant that steadies the angles", unit="s", range=(0.0, 1.0))


@dataclass(frozen=True)
class Repetition:
    """One repetition. Times s. deepest rad: of the angle measured. range: from rest to deepest, rad.
    down, up: s from start to deepest and back."""

    exercise: str
    number: int
    start: float
    bottom: float
    end: float
    deepest: float
    range: float

    @property
    def down(self) -> float:
        return self.bottom - self.start

    @property
    def up(self) -> float:
        return self.end - self.bottom


@dataclass(frozen=True)
class Measure:
    """angle rad, or NaN where it is not known; ready: whether the body does this exercise and no other."""

    angle: float
    ready: bool


def _squat(a: np.ndarray) -> Measure:
    knees, hips = _both(a, "knee_flexion"), _both(a, "hip_flexion")
    lean, split = a[ROW["trunk_lean"]], abs(hips[0] - hips[1])
    # Who carries themselves leans their shanks forward; on a chair these stand upright, kneeling they lie.
    shank = (np.mean(knees) - np.mean(hips) + lean) / max(np.mean(knees), 10 * DEGREE)
    balanced = not np.isfinite(shank) or (0.1 < shank < 0.7 and abs(lean) < 75 * DEGREE)
    return Measure(min(*knees, *(hip + 20 * DEGREE for hip in hips)), balanced and not split > 40 * DEGREE)


def _lunge(a: np.ndarray) -> Measure:
    knees, hips = _both(a, "knee_flexion"), _both(a, "hip_flexion")
    split = abs(hips[0] - hips[1])
    # Both knees bend, one hip does: as deep as the least of the three.
    return Measure(min(*knees, split * 1.1), not abs(a[ROW["trunk_lean"]]) > 60 * DEGREE)


def _push_up(a: np.ndarray) -> Measure:
    elbows, knees = _both(a, "elbow_flexion"), _both(a, "knee_flexion")
    lying = a[ROW["trunk_lean"]] > 45 * DEGREE
    return Measure(float(np.mean(elbows)), bool(lying) and not max(knees) > 70 * DEGREE)


def _arm_raise(a: np.ndarray) -> Measure:
    arms = np.array(_both(a, "shoulder_elevation"))
    known = arms[np.isfinite(arms)]
    upright = not abs(a[ROW["trunk_lean"]]) > 45 * DEGREE
    return Measure(float(known.max()) if len(known) else np.nan, upright)


EXERCISES = {"squat": _squat, "lunge": _lunge, "push_up": _push_up, "arm_raise": _arm_raise}


def _both(a: np.ndarray, name: str) -> tuple[float, float]:
    return a[ROW[f"left_{name}"]], a[ROW[f"right_{name}"]]


class _Counter:
    """One exercise of one person."""

    def __init__(self, exercise: str, config: RepetitionConfig) -> None:
        self.exercise, self.config = exercise, config
        self.span: Span = getattr(config, exercise)
        self.count, self.partial = 0, 0
        self._began: float | None = None
        self._angle, self._stamp = np.nan, -np.inf
        self._rest_at, self._rest_angle = -np.inf, np.nan
        self._ready = 0.0  # s so far with the body ready for it, less those without

    def depth(self) -> float:
        """0 at rest to 1 deep enough, or more; NaN while nothing is known."""
        rest, deep = self.span.rest * DEGREE, self.span.deep * DEGREE
        return (self._angle - rest) / (deep - rest)

    def __call__(self, stamp: float, measure: Measure) -> Repetition | None:
        if stamp <= self._stamp:
            if stamp < self._stamp - 1.0:  # a bag that starts again
                self._give_up()
                self._stamp = stamp
            return None
        if not np.isfinite(measure.angle):
            if stamp - self._stamp > self.config.gap:
                self._give_up()
            return None
        passed = stamp - self._stamp
        if passed > self.config.gap:
            self._give_up()
        if not np.isfinite(self._angle):
            self._angle = measure.angle
        else:
            keep = np.exp(-passed / self.config.steady) if self.config.steady else 0.0
            self._angle = keep * self._angle + (1 - keep) * measure.angle
        self._stamp = stamp
        depth = self.depth()
        if self._began is None:
            if depth < self.config.back:
                self._rest_at, self._rest_angle = stamp, np.fmin(self._rest_angle, self._angle)
            elif depth > self.config.leave and np.isfinite(self._rest_angle):
                self._began, self._ready = self._rest_at, 0.0
                self._deepest, self._bottom = self._angle, stamp
        if self._began is None:
            return None
        self._ready += passed if measure.ready else -passed
        if self._angle > self._deepest:
            self._deepest, self._bottom = self._angle, stamp
        return self._over(stamp) if depth < self.config.back else None

    def _over(self, stamp: float) -> Repetition | None:
        start, self._began = self._began, None
        rest, self._rest_at, self._rest_angle = self._rest_angle, stamp, self._angle
        span = self.span
        deep = (self._deepest / DEGREE - span.rest) / (span.deep - span.rest) >= 1
        fits = self.config.shortest <= stamp - start <= self.config.longest
        if not (deep and fits and self._ready > 0):
            self.partial += int(fits and self._ready > 0)
            return None
        self.count += 1
        return Repetition(
            self.exercise, self.count, start, self._bottom, stamp, self._deepest, self._deepest - rest
        )

    def _give_up(self) -> None:
        self._began, self._rest_angle, self._angle = None, np.nan, np.nan


class RepetitionCounter:
    """Repetitions of one person."""

    def __init__(self, config: RepetitionConfig | None = None) -> None:
        self.config = config or RepetitionConfig()
        names = [name.strip() for name in self.config.exercises.split(",") if name.strip()]
        for name in names:
            if name not in EXERCISES:
                raise ConfigError(unknown("exercise", name, EXERCISES))
        self._counters = {name: _Counter(name, self.config) for name in names}
        self._held, self._seen = np.full(len(ANGLES), np.nan), np.full(len(ANGLES), -np.inf)

    def __call__(self, stamp: float, angles: np.ndarray) -> list[Repetition]:
        """Those that ended with this frame. stamp: s. angles: (A,) rad, ordered as ANGLES, NaN = unknown."""
        known = np.isfinite(angles)
        self._held[known], self._seen[known] = angles[known], stamp
        # An angle that drops out for a moment is as it was: else who raises one arm is measured by the other.
        angles = np.where(np.abs(stamp - self._seen) <= self.config.gap, self._held, np.nan)
        done = [count(stamp, EXERCISES[name](angles)) for name, count in self._counters.items()]
        return [repetition for repetition in done if repetition is not None]

    @property
    def counts(self) -> Mapping[str, int]:
        return {name: counter.count for name, counter in self._counters.items()}

    @property
    def partial(self) -> Mapping[str, int]:
        """How many began and turned before they were deep enough."""
        return {name: counter.partial for name, counter in self._counters.items()}

    @property
    def depths(self) -> Mapping[str, float]:
        """0 at rest to 1 deep enough, at the latest frame; NaN while unknown."""
        return {name: float(counter.depth()) for name, counter in self._counters.items()}
