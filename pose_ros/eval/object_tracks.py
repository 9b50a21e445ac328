"""Tracked objects against the truth of a video, picture after picture."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from pose_ros.eval import bop, report
from pose_ros.eval.object_cases import RIGHT, Case, Judge, compare, has_to_be_found
from pose_ros.eval.objects import open_scenes
from pose_ros.geometry.rigid import rotation_log
from pose_ros.sources.bop_models import BOPModel
from pose_ros.types import Objects, RGBDFrame

FLIP = np.radians(
    15
)  # turn of an estimate against its object, from one picture to the next, that is no noise
GONE = 0.05  # share in sight below which an object cannot be seen any more


@dataclass
class _Way:
    """What became of one object: per picture where it has to be found, its ADD-S (inf = not found) and
    whether it was right; ids, and object_from_estimate rotations and translations of consecutive pictures.
    """

    adds: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    last: Any = None
    flips: int = 0
    steps: list[float] = field(default_factory=list)
    ghosts: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class TrackReport:
    """`figures` overall and of each object.

    adds_auc: area under the recall curve of ADD-S up to 0.1 m over all pictures where an object has to be
    found; adds_auc_since_found: without the pictures before it was found first. id_switches: estimates of
    an object under another id than the last. flips: turns of more than 15 degrees against the object
    between consecutive pictures. lost: pictures since it was found first without a right estimate,
    longest_loss: in a row. first_right: pictures until it was right first, greatest. ghosts: longest row of
    pictures in which an object is reported though less than 5 % of it is in sight. jitter_mm: median change
    of the error in position from one picture to the next. ms_per_picture, ms_per_picture_p95: wall time,
    the first picture left out.
    """

    figures: dict[str, Any]

    def __str__(self) -> str:
        columns = (
            "name",
            "pictures",
            "adds_auc",
            "id_switches",
            "flips",
            "lost",
            "longest_loss",
            "first_right",
        )
        rows = [
            [label, *(f"{of[key]:.3f}" if key == "adds_auc" else of[key] for key in columns)]
            for label, of in self.figures["objects"].items()
        ]
        return f"{report.table(['object', *columns], rows)}\n\n{report.figures(self.figures)}"


def eval_object_tracks(
    path: Path | str,
    pipeline: Callable[[RGBDFrame], Objects],
    models: Mapping[str, BOPModel],
    progress: bool = True,
) -> TrackReport:
    """Follow objects through every scene of a data set, frame by frame, and compare with the truth."""
    scenes = open_scenes(path)
    judges = {label: Judge.of(model) for label, model in models.items()}
    ways: dict[tuple[int, str, int], _Way] = defaultdict(_Way)
    milliseconds, absent = [], 0
    with tqdm(total=sum(map(len, scenes)), desc="pictures", unit="picture", disable=not progress) as bar:
        for number, scene in enumerate(scenes):
            if hasattr(pipeline, "reset"):
                pipeline.reset()
            for n, key in enumerate(scene.keys()):
                frame = scene.frame(key)
                truth = [one for one in scene.truth(key) if one.label in judges]
                start = time.perf_counter()
                objects = pipeline(frame)
                if n:
                    milliseconds.append(1e3 * (time.perf_counter() - start))
                for case in compare(frame, objects, truth, judges, with_vsd=False):
                    absent += len(case.found) * (not case.truth)
                    _follow(ways, number, case, judges[case.label])
                bar.update()
    of_each = {
        label: {"name": model.name} | _figures([way for key, way in ways.items() if key[1] == label])
        for label, model in models.items()
        if any(key[1] == label for key in ways)
    }
    figures = _figures(list(ways.values())) | {"false_positives": absent, "objects": of_each}
    steady = milliseconds or [np.nan]
    figures["ms_per_picture"] = float(np.median(steady))
    figures["ms_per_picture_p95"] = float(np.percentile(steady, 95))
    return TrackReport(figures)


def _follow(ways: dict[tuple[int, str, int], _Way], scene: int, case: Case, judge: Judge) -> None:
    """The objects of one label keep their order from picture to picture."""
    for m, true in enumerate(case.truth):
        way = ways[scene, case.label, m]
        one = next((case.found[n] for n, k in case.pairs if k == m), None)
        near = next((case.mssd[n, k] for n, k in case.pairs if k == m), np.inf)
        if true.visible < GONE:
            way.ghosts.append(way.ghosts[-1] + 1 if one is not None and way.ghosts else int(one is not None))
        else:
            way.ghosts.append(0)
        if has_to_be_found(true):
            far = np.inf
            if one is not None:
                far = bop.adds(one.camera_from_object, true.camera_from_object, judge.surface)
            way.adds.append(far)
            way.right.append(bool(near < RIGHT))
        if one is None:
            way.last = None
            continue
        way.ids.append(one.id)
        relative = true.camera_from_object.inverse() @ one.camera_from_object
        if way.last is not None:
            turned = np.linalg.norm(rotation_log(way.last.rotation.T @ relative.rotation))
            way.flips += bool(turned > FLIP)
            way.steps.append(1e3 * float(np.linalg.norm(relative.translation - way.last.translation)))
        way.last = relative


def _figures(ways: list[_Way]) -> dict[str, Any]:
    since = [way.right.index(True) if True in way.right else len(way.right) for way in ways]
    adds = [np.array(way.adds) for way in ways]
    after = [way.right[first:] for way, first in zip(ways, since, strict=True)]
    steps = np.concatenate([np.zeros(0), *(way.steps for way in ways)])
    return {
        "pictures": sum(map(len, adds)),
        "adds_auc": bop.adds_auc(np.concatenate([np.zeros(0), *adds])),
        "adds_auc_since_found": bop.adds_auc(
            np.concatenate([np.zeros(0), *(of[first:] for of, first in zip(adds, since, strict=True))])
        ),
        "id_switches": sum(a != b for way in ways for a, b in zip(way.ids, way.ids[1:], strict=False)),
        "flips": sum(way.flips for way in ways),
        "lost": sum(row.count(False) for row in after),
        "longest_loss": max((_longest(row) for row in after), default=0),
        "first_right": max(since, default=0),
        "ghosts": max((max(way.ghosts, default=0) for way in ways), default=0),
        "jitter_mm": float(np.median(steps)) if len(steps) else np.nan,
    }


def _longest(right: list[bool]) -> int:
    longest = row = 0
    for hit in right:
        row = 0 if hit else row + 1
        longest = max(longest, row)
    return longest
