"""Samples at their own times in, rows at a fixed rate out. Nothing is extrapolated."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pose_ros.apps.record.feature import GROUP, HOLD, LINEAR, NEAREST, VIDEO, Feature, Table
from pose_ros.config import option
from pose_ros.geometry.rigid import matrix_from_quaternion, quaternion_from_matrix, rotation_exp, rotation_log
from pose_ros.shapes import check_shape

SECOND_NS = 1_000_000_000
FOREVER = 2**63 - 1


@dataclass(frozen=True)
class RateConfig:
    fps: int = option(30, "rows a second", unit="Hz", range=(1, 240))
    max_gap: float = option(
        0.2,
        "samples farther apart than this are not joined, and none is used that is farther away: "
        "the row is marked invalid",
        unit="s",
        range=(0.001, 10.0),
    )
    patience: float = option(
        0.5,
        "a row waits this long for topics that come later than others (networks take their time)",
        unit="s",
        range=(0.0, 10.0),
    )


@dataclass(frozen=True)
class Row:
    """The table at one instant. values: name -> (n,) array, or a picture; absent where invalid."""

    stamp_ns: int
    values: dict[str, Any]


class Track:
    """The samples of one feature, ordered by stamp."""

    def __init__(self, feature: Feature, max_gap_ns: int) -> None:
        self.feature = feature
        self.late = 0  # samples that came when their instant had been written, or twice
        self._max_gap_ns = max_gap_ns
        self._stamps: list[int] = []
        self._values: list[Any] = []
        self._done_ns: int | None = None  # rows up to here are written
        self._turn: np.ndarray | None = None  # quaternions of the last row: the next stay on their side

    @property
    def newest_ns(self) -> int | None:
        return self._stamps[-1] if self._stamps else None

    def push(self, stamp_ns: int, value: Any) -> None:
        if self.feature.way != VIDEO:
            value = check_shape(self.feature.name, np.asarray(value, float), self.feature.shape)
        place = bisect.bisect_left(self._stamps, stamp_ns)
        twice = place < len(self._stamps) and self._stamps[place] == stamp_ns
        if twice or (self._done_ns is not None and stamp_ns <= self._done_ns):
            self.late += 1
            return
        self._stamps.insert(place, stamp_ns)
        self._values.insert(place, value)

    def at(self, stamp_ns: int) -> Any | None:
        """The value at an instant; None where no sample is near enough."""
        after = bisect.bisect_left(self._stamps, stamp_ns)
        if after < len(self._stamps) and self._stamps[after] == stamp_ns:
            return self._steady(self._values[after])
        before = after - 1
        has_before, has_after = before >= 0, after < len(self._stamps)
        if self.feature.way == HOLD:
            near = has_before and stamp_ns - self._stamps[before] <= self._max_gap_ns
            return self._values[before] if near else None
        if self.feature.way in (NEAREST, VIDEO):
            choices = [k for k, there in ((before, has_before), (after, has_after)) if there]
            best = min(choices, key=lambda k: abs(self._stamps[k] - stamp_ns), default=None)
            near = best is not None and abs(self._stamps[best] - stamp_ns) <= self._max_gap_ns
            return self._values[best] if near else None
        if not (has_before and has_after) or self._stamps[after] - self._stamps[before] > self._max_gap_ns:
            return None
        share = (stamp_ns - self._stamps[before]) / (self._stamps[after] - self._stamps[before])
        return self._steady(self._between(self._values[before], self._values[after], share))

    def forget(self, stamp_ns: int) -> None:
        """Rows up to this instant are written: keep the last sample before it, and what comes after."""
        keep = max(bisect.bisect_right(self._stamps, stamp_ns) - 1, 0)
        del self._stamps[:keep], self._values[:keep]
        self._done_ns = stamp_ns

    def _between(self, a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
        if self.feature.way == LINEAR:
            return a + share * (b - a)
        size = GROUP[self.feature.way]
        first, second = a.reshape(-1, size), b.reshape(-1, size)
        result = first + share * (second - first)
        result[:, -4:] = between_rotations(first[:, -4:], second[:, -4:], share)
        return result.reshape(-1)

    def _steady(self, value: Any) -> Any:
        """Of the two quaternions of a rotation the one nearer to the last row's: no jumps in the data."""
        if self.feature.way not in GROUP:
            return value
        groups = value.reshape(-1, GROUP[self.feature.way]).copy()
        turn = groups[:, -4:]
        if self._turn is not None:
            turn[np.sum(turn * self._turn, axis=1) < 0] *= -1
        known = np.isfinite(turn).all(axis=1)
        self._turn = turn.copy() if self._turn is None else np.where(known[:, None], turn, self._turn)
        return groups.reshape(-1)


