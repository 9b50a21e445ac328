"""Registration of one model in one segment: the pose is found from nothing."""

import numpy as np
import pytest
import torch
from known import ASIDE, bank_of, error_of, known, seen, view_of
from posed import box_mesh, frame_of, random_pose

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.register import Hypotheses, Register
from pose_ros.objects.segments import segments_of
from pose_ros.types import Detections2D


def registered(name: str, frame, masks, segment: int = 0) -> tuple[Hypotheses, Register]:
    register = Register([known(name)], bank_of(name))
    view = view_of(frame)
    return register(view, segments_of(frame, Detections2D.unnamed(masks), view), 0, segment), register


def best(name: str, hypotheses: Hypotheses) -> RigidTransform:
    h = hypotheses
    origin = bank_of(name).to_mesh(h.model, h.rotation, h.translation)
    return RigidTransform(h.rotation[0].double().numpy(), origin[0].double().numpy())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["bracket", "can", "box"])
def test_the_best_hypothesis_is_the_truth(name, seed):
    rng = np.random.default_rng(100 + seed)
    pose = random_pose(rng)
    frame, masks = seen([(name, pose)], rng)
    found, _ = registered(name, frame, masks)
    shift, angle = error_of(name, best(name, found), pose)
    assert shift < 0.003
    assert angle < 3.0


@pytest.mark.parametrize("seed", range(3))
def test_a_mesh_off_its_origin_is_found_as_well(seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    pose = RigidTransform(pose.rotation, pose.translation - pose.rotation @ ASIDE)
    frame, masks = seen([("aside", pose)], rng)
    found, _ = registered("aside", frame, masks)
    shift, angle = error_of("aside", best("aside", found), pose)
    assert shift < 0.003
    assert angle < 3.0


def test_behind_a_bar_it_is_still_found():
    """But where the bar hides the one part that tells how it is turned."""
    right = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        pose = random_pose(rng)
        bar = RigidTransform(np.eye(3), pose.translation * 0.7)
        frame, owner = frame_of([(known("bracket").mesh, pose), (box_mesh((0.02, 0.3, 0.01)), bar)], rng)
        assert (owner == 1).sum() > 0.1 * (owner == 0).sum()
        found, _ = registered("bracket", frame, (owner == 0)[None])
        shift, angle = error_of("bracket", best("bracket", found), pose)
        right += shift < 0.006 and angle < 6.0
    assert right >= 4


def test_hypotheses_come_in_order_and_differ():
    rng = np.random.default_rng(0)
    frame, masks = seen([("bracket", random_pose(rng))], rng)
    found, register = registered("bracket", frame, masks)
    fitness = found.evidence.fitness
    assert (fitness.diff() <= 0).all()
    assert 1 <= len(found) <= register.config.narrow
    parts = [found.select(torch.tensor([n])) for n in range(len(found))]
    for values, again in zip(vars(Hypotheses.joined(parts)).values(), vars(found).values(), strict=True):
        if isinstance(values, torch.Tensor):
            assert torch.equal(values, again)


def test_the_same_picture_gives_the_same_pose():
    rng = np.random.default_rng(0)
    frame, masks = seen([("bracket", random_pose(rng))], rng)
    first, second = (registered("bracket", frame, masks)[0] for _ in range(2))
    assert torch.equal(first.rotation, second.rotation)
    assert torch.equal(first.translation, second.translation)


def test_symmetric_models_need_fewer_starts():
    starts = {name: len(Register([known(name)], bank_of(name))._rotations[0]) for name in ("bracket", "box")}
    assert starts["bracket"] == 600
    assert starts["box"] == pytest.approx(600 / 4, rel=0.15)  # four turns of a box are one


def test_at_first_glance_the_right_model_promises_most():
    names = ("bracket", "box", "ball")
    register = Register([known(name) for name in names], bank_of(*names))
    for truth, name in enumerate(names):
        rng = np.random.default_rng(truth)
        frame, masks = seen([(name, random_pose(rng))], rng)
        view = view_of(frame)
        segments = segments_of(frame, Detections2D.unnamed(masks), view)
        promise = register.promises(view, segments, [(model, 0) for model in range(3)])
        assert int(promise.argmax()) == truth
