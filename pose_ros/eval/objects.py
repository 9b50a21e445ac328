"""Detected objects against a BOP data set: errors of poses, recall, false alarms, what scores are worth."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from pose_ros.errors import SourceError, unknown
from pose_ros.eval import report
from pose_ros.eval.object_cases import Case, Judge, compare, figures_of, found_in, has_to_be_found, missing
from pose_ros.sources.bop import BOPScene, find_scenes
from pose_ros.sources.bop_models import BOPModel, number_of
from pose_ros.sources.bop_results import Estimate
from pose_ros.types import Detections2D, Objects, RGBDFrame

MASKS = ("given", "unnamed", "own")


class Detector(Protocol):
    def detect(self, frame: RGBDFrame, detections: Detections2D | None = None) -> Objects: ...


@dataclass(frozen=True)
class ObjectReport:
    """`figures` overall, with those of each object under "objects"; `estimates` for a BOP CSV.

    recall: share of objects found with an MSSD below a tenth of the diameter. add_mm, adds_mm,
    translation_mm, rotation_deg: of all estimates of objects that are in the picture, right or not: mean,
    mean, median, median; ADD and the last two modulo symmetry. add_recall_10: share of objects found with
    ADD below a tenth of the diameter. ar_vsd, ar_mssd, ar_mspd, ar: BOP's average recalls; ap_mssd: average
    precision of all estimates. false_positives: estimates of objects that are not in the picture, of
    `absent` chances; wrong: estimates of objects that are, but not there. score_auroc, ece: of the score as
    probability that the estimate is right. coverage_95: share of right poses inside the 95 % ellipsoid of
    their covariance. s_per_object: wall time over objects that have to be found.
    """

    figures: dict[str, Any]
    estimates: tuple[Estimate, ...] = field(repr=False)

    def __str__(self) -> str:
        columns = (
            "name",
            "targets",
            "recall",
            "add_mm",
            "adds_mm",
            "add_recall_10",
            "ar",
            "wrong",
            "false_positives",
        )
        rows = [
            [label, *(_shown(of[key]) for key in columns)] for label, of in self.figures["objects"].items()
        ]
        return f"{report.table(['object', *columns], rows)}\n\n{report.figures(self.figures)}"


def _shown(value: Any) -> Any:
    return f"{value:.2f}" if isinstance(value, float) and value <= 1 else value


def eval_objects(
    path: Path | str,
    detector: Detector,
    models: Mapping[str, BOPModel],
    masks: str = "own",
    progress: bool = True,
) -> ObjectReport:
    """Detect in every picture of a data set (or scene folder) and compare with its truth.

    masks: "given" with names of what they hold, "unnamed", or the detector's "own". The first picture is
    detected twice: only the second time counts.
    """
    if masks not in MASKS:
        raise SourceError(unknown("masks", masks, MASKS))
    scenes = open_scenes(path)
    judges = {label: Judge.of(model) for label, model in models.items()}
    cases: list[Case] = []
    estimates, seconds = [], []
    total = sum(len(scene) for scene in scenes)
    with tqdm(total=total, desc="pictures", unit="picture", disable=not progress) as bar:
        for scene in scenes:
            for key in scene.keys():  # noqa: SIM118  a scene yields frames
                frame, truth = scene.frame(key), [t for t in scene.truth(key) if t.label in judges]
                given = None if masks == "own" else _given(scene, key, judges, masks == "given")
                for _ in range(1 + (not seconds)):
                    _forget(detector)
                    start = time.perf_counter()
                    objects = detector.detect(frame, given)
                    took = time.perf_counter() - start
                seconds.append(took)
                cases += compare(frame, objects, truth, judges)
                estimates += [
                    Estimate(scene.scene_id, int(key), number, one.score, one.camera_from_object, took)
                    for one in found_in(objects)
                    if (number := number_of(one.label)) is not None
                ]
                bar.update()
    figures: dict[str, Any] = {"masks": masks, "pictures": total} | figures_of(cases, judges)
    targets = max(figures["targets"], 1)
    figures |= {"s_per_object": sum(seconds) / targets, "s_per_picture": float(np.median(seconds))}
    figures["s_per_picture_max"] = max(seconds)
    figures["objects"] = {
        label: {"name": models[label].name}
        | figures_of([case for case in cases if case.label == label], judges)
        for label in judges
    }
    figures["missing"] = missing(cases)
    return ObjectReport(figures, tuple(estimates))


def open_scenes(path: Path | str) -> list[BOPScene]:
    """All scenes with truth of a path; SourceError where there is none."""
    found = find_scenes(path)
    if not found:
        raise SourceError(f"{path} is and holds no scene in BOP's layout (scene_camera.json, rgb/, depth/)")
    scenes = [BOPScene(one) for one in found]
    if without := [str(scene.path) for scene in scenes if not scene.has_truth]:
        raise SourceError(f"no truth to compare with (scene_gt.json): {', '.join(without)}")
    return scenes


def _forget(detector: Detector) -> None:
    """Pictures of a data set need not follow each other."""
    reset = getattr(detector, "reset", None)
    if reset is not None:
        reset()


def _given(scene: BOPScene, key: str, judges: Mapping[str, Judge], named: bool) -> Detections2D:
    """The true visible masks of what has to be found."""
    truth = scene.truth(key)
    chosen = [k for k, one in enumerate(truth) if one.label in judges and has_to_be_found(one)]
    masks = scene.masks(key)[chosen]
    if not named:
        return Detections2D.unnamed(masks)
    return Detections2D(masks, tuple(truth[k].label for k in chosen), np.ones(len(chosen)))