def between_rotations(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """Quaternions (N,4) x y z w on the shortest way from `a` to `b`; NaN where one of the two is.

    R(s) = A exp(s log(A⁻¹ B)), the geodesic of SO(3).
    """
    result = np.full(a.shape, np.nan)
    known = np.isfinite(a).all(axis=1) & np.isfinite(b).all(axis=1)
    if known.any():
        first = matrix_from_quaternion(a[known])
        way = rotation_log(np.swapaxes(first, -1, -2) @ matrix_from_quaternion(b[known]))
        result[known] = quaternion_from_matrix(first @ rotation_exp(share * way))
    return result


@dataclass
class Resampler:
    """Rows of a table at `config.fps`, as soon as every feature has come so far or has been waited for.

    The first row is at the first sample of the clock, the first picture's feature (else the first
    feature) that is not older than `start_ns`; a clock that stays silent for `patience` is not waited for.
    """

    table: Table
    config: RateConfig
    start_ns: int
    end_ns: int = FOREVER
    tracks: dict[str, Track] = field(init=False)
    invalid: dict[str, int] = field(init=False)  # rows without the feature
    rows_made: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        gap = round(self.config.max_gap * SECOND_NS)
        self.tracks = {feature.name: Track(feature, gap) for feature in self.table}
        self.invalid = dict.fromkeys(self.table.names, 0)
        self._clock = self.tracks[(self.table.videos or self.table.features)[0].name]
        self._first_ns: int | None = None
        self._newest_ns = self.start_ns

    @property
    def late(self) -> int:
        return sum(track.late for track in self.tracks.values())

    def push(self, name: str, stamp_ns: int, value: Any) -> None:
        if name not in self.tracks:
            self.table[name]  # raises, listing the valid ones
        if stamp_ns < self.start_ns - self.tracks[name]._max_gap_ns:
            return  # of the time before
        self.tracks[name].push(stamp_ns, value)
        self._newest_ns = max(self._newest_ns, stamp_ns)
        if self._first_ns is None and self.tracks[name] is self._clock and stamp_ns >= self.start_ns:
            self._first_ns = stamp_ns

    def rows(self, final: bool = False) -> Iterator[Row]:
        """What is due, up to `end_ns`. If final, all that is left: nothing is waited for."""
        patience = round(self.config.patience * SECOND_NS)
        if all(track.newest_ns is None for track in self.tracks.values()):
            return
        if self._first_ns is None:
            if not final and self._newest_ns < self.start_ns + patience:
                return
            self._first_ns = self.start_ns
        while True:
            instant = self._first_ns + round(self.rows_made * SECOND_NS / self.config.fps)
            here = min(track.newest_ns or 0 for track in self.tracks.values())
            if instant > min(self.end_ns, self._newest_ns):
                return
            if not final and here < instant and self._newest_ns < instant + patience:
                return
            yield self._row(instant)

    def _row(self, instant: int) -> Row:
        values = {}
        for name, track in self.tracks.items():
            value = track.at(instant)
            track.forget(instant)
            if value is None or (not track.feature.is_video and np.isnan(value).all()):
                self.invalid[name] += 1
            else:
                values[name] = value
        self.rows_made += 1
        return Row(instant, values)
