"""Laws of rigid transforms, on batches of random ones."""

import numpy as np
import pytest
import transforms3d

from pose_ros.errors import ShapeError
from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log, skew


@pytest.fixture(params=range(3))
def rng(request):
    return np.random.default_rng(request.param)


def random_transforms(rng, n=20):
    return RigidTransform.exp(rng.normal(size=(n, 6)))


def same(a, b):
    np.testing.assert_allclose(a.rotation, b.rotation, atol=1e-12)
    np.testing.assert_allclose(a.translation, b.translation, atol=1e-12)


def test_group_axioms(rng):
    a, b, c = (random_transforms(rng) for _ in range(3))
    same((a @ b) @ c, a @ (b @ c))
    same(a @ RigidTransform.identity(), a)
    same(a @ a.inverse(), RigidTransform(np.tile(np.eye(3), (20, 1, 1)), np.zeros((20, 3))))


def test_composition_is_application_in_turn(rng):
    a, b = random_transforms(rng), random_transforms(rng)
    points = rng.normal(size=(20, 3))
    np.testing.assert_allclose((a @ b).apply(points), a.apply(b.apply(points)), atol=1e-12)


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e-5, 1e-2, 1.0, 3.1 / np.sqrt(3)])
def test_log_undoes_exp(rng, scale):
    twist = rng.normal(size=(50, 6))
    twist[:, 3:] *= scale / np.linalg.norm(twist[:, 3:], axis=1, keepdims=True)
    np.testing.assert_allclose(RigidTransform.exp(twist).log(), twist, atol=1e-7)


def test_exp_is_the_flow_of_its_twist(rng):
    twist = rng.normal(size=6)
    many = RigidTransform.identity()
    step = RigidTransform.exp(twist / 1000)
    for _ in range(1000):
        many = many @ step
    np.testing.assert_allclose(many.translation, RigidTransform.exp(twist).translation, atol=1e-10)


def test_quaternion_round_trip_and_order(rng):
    a = random_transforms(rng)
    quaternion = a.quaternion
    assert np.all(quaternion[:, 3] >= 0)
    same(RigidTransform.from_quaternion(quaternion, a.translation), a)
    x, y, z, w = quaternion[0]
    np.testing.assert_allclose(transforms3d.quaternions.quat2mat([w, x, y, z]), a.rotation[0], atol=1e-12)


def test_rotation_exp_log_and_skew(rng):
    theta = rng.uniform(-1.8, 1.8, size=(4, 5, 3))
    np.testing.assert_allclose(rotation_log(rotation_exp(theta)), theta, atol=1e-9)
    b = rng.normal(size=(4, 5, 3))
    np.testing.assert_allclose(np.einsum("...ij,...j", skew(theta), b), np.cross(theta, b), atol=1e-12)


def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"rotation .*expected"):
        RigidTransform(np.eye(4), np.zeros(3))
    with pytest.raises(ShapeError, match="translation"):
        RigidTransform(np.eye(3), np.zeros((2, 3)))
