"""What was found against what is true, picture by picture and model by model, and the figures of it all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose_ros.eval import bop
from pose_ros.eval.calibration import auroc, ellipsoid_coverage, expected_calibration_error
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.bop import ObjectTruth
from pose_ros.sources.bop_models import BOPModel
from pose_ros.types import Objects, RGBDFrame, TrackedObject, TrackState

LEAST_VISIBLE = 0.1  # share of an object's outline from which on BOP asks for it
RIGHT = 0.1  # MSSD over the diameter below which a pose is right: what a score is the probability of
SAMPLES = 1000  # points of a surface for ADD and ADD-S


@dataclass(frozen=True)
class Judge:
    """What errors of one model need. corners (P,3), surface (Q,3) m."""

    model: BOPModel
    corners: np.ndarray
    surface: np.ndarray
    diameter: float

    @classmethod
    def of(cls, model: BOPModel) -> Judge:
        mesh = model.mesh
        surface = mesh.points(*mesh.sample(SAMPLES, np.random.default_rng(0)))
        return cls(model, bop.corner_points(mesh), surface, mesh.diameter)


@dataclass(frozen=True)
class Case:
    """One label in one picture: what is true (M), what was found (N), and the errors between them.

    mssd: (N,M) over the diameter. mspd: (N,M) px at 640 px of width. vsd: (N,M,T) for every tau. counted:
    (M,) truth that has to be found. pairs: (n, m) that belong together, right or not.
    """

    label: str
    truth: tuple[ObjectTruth, ...]
    found: tuple[TrackedObject, ...]
    mssd: np.ndarray
    mspd: np.ndarray
    vsd: np.ndarray
    counted: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    reason: str = ""

    @property
    def right(self) -> np.ndarray:
        """(N,) bool: is it where one of the true ones is?"""
        right = np.zeros(len(self.found), bool)
        for n, m in self.pairs:
            right[n] = self.mssd[n, m] < RIGHT
        return right


def found_in(objects: Objects) -> list[TrackedObject]:
    return [one for one in objects if one.state is not TrackState.LOST]


def has_to_be_found(truth: ObjectTruth) -> bool:
    return not truth.visible < LEAST_VISIBLE  # NaN: nobody knows, so it counts


def compare(
    frame: RGBDFrame,
    objects: Objects,
    truth: Sequence[ObjectTruth],
    judges: Mapping[str, Judge],
    with_vsd: bool = True,
) -> list[Case]:
    """One case for every model, found or not, there or not; VSD, which is slow, only where asked for (else
    0).
    """
    scene = bop.distance_of(frame.depth, frame.camera) if with_vsd else None
    by_label: dict[str, tuple[list, list]] = {label: ([], []) for label in judges}
    for one in truth:
        by_label[one.label][0].append(one)
    for one in found_in(objects):
        if one.label in by_label:
            by_label[one.label][1].append(one)
    return [
        _case(label, true, found, judges[label], scene, frame.camera, objects.reasons.get(label, ""))
        for label, (true, found) in by_label.items()
    ]


def _case(
    label: str,
    truth: list[ObjectTruth],
    found: list[TrackedObject],
    judge: Judge,
    scene: np.ndarray | None,
    camera: PinholeCamera,
    reason: str,
) -> Case:
    shape = (len(found), len(truth))
    mssd, mspd, vsd = np.zeros(shape), np.zeros(shape), np.zeros((*shape, len(bop.VSD_TAUS)))
    mesh, symmetries = judge.model.mesh, judge.model.symmetries
    drawn = (
        [bop.render_distance(mesh, one.camera_from_object, camera) for one in truth]
        if found and scene is not None
        else []
    )
    for n, one in enumerate(found):
        pose = one.camera_from_object
        mine = bop.render_distance(mesh, pose, camera) if drawn else None
        for m, true in enumerate(truth):
            mssd[n, m] = bop.mssd(pose, true.camera_from_object, judge.corners, symmetries) / judge.diameter
            mspd[n, m] = bop.mspd(pose, true.camera_from_object, judge.corners, symmetries, camera)
            if drawn:
                vsd[n, m] = bop.vsd(mine, drawn[m], scene, judge.diameter)
    counted = np.array([has_to_be_found(one) for one in truth], bool)
    # Who means whom: the nearest, as far as that is possible for all at once.
    pairs = tuple(zip(*map(list, linear_sum_assignment(np.minimum(mssd, 10.0))), strict=True))
    return Case(
        label, tuple(truth), tuple(found), mssd, mspd * 640 / camera.width, vsd, counted, pairs, reason
    )


def figures_of(cases: Sequence[Case], judges: Mapping[str, Judge]) -> dict[str, Any]:
    """Everything but time; see ObjectReport."""
    targets = sum(int(case.counted.sum()) for case in cases)
    absent = [case for case in cases if not case.truth]
    right = np.concatenate([np.zeros(0, bool), *(case.right for case in cases)])
    score = np.array([one.score for case in cases for one in case.found])
    pairs = [(case, n, m) for case in cases for n, m in case.pairs]
    errors = np.array([_errors(case, n, m, judges[case.label]) for case, n, m in pairs]).reshape(-1, 5)
    asked = np.array([case.counted[m] for case, _, m in pairs], bool)
    share = lambda hits: float(np.sum(hits) / targets) if targets else np.nan  # noqa: E731
    good = np.array([case.mssd[n, m] < RIGHT for case, n, m in pairs], bool)
    precise = [(case, n, m) for (case, n, m), ok in zip(pairs, good, strict=True) if ok]
    false = sum(len(case.found) for case in absent)
    return {
        "targets": targets,
        "estimates": len(score),
        "recall": share(good & asked),
        "add_mm": _mean(errors[:, 0]),
        "adds_mm": _mean(errors[:, 1]),
        "add_mm_max": float(errors[:, 0].max(initial=-np.inf)) if len(errors) else np.nan,
        "adds_mm_max": float(errors[:, 1].max(initial=-np.inf)) if len(errors) else np.nan,
        "add_recall_10": share((errors[:, 2] < 0.1) & asked),
        "translation_mm": _median(errors[:, 3]),
        "rotation_deg": _median(errors[:, 4]),
        **_average_recalls(cases),
        "ap_mssd": _mean(_precisions(cases)),
        "wrong": int(len(score) - right.sum()) - false,
        "false_positives": false,
        "absent": len(absent),
        "false_positive_rate": false / len(absent) if absent else np.nan,
        "score_auroc": auroc(score, right),
        "ece": expected_calibration_error(score, right),
        "coverage_95": _coverage(precise, judges),
    }


def _errors(case: Case, n: int, m: int, judge: Judge) -> tuple[float, ...]:
    """ADD mm, ADD-S mm, ADD over the diameter, translation mm, rotation deg."""
    pose, true = case.found[n].camera_from_object, case.truth[m].camera_from_object
    symmetries = judge.model.symmetries
    add = bop.add(pose, true, judge.surface, symmetries)
    difference = bop.pose_difference(pose, bop.nearest_symmetric(pose, true, symmetries))
    away = 1e3 * np.linalg.norm(difference[:3])
    turned = np.degrees(np.linalg.norm(difference[3:]))
    return 1e3 * add, 1e3 * bop.adds(pose, true, judge.surface), add / judge.diameter, away, turned


def _average_recalls(cases: Sequence[Case]) -> dict[str, float]:
    scores = [np.array([one.score for one in case.found]) for case in cases]
    over = lambda name: [getattr(case, name)[:, case.counted] for case in cases]  # noqa: E731
    vsd = [
        bop.average_recall([error[..., tau] for error in over("vsd")], scores, bop.THRESHOLDS)
        for tau in range(len(bop.VSD_TAUS))
    ]
    figures = {
        "ar_vsd": float(np.mean(vsd)),
        "ar_mssd": bop.average_recall(over("mssd"), scores, bop.THRESHOLDS),
        "ar_mspd": bop.average_recall(over("mspd"), scores, bop.MSPD_THRESHOLDS),
    }
    return figures | {"ar": float(np.mean(list(figures.values())))}


def _precisions(cases: Sequence[Case]) -> np.ndarray:
    """AP of every object that has to be found somewhere."""
    by_label = defaultdict(list)
    for case in cases:
        by_label[case.label].append(case)
    precisions = [
        bop.ap_mssd(
            [case.mssd for case in of],
            [np.array([one.score for one in case.found]) for case in of],
            [~case.counted for case in of],
        )
        for of in by_label.values()
    ]
    return np.array(precisions)


def _coverage(pairs: Sequence[tuple[Case, int, int]], judges: Mapping[str, Judge]) -> float:
    differences, covariances = [], []
    for case, n, m in pairs:
        pose, true = case.found[n].camera_from_object, case.truth[m].camera_from_object
        nearest = bop.nearest_symmetric(pose, true, judges[case.label].model.symmetries)
        differences.append(bop.pose_difference(pose, nearest))
        covariances.append(case.found[n].covariance)
    return ellipsoid_coverage(np.array(differences), np.array(covariances))


def missing(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What had to be found and was not, with the detector's own reason."""
    missing = []
    for case in cases:
        hit = {m for n, m in case.pairs if case.mssd[n, m] < RIGHT}
        missing += [
            {"object": case.label, "visible": true.visible, "reason": case.reason}
            for m, true in enumerate(case.truth)
            if case.counted[m] and m not in hit
        ]
    return missing


def _mean(values: np.ndarray) -> float:
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else np.nan


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan
