"""All estimators in one table, on COCO people and synthetic ones: `pose_ros eval estimators`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose_ros.errors import PoseError
from pose_ros.eval import metrics, report
from pose_ros.eval.coco import eval_keypoints, to_coco
from pose_ros.eval.compare import prepare
from pose_ros.eval.people import eval_people
from pose_ros.eval.tracks import MIN_VISIBLE
from pose_ros.human.estimators import ESTIMATORS, HumanEstimator
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.skeleton import COCO_17
from pose_ros.sources.source import Source
from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource
from pose_ros.types import Keypoints2D

# Scenes nobody was trained on or tuned by: these seeds are used nowhere else.
SEEDS, PEOPLE = (96_010_001, 96_010_002, 96_010_003, 96_010_004, 96_010_005, 96_010_006), (1, 2, 2, 3, 3, 4)
CROWDS = {1: 96_020_001, 4: 96_020_004}  # people in the picture -> seed of the scene that is timed
TIMED = 12  # frames


@dataclass(frozen=True)
class SyntheticPeople:
    """What an estimator made of synthetic people.

    pck: PCK@0.2 over their joints in the picture, pck_visible over those in sight; a person who was missed
    is wrong altogether. found of people: those with half of the joints in sight right. invented: estimates
    that are near nobody.
    """

    people: int
    found: int
    invented: int
    pck: float
    pck_visible: float


@dataclass(frozen=True)
class Row:
    """One line of the table; figures as KeypointReport, SyntheticPeople and PeopleReport explain them."""

    estimator: str
    oks_mean: float
    detected: int
    n_people: int
    invented: int
    synthetic: SyntheticPeople
    mpjpe_visible_mm: float
    ms_one: float
    ms_four: float
    parameters: int
    weights: str
    not_run: str


@dataclass(frozen=True)
class FamiliesReport:
    rows: list[Row]
    unable: dict[str, str]  # estimator -> why it could not run

    def __str__(self) -> str:
        headers = [
            "estimator", "OKS", "found", "false", "PCK@0.2", "visible", "found ", "MPJPE mm",
            "ms, 1", "ms, 4", "million", "weights",
        ]  # fmt: skip
        rows = [
            [
                row.estimator, f"{row.oks_mean:.3f}", f"{row.detected}/{row.n_people}", row.invented,
                f"{row.synthetic.pck:.3f}", f"{row.synthetic.pck_visible:.3f}",
                f"{row.synthetic.found}/{row.synthetic.people}", f"{row.mpjpe_visible_mm:.0f}",
                f"{row.ms_one:.0f}", f"{row.ms_four:.0f}", row.parameters / 1e6, row.weights,
            ]
            for row in self.rows
        ]  # fmt: skip
        lines = [report.table(headers, rows)]
        lines += [f"{row.estimator}: not run: {row.not_run}" for row in self.rows if row.not_run]
        return "\n".join(lines + [f"{name}: could not run: {why}" for name, why in self.unable.items()])

    def figures(self) -> dict[str, Any]:
        return {"estimators": [dataclasses.asdict(row) for row in self.rows], "unable": self.unable}


def eval_estimators(
    coco_json: Path, image_dir: Path, names: Sequence[str], config: HumanConfig, frames: int = 15
) -> FamiliesReport:
    """Every estimator named (none: all) on annotated pictures, and on `frames` of each synthetic scene.

    One that cannot run on this machine is left out, with the reason.
    """
    rows, unable = [], {}
    for name in names or tuple(ESTIMATORS):
        print(name, flush=True)
        try:
            rows.append(_row(name, coco_json, image_dir, dataclasses.replace(config, estimator=name), frames))
        except PoseError as error:
            unable[name] = str(error)
    return FamiliesReport(rows, unable)


def _row(name: str, coco_json: Path, image_dir: Path, config: HumanConfig, frames: int) -> Row:
    estimator = prepare(name, config)
    coco = eval_keypoints(coco_json, image_dir, estimator)
    milliseconds = {people: time_in_a_crowd(estimator, people) for people in CROWDS}
    witness = Witness(estimator)
    pipeline = HumanPipeline(config)
    pipeline.estimator = witness
    synthetic, errors = [], []
    for seed, people in zip(SEEDS, PEOPLE, strict=True):
        source = SyntheticSource(SyntheticConfig(seed=seed, people=people, frames=frames))
        pipeline.reset()
        witness.seen.clear()
        errors.append(eval_people(source, pipeline).figures["mpjpe_visible_mm"])
        synthetic.append(match(source, witness.seen))
    about = ESTIMATORS[name].about
    return Row(
        name, coco.oks_mean, coco.detected, coco.n_people, coco.invented, score(synthetic),
        metrics.mean_known(np.array(errors)), milliseconds[1], milliseconds[4],
        estimator.parameter_count(), about.weights, about.not_run,
    )  # fmt: skip


class Witness(HumanEstimator):
    """Lets an estimator work, and remembers what it has seen, image by image."""

    def __init__(self, estimator: HumanEstimator) -> None:
        self.estimator, self.skeleton = estimator, estimator.skeleton
        self.seen: list[Keypoints2D] = []

    @property
    def stage_ms(self) -> dict[str, float]:
        return self.estimator.stage_ms

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        self.seen.append(self.estimator.estimate(rgb, stamp_ns))
        return self.seen[-1]

    def reset(self) -> None:
        self.estimator.reset()


def time_in_a_crowd(estimator: HumanEstimator, people: int) -> float:
    """Median milliseconds of a picture in a video of so many people, without the first, which finds them."""
    source = SyntheticSource(SyntheticConfig(seed=CROWDS[people], people=people, frames=TIMED))
    estimator.reset()
    milliseconds = []
    for frame in source:
        estimator.estimate(frame.rgb, frame.stamp_ns)
        milliseconds.append(sum(estimator.stage_ms.values()))
    return float(np.median(milliseconds[1:]))


@dataclass(frozen=True)
class Matched:
    """Truth of M people in images, and what was seen of each; NaN where nobody was.

    seen, truth: (M,17,2) px. labelled, visible: (M,17) bool. invented: estimates that are of nobody.
    """

    seen: np.ndarray
    truth: np.ndarray
    labelled: np.ndarray
    visible: np.ndarray
    invented: int


def match(source: Source, answers: Sequence[Keypoints2D]) -> Matched:
    """Pair what was seen in each frame of a source with its true people, by the mean distance in torsos."""
    pairs, invented = [], 0
    camera = source.camera
    for key, keypoints in zip(source.keys(), answers, strict=True):
        people = source.truth[key]
        xyz = np.array([[p.joints[name] for name in COCO_17.joints] for p in people]).reshape(-1, 17, 3)
        visible = np.array([[p.visible[name] for name in COCO_17.joints] for p in people], bool).reshape(
            -1, 17
        )
        truth = camera.project(xyz)
        labelled = ((truth > -0.5) & (truth < (camera.width - 0.5, camera.height - 0.5))).all(-1)
        size = metrics.torso_size(truth, labelled)
        seen = np.full_like(truth, np.nan)
        xy = to_coco(keypoints).xy
        apart = np.linalg.norm(xy[:, None] - truth, axis=-1) / size[:, None]
        cost = np.where(labelled, np.minimum(apart, 1.0), 0.0).sum(-1) / np.maximum(labelled.sum(-1), 1)
        cost[:, ~labelled.any(-1)] = 1.0
        own, person = linear_sum_assignment(cost)
        near = cost[own, person] < 0.9
        seen[person[near]] = xy[own[near]]
        invented += len(xy) - int(near.sum())
        for m in np.flatnonzero(visible.sum(-1) >= MIN_VISIBLE):
            pairs.append((seen[m], truth[m], labelled[m], visible[m]))
    stacked = [np.array(part) for part in zip(*pairs, strict=True)] or [
        np.zeros((0, 17, 2)), np.zeros((0, 17, 2)), np.zeros((0, 17), bool), np.zeros((0, 17), bool)
    ]  # fmt: skip
    return Matched(*stacked, invented)


def score(scenes: Sequence[Matched]) -> SyntheticPeople:
    seen, truth, labelled, visible = (
        np.concatenate([getattr(scene, part) for scene in scenes])
        for part in ("seen", "truth", "labelled", "visible")
    )
    size = metrics.torso_size(truth, labelled)
    right = metrics.joint_error(seen, truth) <= 0.2 * size[:, None]
    share = (right & visible).sum(-1) / np.maximum(visible.sum(-1), 1)
    return SyntheticPeople(
        len(seen),
        int((share >= 0.5).sum()),
        sum(scene.invented for scene in scenes),
        metrics.pck_2d(seen, truth, labelled, size),
        metrics.pck_2d(seen, truth, visible, size),
    )
