"""A recording studied: tables say what was done, empty where nothing is known."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from pose_ros.apps.posture.angles import ANGLES
from pose_ros.apps.posture.study import study, summary, write_comparison, write_study
from pose_ros.apps.posture.watch import Watch
from pose_ros.eval.acted import Errors, act
from pose_ros.types import People


def sequence_of(acted):
    return [People((p,), s, "camera") for p, s in zip(acted.persons, acted.stamps_ns, strict=True)]


@pytest.fixture(scope="module")
def squat():
    return act("squat", 61, 12.0, 15.0, Errors(0.008, 0.015))


def read(path):
    return list(csv.DictReader(path.open()))


def test_tables(squat, tmp_path):
    studies = study(sequence_of(squat), squat.up)
    paths = {path.name: path for path in write_study(studies, tmp_path)}
    assert set(paths) == {"angles_p1.csv", "range_of_motion.csv", "repetitions.csv", "postures.csv"}
    angles = read(paths["angles_p1.csv"])
    assert len(angles) == len(squat.persons)
    assert set(ANGLES) < set(angles[0])
    knee = np.array([float(row["left_knee_flexion"]) for row in angles])
    assert np.abs(knee - np.degrees(squat.angles["left_knee"])).mean() < 6
    assert any(row["left_hip_rotation"] == "" for row in angles)  # not seen while the leg is straight
    (rom,) = [row for row in read(paths["range_of_motion.csv"]) if row["angle"] == "left_knee_flexion"]
    beyond = float(rom["range_deg"]) - np.degrees(np.ptp(squat.angles["left_knee"]))
    assert abs(beyond) < 3 * float(rom["sigma_deg"])  # noise goes beyond both ends
    assert 0 < float(rom["sigma_deg"]) < 15
    repetitions = read(paths["repetitions.csv"])
    assert {row["exercise"] for row in repetitions} == {"squat"}
    stays = read(paths["postures.csv"])
    assert {"standing", "squatting"} <= {row["posture"] for row in stays}
    assert f"{len(repetitions)} x squat" in summary(studies)


def test_nobody(tmp_path):
    studies = study([People((), 0, "camera")])
    assert summary(studies) == "nobody was seen"
    assert all(len(path.read_text().splitlines()) == 1 for path in write_study(studies, tmp_path))


def test_a_comparison_is_written(squat, tmp_path):
    sequence = sequence_of(squat)
    found = write_comparison(sequence, sequence, tmp_path, (squat.up, squat.up))
    assert (tmp_path / "comparison.png").stat().st_size > 10_000
    told = json.loads((tmp_path / "comparison.json").read_text())
    assert told["score"] == pytest.approx(found.score, abs=0.1) == pytest.approx(100, abs=0.1)
    assert told["tempo"] == 1.0


def test_who_comes_under_a_used_id_starts_at_nothing(squat):
    watch, counts = Watch(), []
    for people in sequence_of(squat):
        (watched,) = watch(people, squat.up)
        counts.append(watched.counts["squat"])
    assert counts[-1] >= 2
    (person,) = people.people
    newcomer = replace(person, age=1)
    (watched,) = watch(People((newcomer,), people.stamp_ns + 10**8, "camera"), squat.up)
    assert watched.counts["squat"] == 0
