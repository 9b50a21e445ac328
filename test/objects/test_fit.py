import numpy as np
import pytest
import torch
from known import bank_of, error_of, known, placed
from posed import random_pose

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.fit import field_rows, fit_to_field, solve, stepped, to_object
from pose_ros.objects.so3 import rotation_exp


def surface_points(name: str, pose: RigidTransform, count: int = 200) -> torch.Tensor:
    """(count,3) of the posed surface, in the camera's frame."""
    return torch.as_tensor(pose.apply(known(name).surface.points[:count]), dtype=torch.float32)


def test_points_go_to_the_objects_frame_and_back():
    pose = random_pose(np.random.default_rng(0))
    _, rotation, translation = placed("bracket", pose)
    local = to_object(rotation, translation, surface_points("bracket", pose))
    np.testing.assert_allclose(local[0], bank_of("bracket").points[0, :200], atol=1e-6)


@pytest.mark.parametrize("part", range(6))
def test_field_rows_are_the_derivative_of_the_distance(part):
    rng = np.random.default_rng(part)
    pose = random_pose(rng)
    bank = bank_of("bracket")
    model, rotation, translation = placed("bracket", pose)
    points = surface_points("bracket", pose) + torch.as_tensor(
        rng.normal(0, 0.01, (200, 3)), dtype=torch.float32
    )

    def distance(size: float) -> tuple[torch.Tensor, torch.Tensor]:
        step = torch.zeros(1, 6)
        step[0, part] = size
        return bank.distance(model, to_object(*stepped(rotation, translation, step), points))

    (after, slope_after), (before, slope_before) = distance(5e-4), distance(-5e-4)
    local = to_object(rotation, translation, points)
    _, gradient = bank.distance(model, local)
    rows = field_rows(local, gradient)[0, :, part]
    same = ((slope_after == gradient) & (slope_before == gradient)).all(-1)[
        0
    ]  # the same voxel, where it is linear
    assert same.float().mean() > 0.5
    np.testing.assert_allclose(rows[same], ((after - before) / 1e-3)[0, same], atol=2e-3)


def test_a_step_moves_and_turns_in_the_objects_own_frame():
    pose = random_pose(np.random.default_rng(4))
    _, rotation, translation = placed("box", pose)
    step = torch.tensor([[0.01, -0.02, 0.03, 0.1, 0.2, -0.3]])
    moved = stepped(rotation, translation, step)
    points = torch.randn(1, 10, 3, generator=torch.Generator().manual_seed(0))
    turned = points @ rotation_exp(step[:, 3:]).transpose(1, 2) + step[:, None, :3]
    expected = turned @ rotation.transpose(1, 2) + translation[:, None]
    torch.testing.assert_close(to_object(*moved, expected[0]), points, atol=1e-5, rtol=1e-4)


def test_solve_is_newtons_step_where_everything_is_observed():
    rng = np.random.default_rng(0)
    rows = torch.as_tensor(rng.normal(size=(3, 100, 6)))
    step = torch.as_tensor(rng.normal(0, 0.05, size=(3, 6)))
    residual = -(rows @ step[..., None])[..., 0]
    found = solve(
        rows.transpose(1, 2) @ rows,
        (rows.transpose(1, 2) @ residual[..., None])[..., 0],
        torch.ones(3).double(),
    )
    torch.testing.assert_close(found, step, atol=1e-4, rtol=1e-3)


def test_what_is_not_observed_stays_and_nothing_is_ever_infinite():
    flat = torch.zeros(2, 6, 6)
    flat[0, 2, 2] = 1e6  # of the first only the third translation is seen, of the second nothing
    step = solve(flat, torch.tensor([[0, 0, -1e4, 0, 0, 0], [0.0] * 6]), torch.full((2,), 0.05))
    assert step.isfinite().all()
    assert step[0, 2] == pytest.approx(0.01, rel=1e-3)
    assert step.abs().sum() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["bracket", "aside", "box"])
def test_a_perturbed_pose_is_pulled_back(name, seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    bank = bank_of(name)
    model, rotation, translation = placed(name, pose)
    noise = rng.normal(0, [0.005] * 3 + [0.08] * 3)
    moved = stepped(rotation, translation, torch.as_tensor(noise[None], dtype=torch.float32))
    scales = [0.02, 0.015, 0.01, 0.005, 0.003, 0.002, 0.001, 0.001]
    turn, place = fit_to_field(bank, model, *moved, surface_points(name, pose, 400), scales)
    origin = bank.to_mesh(model, turn, place)
    shift, angle = error_of(name, RigidTransform(turn[0].numpy(), origin[0].numpy()), pose)
    assert shift < 0.0005
    assert angle < 0.5


def test_strangers_far_away_hardly_pull():
    pose = random_pose(np.random.default_rng(3))
    bank = bank_of("bracket")
    model, rotation, translation = placed("bracket", pose)
    points = surface_points("bracket", pose, 200)
    strangers = torch.as_tensor(pose.translation + [0.25, 0, 0], dtype=torch.float32).expand(60, 3)
    _, place = fit_to_field(bank, model, rotation, translation, torch.cat([points, strangers]), [0.01] * 5)
    assert (place - translation).norm() < 0.0005
