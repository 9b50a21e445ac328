import numpy as np
import pytest
import torch
from known import ASIDE, bank_of, error_of, placed, seen, view_of
from posed import random_pose

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.fit import stepped
from pose_ros.objects.refine import pixel_rows, refine
from pose_ros.objects.segments import segments_of
from pose_ros.objects.verify import look
from pose_ros.types import Detections2D


@pytest.mark.parametrize("part", range(6))
def test_pixel_rows_are_the_derivative_of_a_picture_that_rises_evenly(part):
    rng = np.random.default_rng(part)
    pose = random_pose(rng)
    frame, _ = seen([("bracket", pose)])
    bank, view = bank_of("bracket"), view_of(frame)
    model, rotation, translation = placed("bracket", pose)
    rises = torch.as_tensor(rng.normal(size=(1, 200, 2)), dtype=torch.float32)

    def value(size: float) -> torch.Tensor:
        step = torch.zeros(1, 6)
        step[0, part] = size
        sight = look(bank, model, *stepped(rotation, translation, step), view, 200)
        return (sight.pixel * rises).sum(-1)

    sight = look(bank, model, rotation, translation, view, 200)
    rows = pixel_rows(sight, rotation, view, rises)[..., part]
    numeric = (value(2e-3) - value(-2e-3)) / 4e-3
    np.testing.assert_allclose(rows, numeric, atol=0.02 * float(numeric.abs().max()))


def refined(
    name: str, pose: RigidTransform, noise: np.ndarray, rng, textured: bool = False, iterations: int = 8
):
    """The pose after refinement from beside it, and the information."""
    frame, masks = seen([(name, pose)], rng)
    view = view_of(frame)
    segments = segments_of(frame, Detections2D.unnamed(masks), view)
    bank = bank_of(name)
    model, rotation, translation = placed(name, pose)
    start = stepped(rotation, translation, torch.as_tensor(noise[None], dtype=torch.float32))
    turn, place, information = refine(
        bank, model, *start, view, segments.points[:, :320], segments.outline, 512, iterations,
        torch.tensor([textured]),
    )  # fmt: skip
    origin = bank.to_mesh(model, turn, place)
    return RigidTransform(turn[0].double().numpy(), origin[0].double().numpy()), information[0]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["bracket", "aside", "box"])
def test_a_pose_a_little_off_is_put_right(name, seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    if name == "aside":
        pose = RigidTransform(pose.rotation, pose.translation - pose.rotation @ ASIDE)
    noise = rng.normal(0, [0.003] * 3 + [0.04] * 3)
    found, information = refined(name, pose, noise, rng)
    shift, angle = error_of(name, found, pose)
    assert shift < 0.003
    assert angle < 2.0
    assert torch.equal(information, information.T) or torch.allclose(
        information, information.T, rtol=1e-3, atol=1.0
    )
    assert np.linalg.eigvalsh(information.double().numpy()).min() > -1e-3 * float(
        information.diagonal().max()
    )


@pytest.mark.parametrize("shift", [(0.01, 0, 0), (-0.006, 0.008, 0)])
def test_the_outline_holds_a_plate_that_depth_lets_slide(shift):
    """A box seen straight from before: only its border tells where it is in its plane, as finely as samples
    of the surface lie there.
    """
    pose = RigidTransform(np.eye(3), np.array([0, 0, 0.6]))
    noise = np.array([*shift, 0, 0, 0])
    found, _ = refined("box", pose, noise, np.random.default_rng(0), iterations=12)
    assert error_of("box", found, pose)[0] < 0.5 * np.linalg.norm(shift)


def test_brightness_adds_information_only_where_it_is_asked_for():
    pose = random_pose(np.random.default_rng(0))
    with_colors, without = (
        refined("bright", pose, np.zeros(6), np.random.default_rng(0), textured)[1]
        for textured in (True, False)
    )
    assert with_colors.diagonal().sum() > 1.01 * without.diagonal().sum()
