import numpy as np
import pytest
import torch
from known import bank_of, known, placed, seen, view_of
from posed import box_mesh, frame_of, random_pose

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.region import claimed, surroundings


def reach(size: float) -> torch.Tensor:
    return torch.tensor([size])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["bracket", "can"])
def test_an_object_claims_its_pixels_and_no_others(name, seed):
    pose = random_pose(np.random.default_rng(seed))
    frame, (truth,) = seen([(name, pose)])
    _, rotation, translation = placed(name, pose)
    mask = claimed(bank_of(name), 0, rotation[0], translation[0], view_of(frame)).numpy()
    assert (mask & truth).sum() / (mask | truth).sum() > 0.97


def test_out_of_the_picture_nothing_is_claimed():
    frame, _ = seen([])
    _, rotation, translation = placed("box", RigidTransform(np.eye(3), np.array([3.0, 0, 0.6])))
    assert not claimed(bank_of("box"), 0, rotation[0], translation[0], view_of(frame)).any()


def test_surroundings_are_what_lies_within_reach():
    pose = random_pose(np.random.default_rng(1))
    frame, (truth,) = seen([("bracket", pose)])
    bank = bank_of("bracket")
    placing = placed("bracket", pose)
    points, outline, found = surroundings(bank, *placing, view_of(frame), reach(0.01), 160)
    local = (points - placing[2][:, None]) @ placing[1]
    assert bank.distance(placing[0], local)[0].abs().max() < 0.01
    assert int(found[0]) == pytest.approx(truth.sum() / 4, rel=0.05)
    own = torch.as_tensor(np.argwhere(truth)[::97, ::-1].copy(), dtype=torch.float32)
    assert (outline.outside(own[None])[0] <= 2.5).float().mean() > 0.97


def test_where_nothing_is_the_pose_pulls_on_nothing():
    """The points are the pose's own surface, so that a fit leaves it where it is."""
    frame, _ = seen([])
    bank = bank_of("bracket")
    placing = placed("bracket", random_pose(np.random.default_rng(1)))
    points, _, found = surroundings(bank, *placing, view_of(frame), reach(0.01), 160)
    assert found.tolist() == [0]
    distance, _ = bank.distance(placing[0], (points - placing[2][:, None]) @ placing[1])
    assert distance.abs().median() < 1e-4
    assert distance.abs().max() < bank.voxel[0]


def test_what_it_stands_on_is_left_out():
    tilt = rotation_exp(np.array([np.radians(225.0), 0, 0]))  # z towards the camera, at 45 degrees
    table = RigidTransform(tilt, np.array([0, 0.03, 0.7]))
    pose = table @ RigidTransform(np.eye(3), np.array([0, 0, 0.01 - known("box").bounds[0, 2]]))
    frame, owner = frame_of([(known("box").mesh, pose), (box_mesh((0.9, 0.7, 0.02)), table)])
    points, _, found = surroundings(bank_of("box"), *placed("box", pose), view_of(frame), reach(0.02), 400)
    assert int(found[0]) > 0.6 * (owner == 0).sum() / 4
    above = table.inverse().apply(points[0].numpy().astype(float))[:, 2]
    assert (above > 0.01).mean() > 0.99


def test_a_batch_is_its_members():
    rng = np.random.default_rng(2)
    frame, _ = seen([("bracket", random_pose(rng))])
    places = [random_pose(rng) for _ in range(3)]
    parts = [placed("bracket", pose) for pose in places]
    together = [torch.cat(values) for values in zip(*parts, strict=True)]
    points, _, found = surroundings(bank_of("bracket"), *together, view_of(frame), reach(0.05).expand(3), 100)
    for number, part in enumerate(parts):
        alone, _, count = surroundings(bank_of("bracket"), *part, view_of(frame), reach(0.05), 100)
        torch.testing.assert_close(points[number], alone[0])
        assert count[0] == found[number]
