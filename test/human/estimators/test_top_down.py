"""People who are found, followed, lost and taken for each other, by a detector that is told who is there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pose_ros.human.estimators import top_down
from pose_ros.human.estimators.top_down import TopDown, TopDownConfig, extent, person_boxes
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

RGB = np.zeros((480, 640, 3), np.uint8)
SHAPE = np.random.default_rng(1).uniform(0, 1, (17, 2)) * (60, 180)
MS = 1_000_000


def people_at(*corners, score=0.9):
    xy = np.array([SHAPE + corner for corner in corners]).reshape(-1, 17, 2)
    score = np.full(xy.shape[:2], score)
    return Keypoints2D(xy, score, np.concatenate([xy.min(1), xy.max(1)], 1), COCO_17)


class Detector:
    """Sees whoever is there."""

    def __init__(self, config, device):
        self.calls, self.there = 0, []

    def detect(self, rgb):
        self.calls += 1
        return people_at(*self.there)


class Looking(TopDown):
    """Sees, of those who are there, the one nearest to where it looks; nobody farther than 50 px."""

    def look(self, rgb, people):
        seen = []
        for xy in people.xy:
            away = [np.linalg.norm(xy - SHAPE - corner, axis=1).mean() for corner in self._detector.there]
            near = int(np.argmin(away)) if away else -1
            found = near >= 0 and away[near] < 50
            seen.append(people_at(self._detector.there[near]) if found else people_at((0, 0), score=0.0))
        return Keypoints2D(
            *(np.concatenate([getattr(one, name) for one in seen]) for name in ("xy", "score", "box_xyxy")),
            COCO_17,
        )


@pytest.fixture
def make(monkeypatch):
    monkeypatch.setattr(top_down, "MoveNet", Detector)

    def make(*there, kind=Looking, **options):
        estimator = kind(TopDownConfig(**options), torch.device("cpu"))
        estimator._detector.there = list(there)
        return estimator

    return make


def corners(people):
    return sorted(tuple(np.round(xy - SHAPE).mean(0)) for xy in people.xy)


def test_people_are_followed_without_the_detector(make):
    estimator = make((100, 100), (300, 100))
    for n in range(20):
        people = estimator.estimate(RGB, n * 33 * MS)
        assert corners(people) == [(100 + 5 * n, 100), (300 + 5 * n, 100)]
        estimator._detector.there = [(x + 5, y) for x, y in estimator._detector.there]
    assert estimator._detector.calls == 1
    assert set(estimator.stage_ms) == {"detect", "look"}


def test_new_people_are_looked_for_when_it_is_time(make):
    estimator = make((100, 100), detect_every=0.5)
    seen = []
    for n in range(30):
        if n == 3:
            estimator._detector.there.append((300, 100))
        seen.append(len(estimator.estimate(RGB, n * 33 * MS)))
    assert seen == [1] * 16 + [2] * 14  # 0.5 s are 16 frames
    assert estimator._detector.calls == 2


def test_who_is_lost_is_looked_for_at_once(make):
    estimator = make((100, 100), (300, 100))
    estimator.estimate(RGB, 0)
    estimator._detector.there[1] = (450, 200)
    assert corners(estimator.estimate(RGB, 33 * MS)) == [(100, 100), (450, 200)]
    assert estimator._detector.calls == 2


def test_an_empty_scene_is_searched_now_and_then(make):
    estimator = make(search_every=0.2)
    for n in range(31):
        assert len(estimator.estimate(RGB, n * 33 * MS)) == 0
    assert estimator._detector.calls == 5


def test_a_clock_set_back_does_not_stop_the_search(make):
    estimator = make()
    estimator.estimate(RGB, 10_000 * MS)
    estimator._detector.there = [(100, 100)]
    assert len(estimator.estimate(RGB, 0)) == 1


def test_at_most_so_many_and_nobody_below_the_score(make):
    there = [(x, 100) for x in (0, 150, 300, 450)]
    assert len(make(*there, max_people=3).estimate(RGB, 0)) == 3
    assert len(make(*there, min_score=0.95).estimate(RGB, 0)) == 0


def test_reset_forgets_everyone(make):
    estimator = make((100, 100))
    estimator.estimate(RGB, 0)
    estimator._detector.there = []
    estimator.reset()
    assert len(estimator.estimate(RGB, 0)) == 0
    assert estimator._detector.calls == 2


class Mistaken(Looking):
    """Looks at the first of them, wherever it is told to look."""

    def look(self, rgb, people):
        return people_at(*[self._detector.there[0]] * len(people))


def test_whoever_the_look_misses_is_where_the_detector_saw_them(make):
    estimator = make((100, 100), (160, 110), kind=Mistaken)
    for n in range(3):
        assert corners(estimator.estimate(RGB, n * 33 * MS)) == [(100, 100), (160, 110)]
    assert estimator._detector.calls == 3  # one of them is lost in every frame


def test_boxes_are_of_what_was_seen():
    people = people_at((10, 20), (200, 50))
    people.score[0, :5] = 0.05
    box = extent(people.xy, people.score, 0.2)
    np.testing.assert_allclose(box[0], [*people.xy[0, 5:].min(0), *people.xy[0, 5:].max(0)])
    np.testing.assert_allclose(box[1], [*people.xy[1].min(0), *people.xy[1].max(0)])
    people.score[1] = 0.0
    np.testing.assert_allclose(extent(people.xy, people.score, 0.2)[1], box[1])  # better than nothing
    wide = person_boxes(people, margin=0.1)
    np.testing.assert_allclose(wide[1] - box[1], np.array([-1, -1, 1, 1]) * 0.1 * (box[1, 3] - box[1, 1]))
