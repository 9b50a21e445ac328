import numpy as np
import pytest
import torch
from known import ASIDE, error_of, found, known, pose_at
from posed import about, random_pose

from pose_ros.objects.uncertainty import covariance_of

SURE = torch.diag(torch.tensor([1e10] * 3 + [1e8] * 3))
NOTHING = torch.zeros(6, 6)


def covariance(name: str, information=SURE, rotation=None) -> np.ndarray:
    rotation = np.eye(3) if rotation is None else rotation
    turn = torch.as_tensor(rotation[None], dtype=torch.float32)
    return covariance_of(information[None], turn, torch.zeros(1, dtype=torch.long), [known(name)])[0]


def well_formed(matrix: np.ndarray) -> bool:
    return np.allclose(matrix, matrix.T, atol=1e-12) and np.linalg.eigvalsh(matrix).min() > 0


@pytest.mark.parametrize("name", ["bracket", "aside", "can", "ball", "bright"])
@pytest.mark.parametrize("information", [SURE, NOTHING], ids=["sure", "nothing"])
def test_every_covariance_is_one(name, information):
    pose = random_pose(np.random.default_rng(0))
    assert well_formed(covariance(name, information, pose.rotation))


def test_what_is_not_observed_is_unknown_and_no_number_of_pixels_makes_it_certain():
    model = known("bracket")
    nothing, sure = covariance("bracket", NOTHING), covariance("bracket", 1e6 * SURE)
    centre = np.abs(model.bounds.mean(0)).max()
    assert np.sqrt(np.diag(nothing)[:3]) == pytest.approx([model.diameter] * 3, rel=0.1)
    assert (np.sqrt(np.diag(nothing)[3:]) > 1.5).all()
    assert (np.sqrt(np.diag(sure)[:3]) > 1e-4).all()
    assert (np.sqrt(np.diag(sure)[:3]) < 1e-3 + 0.01 * centre).all()
    assert (np.diag(sure) < np.diag(nothing)).all()


def test_a_turn_about_a_cylinders_axis_is_free_and_only_that():
    rotation = random_pose(np.random.default_rng(3)).rotation
    matrix = covariance("can", SURE, rotation)
    axis = rotation @ known("can").symmetries.axis
    across = np.linalg.svd(axis[None])[2][1:]
    assert np.sqrt(axis @ matrix[3:, 3:] @ axis) > 1.5
    for direction in across:
        assert np.sqrt(direction @ matrix[3:, 3:] @ direction) < 0.1
    assert np.sqrt(np.diag(matrix)[:3]).max() < 0.005


def test_every_turn_of_a_ball_is_free():
    matrix = covariance("ball")
    assert (np.sqrt(np.diag(matrix)[3:]) > 1.5).all()
    assert np.sqrt(np.diag(matrix)[:3]).max() < 0.005


def test_the_same_body_far_from_its_origin_has_the_lever_arm():
    """Turning about the middle moves the origin: the same covariance, carried to there."""
    rotation = random_pose(np.random.default_rng(1)).rotation
    here, there = covariance("bracket", SURE, rotation), covariance("aside", SURE, rotation)
    np.testing.assert_allclose(there[3:, 3:], here[3:, 3:], rtol=1e-3)
    # Where the origin goes, for many small errors drawn at the bracket's origin.
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(6), here, 200_000)
    lever = rotation @ -(known("aside").bounds - known("bracket").bounds).mean(0)
    moved = drawn[:, :3] + np.cross(drawn[:, 3:], lever)
    expected = np.cov(moved.T)
    assert np.abs(there[:3, :3] - expected).max() < 0.02 * np.abs(expected).max()
    assert np.linalg.norm(lever) == pytest.approx(np.linalg.norm(ASIDE), rel=1e-6)


def test_it_turns_with_the_camera():
    rotation = random_pose(np.random.default_rng(2)).rotation
    information = torch.diag(torch.tensor([1e4, 1e6, 1e8, 1e4, 1e5, 1e6]))
    straight, turned = covariance("box", information), covariance("box", information, rotation)
    both = np.kron(np.eye(2), rotation)
    np.testing.assert_allclose(turned, both @ straight @ both.T, atol=1e-6)


def test_errors_are_of_the_size_it_says():
    """Over several noisy pictures the error is neither many times the deviation nor a tiny part of it."""
    shares = []
    for seed in range(6):
        pose = about(known("bracket").mesh, random_pose(np.random.default_rng(seed)))
        poses, _ = found([("bracket", pose)], ("bracket",), seed)
        shift, angle = error_of("bracket", pose_at(poses, 0), pose)
        spread = np.sqrt(np.trace(poses.covariance[0, :3, :3]))
        assert well_formed(poses.covariance[0])
        assert shift < 5 * spread + 1e-9
        assert np.radians(angle) < 5 * np.sqrt(np.trace(poses.covariance[0, 3:, 3:]))
        shares.append(shift / spread)
    assert 0.1 < np.median(shares) < 3


def test_poses_are_as_long_as_asked():
    turn = torch.eye(3).expand(3, 3, 3)
    models = [known("bracket"), known("can")]
    matrices = covariance_of(SURE.expand(3, 6, 6), turn, torch.tensor([1, 0, 1]), models)
    assert matrices.shape == (3, 6, 6)
    np.testing.assert_allclose(matrices[0], matrices[2])
    np.testing.assert_allclose(matrices[1], covariance("bracket"))
