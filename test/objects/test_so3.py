import numpy as np
import torch
from scipy.spatial.transform import Rotation

from pose_ros.objects.so3 import angle_between, even_rotations, orthogonal, rotation_exp, skew


def test_the_exponential_is_scipys_however_small_or_large_the_turn():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(200, 3)) * np.logspace(-9, 1, 200)[:, None]
    theta[0] = 0
    ours = rotation_exp(torch.as_tensor(theta)).numpy()
    np.testing.assert_allclose(ours, Rotation.from_rotvec(theta).as_matrix(), atol=1e-9)


def test_skew_is_the_cross_product():
    first, second = torch.randn(2, 20, 3, generator=torch.Generator().manual_seed(0))
    expected = torch.linalg.cross(first, second)
    torch.testing.assert_close((skew(first) @ second[..., None])[..., 0], expected)


def test_even_rotations_are_rotations_and_even():
    """No rotation is far from all of them, and no two are much nearer than others."""
    turns = even_rotations(600)
    np.testing.assert_allclose(
        turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(turns), 1)

    def apart(first):
        trace = np.einsum("nij,mij->nm", first, turns)
        return np.degrees(np.arccos(((trace - 1) / 2).clip(-1, 1)))

    anywhere = Rotation.random(3000, random_state=0).as_matrix()
    # 600 balls that fill SO(3) (volume pi² by rotation vectors, 8 pi² / 8) have a radius of 14.4 degrees.
    assert apart(anywhere).min(1).max() < 2 * 14.4
    nearest = np.sort(apart(turns), axis=1)[:, 1]
    assert nearest.min() > 14.4
    chosen = np.bincount(apart(anywhere).argmin(1), minlength=600)
    assert chosen.max() < 4 * chosen.mean()


def test_the_angle_between_rotations():
    rng = np.random.default_rng(1)
    first = Rotation.random(50, random_state=1)
    angle = rng.uniform(0.05, 3.1, 50)
    axis = rng.normal(size=(50, 3))
    axis *= (angle / np.linalg.norm(axis, axis=1))[:, None]
    second = first * Rotation.from_rotvec(axis)
    found = angle_between(torch.as_tensor(first.as_matrix()), torch.as_tensor(second.as_matrix()))
    np.testing.assert_allclose(found, angle, atol=1e-6)


def test_orthogonal_mends_what_float32_has_worn():
    rng = np.random.default_rng(2)
    turns = Rotation.random(20, random_state=2).as_matrix()
    mended = orthogonal(turns + rng.normal(0, 1e-4, turns.shape))
    np.testing.assert_allclose(
        mended @ mended.transpose(0, 2, 1), np.broadcast_to(np.eye(3), turns.shape), atol=1e-12
    )
    np.testing.assert_allclose(mended, turns, atol=1e-3)
