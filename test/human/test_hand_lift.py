"""Hands in metres: exact where nothing errs, of any size, and honest about what depth does not show."""

import numpy as np
import pytest
from hand_law import CAMERA, depth_of, hand, landmarks

from pose_ros.human.hand_lift import HandLiftConfig, lift_hands
from pose_ros.skeleton import HAND_21
from pose_ros.types import Origin

CERTAIN = np.eye(3) * 1e-6


def lifted(hands, sides, depth, wrists=None):
    seen = [landmarks(xyz, right) for xyz, right in zip(hands, sides, strict=True)]
    xy, shape = (np.array(parts) for parts in zip(*seen, strict=True))
    wrists = np.array([xyz[0] for xyz in hands]) if wrists is None else wrists
    covariance = np.tile(CERTAIN, (len(hands), 1, 1))
    score = np.full(len(hands), 0.9)
    return lift_hands(np.array(sides), xy, shape, score, wrists, covariance, depth, CAMERA, HandLiftConfig())


def error_mm(joints, xyz) -> np.ndarray:
    return np.linalg.norm(joints - xyz, axis=-1) * 1e3


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("size", [0.85, 1.0, 1.15])
@pytest.mark.parametrize("turn", [(0, 0, 0), (0.5, 0, 0), (0, 0.6, 0.4), (-0.4, 0.3, 2.0)])
def test_a_hand_without_errors_is_found_where_it_is(right, size, turn):
    xyz = hand(right, size=size, turn=turn)
    found = lifted([xyz], [right], depth_of([xyz]))
    assert error_mm(found.xyz[0], xyz).mean() < 3
    assert (found.origin[0] == Origin.MEASURED).mean() > 0.7


def test_size_comes_from_depth_and_not_from_the_wrist():
    """The body's wrist is off by 6 cm along the ray: depth on the hand says better."""
    xyz = hand()
    wrong = xyz[:1] * (1 + 0.06 / xyz[0, 2])
    seen, shape = landmarks(xyz, False)
    args = np.array([False]), seen[None], shape[None], np.ones(1), wrong, CERTAIN[None] * 900
    found = lift_hands(*args, depth_of([xyz]), CAMERA, HandLiftConfig())
    assert error_mm(found.xyz[0], xyz).mean() < 8


def test_without_depth_the_body_says_how_far_away_it_is():
    xyz = hand(turn=(0.3, 0.2, 0))
    found = lifted([xyz], [False], np.full((480, 640), np.nan, np.float32))
    assert error_mm(found.xyz[0], xyz).mean() < 12
    assert (found.origin == Origin.INFERRED).all()
    seen = lifted([xyz], [False], depth_of([xyz]))
    spread = np.einsum("mkii->mk", found.covariance) > np.einsum("mkii->mk", seen.covariance)
    assert spread.mean() > 0.9  # and is less certain


def test_the_wall_beside_a_finger_is_not_taken_for_it():
    xyz = hand()
    depth = depth_of([xyz])
    u, v = np.rint(CAMERA.project(xyz[HAND_21.index("index_tip")])).astype(int)
    depth[v - 15 : v + 15, u - 15 : u + 15] = 1.6
    found = lifted([xyz], [False], depth)
    tip = HAND_21.index("index_tip")
    assert found.origin[0, tip] == Origin.INFERRED
    assert error_mm(found.xyz[0], xyz)[tip] < 20
    known = np.trace(found.covariance[0, HAND_21.index("middle_tip")])
    assert np.trace(found.covariance[0, tip]) > known


def test_a_batch_is_as_one_by_one_and_mirrored_hands_are_mirrored():
    left, right = hand(turn=(0.3, 0.2, 0.1)), hand(True, place=(-0.2, 0.1, 0.7))
    depth = depth_of([left, right])
    both = lifted([left, right], [False, True], depth)
    for n, (xyz, side) in enumerate(((left, False), (right, True))):
        np.testing.assert_allclose(lifted([xyz], [side], depth).xyz[0], both.xyz[n], atol=1e-9)
    mirror, twin = np.array([-1.0, 1, 1]), left * (-1, 1, 1)
    alone = lifted([left], [False], depth_of([left])).xyz[0]
    mirrored = lifted([twin], [True], depth_of([twin])).xyz[0]
    np.testing.assert_allclose(mirrored * mirror, alone, atol=2e-3)


def test_covariances_are_positive_and_symmetric():
    xyz = hand(turn=(0.2, 0.5, 0))
    covariance = lifted([xyz], [False], depth_of([xyz])).covariance[0]
    np.testing.assert_allclose(covariance, np.swapaxes(covariance, -1, -2))
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_a_hand_whose_wrist_is_unknown_is_unknown_and_nobody_is_nobody():
    xyz = hand()
    found = lifted([xyz, xyz], [False, False], depth_of([xyz]), np.array([[np.nan] * 3, xyz[0]]))
    assert (found.origin[0] == Origin.UNKNOWN).all()
    assert np.isnan(found.xyz[0]).all()
    assert np.isfinite(found.xyz[1]).all()
    none = lift_hands(
        np.zeros(0, bool), np.zeros((0, 21, 2)), np.zeros((0, 21, 3)), np.zeros(0), np.zeros((0, 3)),
        np.zeros((0, 3, 3)), depth_of([]), CAMERA, HandLiftConfig(),
    )  # fmt: skip
    assert len(none) == 0
