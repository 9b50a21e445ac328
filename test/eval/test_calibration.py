"""Scores: ranking and calibration, by definition and on known cases."""

import math

import numpy as np
import pytest

from pose_ros.eval.calibration import auroc, ellipsoid_coverage, expected_calibration_error

RNG = np.random.default_rng(0)


def test_auroc_is_the_share_of_pairs_in_order():
    score, right = np.round(RNG.random(60), 1), RNG.random(60) < 0.5
    pairs = [(a, b) for a in score[right] for b in score[~right]]
    expected = np.mean([1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs])
    assert auroc(score, right) == pytest.approx(expected)
    assert auroc(np.array([0.9, 0.1]), np.array([True, False])) == 1
    assert auroc(np.array([0.1, 0.9]), np.array([True, False])) == 0
    assert math.isnan(auroc(np.ones(3), np.ones(3, bool)))


def test_calibration_error_of_known_cases():
    assert expected_calibration_error(np.full(10, 0.85), np.arange(10) < 8) == pytest.approx(0.05)
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([False, True])) == 1
    # Two bins, a quarter and three quarters of the scores.
    score = np.array([0.05, 0.95, 0.95, 0.95])
    assert expected_calibration_error(score, np.array([True, True, True, True])) == pytest.approx(
        (0.95 + 3 * 0.05) / 4
    )
    assert math.isnan(expected_calibration_error(np.zeros(0), np.zeros(0)))


def test_a_true_probability_is_calibrated():
    score = RNG.random(200_000)
    assert expected_calibration_error(score, RNG.random(200_000) < score) < 0.01


def test_the_ellipsoid_holds_its_share_of_gaussian_errors():
    root = RNG.normal(size=(6, 6))
    covariance = root @ root.T
    errors = RNG.normal(size=(20_000, 6)) @ root.T
    covariances = np.broadcast_to(covariance, (20_000, 6, 6))
    assert ellipsoid_coverage(errors, covariances) == pytest.approx(0.95, abs=0.01)
    assert ellipsoid_coverage(2 * errors, covariances) < 0.6
    assert ellipsoid_coverage(errors, covariances, 0.5) == pytest.approx(0.5, abs=0.02)
    assert math.isnan(ellipsoid_coverage(np.zeros((0, 6)), np.zeros((0, 6, 6))))
