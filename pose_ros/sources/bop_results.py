"""Results as BOP's CSV has them: scene_id, im_id, obj_id, score, R (row by row), t (mm), time (s a
picture).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_ros.errors import ShapeError, SourceError
from pose_ros.geometry.rigid import RigidTransform

HEADER = ("scene_id", "im_id", "obj_id", "score", "R", "t", "time")


@dataclass(frozen=True)
class Estimate:
    """One estimated pose. time: s for all of its picture, -1 = unknown."""

    scene_id: int
    im_id: int
    obj_id: int
    score: float
    camera_from_object: RigidTransform
    time: float = -1.0


def write_results(path: Path, estimates: Iterable[Estimate]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for one in estimates:
            pose = one.camera_from_object
            numbers = (
                " ".join(f"{x:.9g}" for x in v) for v in (pose.rotation.ravel(), 1e3 * pose.translation)
            )
            rows.writerow(
                [one.scene_id, one.im_id, one.obj_id, f"{one.score:.6g}", *numbers, f"{one.time:.6g}"]
            )


def read_results(path: Path) -> list[Estimate]:
    """SourceError says which line is broken."""
    try:
        lines = list(csv.reader(path.read_text().splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} cannot be read: {error}") from error
    if lines and tuple(lines[0]) == HEADER:  # files without a header exist, too
        lines = lines[1:]
    return [_estimate(line, f"{path}, result {n + 1}") for n, line in enumerate(lines) if line]


def _estimate(line: list[str], where: str) -> Estimate:
    try:
        scene, image, number, score, rotation, translation, time = line
        rotation = np.array(rotation.split(), float).reshape(3, 3)
        pose = RigidTransform(rotation, 1e-3 * np.array(translation.split(), float))
        return Estimate(int(scene), int(image), int(number), float(score), pose, float(time))
    except (ValueError, ShapeError) as error:
        raise SourceError(f"{where} is not {','.join(HEADER)} ({error})") from error
