"""Yaw, pitch and roll against the camera: laws and signs."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose_ros.geometry.facing import FACING, facing_rotation, yaw_pitch_roll

RIGHT, DOWN, NEARER = np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), np.array([0, 0, -1.0])


@pytest.mark.parametrize("seed", range(5))
def test_round_trip(seed):
    random = np.random.default_rng(seed)
    angles = random.uniform(-1, 1, (50, 3)) * (179, 89, 179)
    np.testing.assert_allclose(yaw_pitch_roll(facing_rotation(angles)), angles, atol=1e-6)
    rotations = Rotation.random(20, rng=random).as_matrix()
    np.testing.assert_allclose(facing_rotation(yaw_pitch_roll(rotations)), rotations, atol=1e-6)


def test_who_looks_back_along_the_optical_axis_has_zero():
    np.testing.assert_allclose(FACING[:, 0], NEARER)
    np.testing.assert_allclose(yaw_pitch_roll(FACING), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("angles", "axis", "toward"),
    [((20, 0, 0), 0, RIGHT), ((0, 20, 0), 0, DOWN), ((0, 0, 20), 2, -RIGHT)],
    ids=[
        "yaw: forward to the person's left, the image's right",
        "pitch: forward down",
        "roll: top to the right",
    ],
)
def test_signs(angles, axis, toward):
    """The person's left is at the image's right."""
    moved = facing_rotation(np.array(angles))[:, axis] - FACING[:, axis]
    assert moved @ toward > 0.3
    assert abs(moved @ toward) == pytest.approx(np.sin(np.radians(20)))


def test_a_mirrored_picture_has_yaw_and_roll_reversed():
    mirror_image, mirror_head = np.diag([-1.0, 1, 1]), np.diag([1.0, -1, 1])
    rotation = facing_rotation(np.array([25.0, 10, -5]))
    np.testing.assert_allclose(yaw_pitch_roll(mirror_image @ rotation @ mirror_head), [-25, 10, 5], atol=1e-9)


def test_unknown_stays_unknown():
    assert np.isnan(yaw_pitch_roll(np.full((2, 3, 3), np.nan))).all()
