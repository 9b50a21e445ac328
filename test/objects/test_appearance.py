import numpy as np
import pytest
import torch
from known import CPU, bank_of, known, placed, seen
from posed import random_pose

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.objects.appearance import mismatch
from pose_ros.objects.verify import look
from pose_ros.objects.view import View
from pose_ros.types import RGBDFrame


def mismatch_of(pose: RigidTransform, frame: RGBDFrame) -> tuple[float, float]:
    view = View.of(frame, CPU)
    bank = bank_of("bright")
    model, rotation, translation = placed("bright", pose)
    sight = look(bank, model, rotation, translation, view, 512)
    wrong, ratio = mismatch(bank, model, rotation, sight, view)
    return float(wrong[0]), float(ratio[0])


def turned(pose: RigidTransform, axis: int) -> RigidTransform:
    """By half a turn: the same shape."""
    return RigidTransform(pose.rotation @ rotation_exp(np.pi * np.eye(3)[axis]), pose.translation)


@pytest.mark.parametrize("seed", range(6))
def test_colours_tell_the_pose_from_those_of_the_same_shape(seed):
    rng = np.random.default_rng(seed)
    pose = random_pose(rng)
    frame, _ = seen([("bright", pose)], rng)
    right, ratio = mismatch_of(pose, frame)
    assert ratio < 0.6
    for axis in range(3):
        wrong, other = mismatch_of(turned(pose, axis), frame)
        assert right < 0.6 * wrong
        assert ratio < other


@pytest.mark.parametrize("gain", [0.4, 0.8, 1.1])
def test_the_strength_of_the_light_does_not_matter(gain):
    pose = random_pose(np.random.default_rng(1))
    frame, _ = seen([("bright", pose)])
    lit = RGBDFrame((frame.rgb * gain).clip(0, 255).astype(np.uint8), frame.depth, frame.camera, 1, "camera")
    assert mismatch_of(pose, lit)[0] < mismatch_of(pose, frame)[0] + 0.1
    assert mismatch_of(pose, lit)[1] < 0.7


def test_where_nothing_is_in_sight_nothing_is_said():
    pose = random_pose(np.random.default_rng(2))
    frame, _ = seen([("bright", pose)])
    away = RigidTransform(pose.rotation, pose.translation + [3.0, 0, 0])
    assert mismatch_of(away, frame) == (0.5, 1.0)
    frame.depth[:] = np.nan
    assert mismatch_of(pose, frame) == (0.5, 1.0)


def test_numbers_stay_in_their_range_whatever_the_picture():
    rng = np.random.default_rng(3)
    pose = random_pose(rng)
    frame, _ = seen([("bright", pose)])
    for rgb in (0, 255, None):
        picture = rng.integers(0, 255, frame.rgb.shape) if rgb is None else np.full(frame.rgb.shape, rgb)
        strange = RGBDFrame(picture.astype(np.uint8), frame.depth, frame.camera, 1, "camera")
        wrong, ratio = mismatch_of(pose, strange)
        assert 0 <= wrong <= 1
        assert 0 <= ratio <= 1.5


def test_what_has_colours_is_textured():
    assert known("bright").is_textured
    assert not known("box").is_textured
    assert torch.equal(bank_of("box").colors[0].std(0), torch.zeros(3))
