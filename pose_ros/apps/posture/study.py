"""A whole recording studied: everybody's angles, postures and repetitions, as tables anybody can open."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from pose_ros.apps.posture.angles import ANGLES, CAMERA_UP, JointAngles, joint_angles, over_time
from pose_ros.apps.posture.compare import Comparison, compare
from pose_ros.apps.posture.comparison_picture import draw_comparison
from pose_ros.apps.posture.motion_range import MotionRange, ranges_of_motion
from pose_ros.apps.posture.movement import SEGMENTS, movement_of, take_of
from pose_ros.apps.posture.postures import Posture, PostureConfig, PostureReader
from pose_ros.apps.posture.repetitions import Repetition, RepetitionConfig, RepetitionCounter
from pose_ros.types import People, TrackState


@dataclass
class PersonStudy:
    """One id over a recording. seconds: since its first frame."""

    seconds: list[float] = field(default_factory=list)
    angles: list[JointAngles] = field(default_factory=list)
    postures: list[Posture] = field(default_factory=list)
    repetitions: list[Repetition] = field(default_factory=list)
    partial: dict[str, int] = field(default_factory=dict)

    def ranges(self) -> list[MotionRange]:
        return ranges_of_motion(*over_time(self.angles))

    def stays(self) -> list[tuple[str, float, float, float]]:
        """(posture, start s, end s, mean probability) of every stretch of one posture."""
        found: list[tuple[str, float, float, float]] = []
        first = 0
        for n in range(1, len(self.postures) + 1):
            if n < len(self.postures) and self.postures[n].name == self.postures[first].name:
                continue
            sure = float(np.mean([posture.probability for posture in self.postures[first:n]]))
            found.append((self.postures[first].name, self.seconds[first], self.seconds[n - 1], sure))
            first = n
        return found


def study(
    sequence: Iterable[People],
    up: np.ndarray = CAMERA_UP,
    posture: PostureConfig | None = None,
    repetition: RepetitionConfig | None = None,
) -> dict[str, PersonStudy]:
    """id -> what that person did. up (3,): against gravity, in the frame of the people."""
    reader, counters = PostureReader(posture), {}
    studies: dict[str, PersonStudy] = {}
    start = None
    for people in sequence:
        start = people.stamp_ns if start is None else start
        postures = reader(people, up)
        for person in people:
            if person.state is not TrackState.TRACKED:
                continue
            one = studies.setdefault(person.id, PersonStudy())
            count = counters.setdefault(person.id, RepetitionCounter(repetition))
            seconds = (people.stamp_ns - start) * 1e-9
            angles = joint_angles(person, up)
            one.seconds.append(seconds)
            one.angles.append(angles)
            one.postures.append(postures[person.id])
            one.repetitions += count(seconds, angles.value)
            one.partial = dict(count.partial)
    return studies


def write_study(studies: dict[str, PersonStudy], out: Path) -> list[Path]:
    """Tables in `out`: angles_<id>.csv (degrees, empty = unknown), range_of_motion.csv, repetitions.csv,
    postures.csv. Returns their paths."""
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for id, one in studies.items():
        value, sigma = (np.degrees(table) for table in over_time(one.angles))
        header = ["seconds", *ANGLES, *(f"{name}_sigma" for name in ANGLES)]
        rows = [
            [f"{t:.4f}", *_numbers(v), *_numbers(s)]
            for t, v, s in zip(one.seconds, value, sigma, strict=True)
        ]
        paths.append(_table(out / f"angles_{id}.csv", header, rows))
    degrees = lambda *values: _numbers(np.degrees(values))  # noqa: E731
    rows = [
        [id, r.name, *degrees(r.least, r.most, r.range, r.sigma), f"{r.known:.3f}"]
        for id, one in studies.items()
        for r in one.ranges()
    ]
    header = ["id", "angle", "least_deg", "most_deg", "range_deg", "sigma_deg", "known"]
    paths.append(_table(out / "range_of_motion.csv", header, rows))
    rows = [
        [id, r.exercise, r.number, f"{r.start:.2f}", f"{r.bottom:.2f}", f"{r.end:.2f}", f"{r.down:.2f}",
         f"{r.up:.2f}", *degrees(r.deepest, r.range)]
        for id, one in studies.items() for r in one.repetitions
    ]  # fmt: skip
    header = ["id", "exercise", "number", "start_s", "deepest_s", "end_s", "down_s", "up_s", "deepest_deg",
              "range_deg"]  # fmt: skip
    paths.append(_table(out / "repetitions.csv", header, rows))
    rows = [
        [id, name, f"{start:.2f}", f"{end:.2f}", f"{sure:.3f}"]
        for id, one in studies.items()
        for name, start, end, sure in one.stays()
    ]
    header = ["id", "posture", "start_s", "end_s", "mean_probability"]
    paths.append(_table(out / "postures.csv", header, rows))
    return paths


def write_comparison(
    reference: Sequence[People],
    take: Sequence[People],
    out: Path,
    up: tuple[np.ndarray, np.ndarray] = (CAMERA_UP, CAMERA_UP),
) -> Comparison:
    """Compare who was seen most in the one with who was in the other; comparison.png and comparison.json.

    up: against gravity in the frames of the reference and of the take. Raises PoseError where either has
    nobody to compare.
    """
    movements, ids = [], []
    for sequence, upward in zip((reference, take), up, strict=True):
        id, persons = take_of(sequence)
        movements.append(movement_of(persons, upward))
        ids.append(id)
    found = compare(*movements)
    out.mkdir(parents=True, exist_ok=True)
    picture = draw_comparison(*movements, found, (f"reference {ids[0]}", f"take {ids[1]}"))
    cv2.imwrite(str(out / "comparison.png"), picture[..., ::-1])
    apart = dict(zip(SEGMENTS, np.degrees(_column_means(found.apart)).round(2).tolist(), strict=True))
    table = {
        "score": round(found.score, 1),
        "distance_deg": round(float(np.degrees(found.distance)), 2),
        "tempo": round(found.tempo, 3),
        "segments_deg": {name: value for name, value in apart.items() if np.isfinite(value)},
        "angles_rms_deg": {name: round(float(np.degrees(rms)), 2) for name, rms in found.worst(len(ANGLES))},
    }
    (out / "comparison.json").write_text(json.dumps(table, indent=1))
    return found


def summary(studies: dict[str, PersonStudy]) -> str:
    """A line or two a person."""
    lines = []
    for id, one in studies.items():
        spent: dict[str, float] = {}
        for name, start, end, _ in one.stays():
            spent[name] = spent.get(name, 0.0) + end - start
        told = ", ".join(
            f"{name} {seconds:.1f} s" for name, seconds in sorted(spent.items(), key=lambda s: -s[1])
        )
        counts: dict[str, int] = {}
        for repetition in one.repetitions:
            counts[repetition.exercise] = repetition.number
        done = ", ".join(f"{count} x {name}" for name, count in counts.items()) or "no repetitions"
        lines.append(f"{id}: {told}; {done}")
    return "\n".join(lines) or "nobody was seen"


def _column_means(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    return np.where(
        known.any(0), np.sum(np.where(known, values, 0), axis=0) / np.maximum(known.sum(0), 1), np.nan
    )


def _numbers(values: np.ndarray | tuple[float, ...]) -> list[str]:
    return [f"{value:.2f}" if np.isfinite(value) else "" for value in np.asarray(values).tolist()]


def _table(path: Path, header: list[str], rows: list[list]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path
