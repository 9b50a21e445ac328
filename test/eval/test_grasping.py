"""Figures of grasps: intervals, what failed, and what is taken for seen."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import binomtest

from pose_ros.eval.grasp_tries import Try, relabelled, seen_of
from pose_ros.eval.grasping import figures, table_of, wilson
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.types import Objects, TrackedObject, TrackState


@pytest.mark.parametrize(("good", "of"), [(0, 10), (9, 10), (50, 100), (100, 100)])
def test_the_interval_is_wilsons(good, of):
    other = binomtest(good, of).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(good, of), (other.low, other.high), atol=1e-4)


def test_nothing_tried_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


def one(poses: str, failure: str, error: float = 1.0) -> Try:
    return Try((1, 0), "mug", poses, not failure, failure, "", error)


def test_figures_count_each_kind_of_failure_apart():
    tries = [
        one("estimated", ""),
        one("estimated", "slipped"),
        one("estimated", "not found", np.nan),
        one("true", ""),
    ]
    found = figures(tries)
    assert (found["estimated"]["lifted"], found["estimated"]["tried"]) == (1, 3)
    assert found["estimated"]["failures"] == {"slipped": 1, "not found": 1}
    assert found["true"]["share"] == 1.0
    assert found["estimated"]["median_error_mm"] == 1.0
    text = table_of(found)
    assert "33% (6% to 79%)" in text
    assert text.count("\n") == 3


def tracked(label: str, score: float, state: TrackState = TrackState.TRACKED) -> TrackedObject:
    pose = RigidTransform(np.eye(3), np.array([score, 0.0, 0.0]))
    spread = np.diag([1.0, 4, 9, 16, 25, 36]) * 1e-6
    return TrackedObject(f"{label}_1", label, state, 1, score, pose, spread, 1.0, 1.0, False)


def test_the_surest_of_each_label_counts_and_its_pixels_with_it():
    things = (
        tracked("a", 0.4), tracked("b", 0.9), tracked("a", 0.8), tracked("c", 0.99, TrackState.LOST),
    )  # fmt: skip
    image = np.array([[0, 1, 2], [3, 4, 0]], np.uint8)
    objects = Objects(things, image, {}, 0, "camera")
    turn = RigidTransform(rotation_exp(np.array([0, 0, np.pi / 2])), np.array([1.0, 2, 3]))
    seen = seen_of(objects, turn)
    assert list(seen) == ["a", "b"]
    np.testing.assert_allclose(seen["a"].world_from_object.translation, [1, 2.8, 3], atol=1e-12)
    # A quarter turn about z exchanges x and y.
    np.testing.assert_allclose(
        np.diag(seen["a"].covariance), np.array([4, 1, 9, 25, 16, 36]) * 1e-6, atol=1e-12
    )
    np.testing.assert_array_equal(relabelled(objects), [[0, 0, 2], [1, 0, 0]])


def test_an_object_that_is_not_found_is_not_grasped():
    pytest.importorskip("pybullet", reason="the simulator needs pybullet")
    from pose_ros.eval.grasp_tries import carry_out

    shelf = SimpleNamespace(
        label=lambda number: "mug", models=[SimpleNamespace(shape=SimpleNamespace(name="mug"))]
    )
    table = SimpleNamespace(shelf=shelf, seed=(1, 2))
    known = SimpleNamespace(models={"mug": SimpleNamespace(diameter=0.1)})
    result = carry_out(known, table, 1, {}, [], "not in sight", np.zeros((0, 3)), "estimated")
    assert (result.lifted, result.failure, result.why) == (False, "not found", "not in sight")
