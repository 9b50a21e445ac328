"""Poses are weighed by depth: right ones agree, wrong ones and those behind walls do not."""

import numpy as np
import pytest
from boxes import box_model, drawn

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.backends.evidence import Proposal, best_of, weigh


def pose_of(rng, distance=0.6) -> RigidTransform:
    return RigidTransform(rotation_exp(rng.normal(0, 1, 3)), np.array([0.02, -0.01, distance]))


def moved(pose, shift=(0, 0, 0), turn=(0, 0, 0)) -> RigidTransform:
    return RigidTransform(rotation_exp(np.array(turn)) @ pose.rotation, pose.translation + shift)


@pytest.mark.parametrize("seed", range(5))
def test_the_true_pose_agrees_best(seed):
    rng = np.random.default_rng(seed)
    model, pose = box_model("box", (0.12, 0.09, 0.06)), pose_of(rng)
    frame, masks = drawn([(model.mesh, pose)])
    true = weigh(frame, model.mesh, Proposal("box", pose, masks[0]))
    assert true.score > 0.98
    assert true.visible == pytest.approx(1.0)
    assert (true.mask == masks[0]).mean() > 0.999
    for wrong in (
        moved(pose, (0.03, 0, 0)),
        moved(pose, (0, 0, -0.04)),
        moved(pose, (0, 0, 0.04)),
        moved(pose, turn=(0.5, 0.4, 0)),
    ):
        assert weigh(frame, model.mesh, Proposal("box", wrong, masks[0])).score < 0.8


def test_what_is_hidden_counts_neither_way():
    model, pose = box_model("box", (0.12, 0.12, 0.06)), RigidTransform(np.eye(3), np.array([0, 0, 0.7]))
    before = box_model("other", (0.1, 0.3, 0.02)), RigidTransform(np.eye(3), np.array([0.05, 0, 0.5]))
    frame, masks = drawn([(model.mesh, pose), (before[0].mesh, before[1])])
    found = weigh(frame, model.mesh, Proposal("box", pose, masks[0]))
    assert found.score > 0.98
    assert 0.2 < found.visible < 0.8


def test_behind_the_camera_or_out_of_the_picture_is_nothing():
    model = box_model("box", (0.1, 0.1, 0.1))
    frame, masks = drawn([(model.mesh, RigidTransform(np.eye(3), np.array([0, 0, 0.6])))])
    for place in ([0, 0, -0.6], [0, 0, 0.0], [9.0, 0, 0.6]):
        pose = RigidTransform(np.eye(3), np.array(place, float))
        assert weigh(frame, model.mesh, Proposal("box", pose, masks[0])).score == 0


def test_the_covariance_is_wide_where_nothing_holds():
    model, pose = box_model("sheet", (0.2, 0.2, 0.002)), RigidTransform(np.eye(3), np.array([0, 0, 0.6]))
    frame, masks = drawn([(model.mesh, pose)])
    sigma = np.sqrt(np.diag(weigh(frame, model.mesh, Proposal("sheet", pose, masks[0])).covariance))
    assert sigma[2] < 0.005
    assert sigma[:2].min() > 0.05  # a sheet that faces the camera slides sideways
    assert sigma[5] > 1.0  # and spins
    assert sigma[3:5].max() < 0.05


def test_pixels_have_one_owner_and_the_better_model_wins():
    right, wrong = box_model("right", (0.12, 0.09, 0.06)), box_model("wrong", (0.12, 0.09, 0.075))
    pose = pose_of(np.random.default_rng(1))
    frame, masks = drawn([(right.mesh, pose)])
    proposals = [Proposal(name, pose, masks[0]) for name in ("wrong", "right", "right")]
    reasons: dict[str, str] = {}
    found = best_of(frame, {"right": right, "wrong": wrong}, proposals, 0.3, reasons)
    assert found.poses.label == ("right",)
    assert found.poses.mask.sum(0).max() == 1
    np.testing.assert_allclose(found.size, [[0.12, 0.09, 0.06]])
    assert "rather something else" in reasons["wrong"]
    nothing = best_of(
        frame, {"right": right}, [Proposal("right", moved(pose, (0, 0, 0.1)), masks[0])], 0.4, {}
    )
    assert len(nothing.poses) == 0
