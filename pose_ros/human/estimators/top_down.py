"""Top-down estimators: people found by MoveNet MultiPose, then looked at one by one, from frame to frame.

Who was seen in a frame is looked for around the same place in the next one, without the detector. New people
are looked for now and then, and at once when someone is lost.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from dataclasses import dataclass, field

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.human.estimators.estimator import HumanEstimator
from pose_ros.human.estimators.movenet import MoveNet, MoveNetConfig
from pose_ros.human.similarity import distinct, similarity
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

# However slow frames come: a search that is due at every frame would make every frame slower, and stay due.
FRAMES_BETWEEN = 5
ASTRAY = 0.3  # similarity to another person above which, and above that to oneself, a look fell on the other


@dataclass(frozen=True)
class TopDownConfig:
    max_people: int = option(6, "at most this many people are followed", range=(1, 20))
    min_score: float = option(
        0.2, "people whose joints' mean score is below this are dropped", range=(0.0, 1.0)
    )
    same_person: float = option(
        0.5, "people whose key points agree more than this (OKS-like) are one", range=(0.0, 1.0)
    )
    detect_every: float = option(
        1.0, "how often new people are looked for while everyone is tracked", unit="s", range=(0.0, 3600.0)
    )
    search_every: float = option(
        0.2, "how often people are looked for while there is nobody", unit="s", range=(0.0, 3600.0)
    )
    detector: MoveNetConfig = field(default_factory=MoveNetConfig)


class TopDown(HumanEstimator):
    skeleton = COCO_17

    def __init__(self, config: TopDownConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self._detector = MoveNet(config.detector, device)
        self.reset()

    @abstractmethod
    def look(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        """The same people in the same order, at least one, each seen alone about where `people` says."""

    def warm_up(self) -> None:
        self._detector.warm_up()

    def reset(self) -> None:
        self._people = Keypoints2D.empty(self.skeleton)
        self._searched_ns: int | None = None
        self._frames = 0  # since the latest search

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        self.stage_ms = {"detect": 0.0, "look": 0.0}
        people = self._follow(rgb, self._people)
        self._frames += 1
        lost = len(people) < len(self._people)
        if len(people) < self.config.max_people and (lost or self._is_due(stamp_ns, len(people) > 0)):
            self._searched_ns, self._frames = stamp_ns, 0
            people = self._distinct(_joined(people, self._meet(rgb, people)))
        self._people = people.select(range(min(len(people), self.config.max_people)))
        return self._people

    def _is_due(self, stamp_ns: int, followed: bool) -> bool:
        """A search is due; `followed`: there are people already."""
        if followed and self._frames < FRAMES_BETWEEN:
            return False
        every = self.config.detect_every if followed else self.config.search_every
        elapsed = np.inf if self._searched_ns is None else (stamp_ns - self._searched_ns) * 1e-9
        return not 0 <= elapsed < every

    def _found(self, rgb: np.ndarray, known: Keypoints2D) -> Keypoints2D:
        """People the detector sees that are not among those known."""
        started = time.perf_counter()
        found = self._detector.detect(rgb)
        if len(known):
            alike = similarity(found.xy, known.xy, found.box_xyxy).max(axis=1)
            found = found.select(np.flatnonzero(alike < self.config.same_person))
        self.stage_ms["detect"] += (time.perf_counter() - started) * 1e3
        return found

    def _follow(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        """These people in a new picture, those who are still there."""
        if not len(people):
            return people
        seen, astray = self._seen(rgb, people, people)
        return self._present(seen.select(np.flatnonzero(~astray)))

    def _meet(self, rgb: np.ndarray, known: Keypoints2D) -> Keypoints2D:
        """People the detector sees that are not among those known."""
        found = self._found(rgb, known)
        if not len(found):
            return found
        seen, astray = self._seen(rgb, found, _joined(found, known))
        # Where the look fell on a neighbour, the detector's own key points are better than none.
        xy = np.where(astray[:, None, None], found.xy, seen.xy)
        score = np.where(astray[:, None], found.score, seen.score)
        box = np.where(astray[:, None], found.box_xyxy, seen.box_xyxy)
        return self._present(Keypoints2D(xy, score, box, self.skeleton))

    def _seen(
        self, rgb: np.ndarray, people: Keypoints2D, everyone: Keypoints2D
    ) -> tuple[Keypoints2D, np.ndarray]:
        """These people looked at one by one, and (N,) whether the look fell on another.

        everyone: these people first, then others who are there, too.
        """
        started = time.perf_counter()
        seen = self.look(rgb, people)
        self.stage_ms["look"] += (time.perf_counter() - started) * 1e3
        alike = similarity(seen.xy, everyone.xy, people.box_xyxy)
        return seen, alike.max(axis=1) > np.maximum(alike.diagonal(), ASTRAY)

    def _present(self, people: Keypoints2D) -> Keypoints2D:
        enough = people.score.mean(axis=1) >= self.config.min_score
        return self._distinct(people.select(np.flatnonzero(enough)))

    def _distinct(self, people: Keypoints2D) -> Keypoints2D:
        return people.select(distinct(people, self.config.same_person))


def _joined(people: Keypoints2D, other: Keypoints2D) -> Keypoints2D:
    return people.joined(other) if len(people) and len(other) else people if len(people) else other


def extent(xy: np.ndarray, score: np.ndarray, threshold: float) -> np.ndarray:
    """Boxes x0 y0 x1 y1 (N,4) px about the key points (N,K,2) above the threshold, all where none is."""
    seen = (score >= threshold) | ~(score >= threshold).any(axis=1, keepdims=True)
    low = np.where(seen[..., None], xy, np.inf).min(axis=1)
    high = np.where(seen[..., None], xy, -np.inf).max(axis=1)
    return np.concatenate([low, high], axis=1)


def person_boxes(people: Keypoints2D, threshold: float = 0.2, margin: float = 0.1) -> np.ndarray:
    """Boxes (N,4) px as annotators draw them: key points end at ankles and eyes, people do not."""
    box = extent(people.xy, people.score, threshold)
    more = margin * (box[:, 2:] - box[:, :2]).max(axis=1, keepdims=True)
    return np.concatenate([box[:, :2] - more, box[:, 2:] + more], axis=1)
