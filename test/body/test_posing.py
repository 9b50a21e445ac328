"""Laws of the body in torch: anny's own posing is the oracle, finite differences are the oracle of slopes."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="the body fit needs anny")

import torch

from pose_ros.body.phenotype import PHENOTYPE
from pose_ros.body.posing import Poser
from pose_ros.body.rig import SEGMENTS, Shape
from pose_ros.body.rotations import exp_rotation, left_jacobian, log_rotation
from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.body import Body
from pose_ros.sources.synthetic.motion import MOTIONS, Stage

SHAPE = Shape(gender=0.7, age=0.75, muscle=0.55, weight=0.42, height=0.52, proportions=0.4)
STAGE = Stage(np.zeros(2), 0.4, (0.8, 1.0))


@pytest.fixture(scope="module")
def poser():
    return Poser(np.arange(0, 13718, 37))


@pytest.fixture(scope="module")
def poses():
    """Body, its truth, and the same poses as the fit's unknowns."""
    body = Body(SHAPE)
    parts = [MOTIONS[name](np.random.default_rng(3), np.linspace(0, 5, 3), STAGE).segments()
             for name in ("wave", "sit", "walk")]  # fmt: skip
    segments = {name: np.concatenate([part[name] for part in parts]) for name in SEGMENTS}
    truth = body.pose(segments, np.zeros((9, 3)))
    turned = np.stack([segments[name] @ body.rest_frames[name].T for name in SEGMENTS], axis=1)
    shape = torch.tensor([[getattr(SHAPE, name) for name in PHENOTYPE]]).expand(9, 6)
    return body, truth, torch.tensor(turned, dtype=torch.float32), shape


def test_it_poses_as_anny_does(poser, poses):
    body, truth, turned, shape = poses
    rest = poser.rest(shape)
    posed = poser.pose(rest, turned, torch.zeros(9, 3))
    np.testing.assert_allclose(posed.vertices, truth.vertices[:, poser.chosen], atol=5e-6)
    joints = np.stack([truth.joints[name] for name in COCO_17.joints], axis=1)
    np.testing.assert_allclose(posed.joints, joints, atol=5e-6)
    frames = poser.frames_of(rest)[0]
    np.testing.assert_allclose(frames, [body.rest_frames[name] for name in SEGMENTS], atol=1e-5)


def test_turns_move_joints_by_their_levers(poser, poses):
    _, _, turned, shape = poses
    rest, root = poser.rest(shape), torch.zeros(9, 3)
    posed = poser.pose(rest, turned, root)
    own = torch.einsum("ngab,njgb->njga", posed.rotations, rest.moments)
    levers = poser.levers(own, poser.joint_loads.expand(9, -1, -1), posed.heads)
    local = torch.randn(15, 3, generator=torch.Generator().manual_seed(0)) * 1e-2
    omega = torch.einsum("ngisj,sj->ngi", poser.turns_of_groups(turned), local)
    expected = torch.linalg.cross(omega[:, None].expand_as(levers), levers, dim=-1).sum(2)
    turn = poser.follows @ local
    ahead, back = (poser.pose(rest, exp_rotation(sign * turn) @ turned, root).joints for sign in (1.0, -1.0))
    np.testing.assert_allclose(expected, (ahead - back) / 2, atol=1e-5)
    assert float((ahead - back).abs().max()) > 0.01


def test_shape_slopes_are_differences(poser):
    shape = torch.tensor([[0.6, 0.75, 0.4, 0.6, 0.45, 0.55]])
    slopes, change = poser.rest_slopes(shape), torch.tensor([[0.01, -0.01, 0.02, 0.015, -0.02, 0.01]])
    before, after = poser.rest(shape), poser.rest(shape + change)
    for name in ("vertices", "heads", "moments"):
        moved = torch.tensordot(change[0], getattr(slopes, name), dims=1)
        wanted = (getattr(after, name) - getattr(before, name))[0]
        assert float((moved - wanted).abs().max()) < 0.1 * float(wanted.abs().max()), name


def test_rotations_obey_the_laws_of_their_group():
    generator = torch.Generator().manual_seed(1)
    vector = torch.randn(500, 3, generator=generator)
    vector = vector / vector.norm(dim=1, keepdim=True) * torch.linspace(0, 3.1, 500)[:, None]
    rotation = exp_rotation(vector)
    np.testing.assert_allclose(log_rotation(rotation), vector, atol=2e-3)
    np.testing.assert_allclose(
        rotation @ rotation.transpose(-1, -2), torch.eye(3).expand(500, 3, 3), atol=1e-5
    )
    small = torch.randn(500, 3, generator=generator) * 1e-3
    turned = exp_rotation((left_jacobian(vector) @ small[..., None])[..., 0]) @ rotation
    np.testing.assert_allclose(turned, exp_rotation(vector + small), atol=2e-5)
