"""Range of motion: known ranges are found, noise does not widen them, errors are told."""

import numpy as np
import pytest

from pose_ros.apps.posture.angles import ANGLES, ROW
from pose_ros.apps.posture.motion_range import ranges_of_motion
from pose_ros.errors import ShapeError


def recording(frames=600):
    value = np.full((frames, len(ANGLES)), np.nan)
    t = np.linspace(0, 6 * np.pi, frames)
    value[:, ROW["left_knee_flexion"]] = np.radians(50 + 40 * np.sin(t))
    return value, np.where(np.isfinite(value), np.radians(2.0), np.nan)


def test_a_known_range_is_found_and_unknown_angles_are_left_out():
    (knee,) = ranges_of_motion(*recording())
    assert knee.name == "left_knee_flexion"
    assert np.degrees([knee.least, knee.most]) == pytest.approx([10, 90], abs=0.5)
    assert knee.known == 1.0
    assert np.degrees(knee.sigma) == pytest.approx(2.0 * np.sqrt(2))


def test_outliers_do_not_widen_it_and_gaps_are_told():
    value, sigma = recording()
    rng = np.random.default_rng(0)
    value[rng.choice(600, 8, replace=False), ROW["left_knee_flexion"]] = np.radians(170)
    value[:150] = np.nan
    (knee,) = ranges_of_motion(value, sigma)
    assert np.degrees(knee.range) < 84
    assert knee.known == 0.75


def test_the_error_is_that_of_the_ends():
    value, sigma = recording()
    high = value[:, ROW["left_knee_flexion"]] > np.radians(85)
    sigma[high] = np.radians(10.0)
    (knee,) = ranges_of_motion(value, sigma)
    assert np.degrees(knee.sigma) == pytest.approx(np.hypot(2, 10), abs=0.01)


def test_nothing_and_wrong_shapes():
    assert ranges_of_motion(np.full((0, len(ANGLES)), np.nan), np.full((0, len(ANGLES)), np.nan)) == []
    with pytest.raises(ShapeError):
        ranges_of_motion(np.zeros((5, 3)), np.zeros((5, 3)))
