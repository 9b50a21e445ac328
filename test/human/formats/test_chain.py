"""Forward kinematics by hand, and its inverse."""

import numpy as np
import pytest
from articulated import random_bends, turn

from pose_ros.errors import ConfigError
from pose_ros.human.formats.chain import Chain

ARM = Chain(("shoulder", "elbow", "hand"), ("", "shoulder", "elbow"))


def test_an_arm_of_two_links():
    local = np.stack([turn("z", 90), turn("z", -90), np.eye(3)])
    offset = np.array([[9.0, 9, 9], [2, 0, 0], [1, 0, 0]])  # the root's own is not used
    rotation, position = ARM.forward(local, offset, np.array([5.0, 0, 0]))
    np.testing.assert_allclose(position, [[5, 0, 0], [5, 2, 0], [6, 2, 0]], atol=1e-12)
    np.testing.assert_allclose(rotation[2], np.eye(3), atol=1e-12)


def test_rotations_and_offsets_are_found_again_over_many_frames():
    frames = [list(random_bends(seed).values())[:3] for seed in range(4)]
    local, rng = np.array(frames), np.random.default_rng(0)
    offset, root = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3))
    rotation, position = ARM.forward(local, offset, root)
    np.testing.assert_allclose(ARM.local(rotation), local, atol=1e-12)
    np.testing.assert_allclose(ARM.offsets(rotation, position)[:, 1:], offset[:, 1:], atol=1e-12)
    for t in range(4):  # one frame at a time is the same
        np.testing.assert_allclose(ARM.forward(local[t], offset[t], root[t])[1], position[t], atol=1e-12)


def test_a_child_may_not_stand_before_its_parent():
    with pytest.raises(ConfigError, match="elbow stands before its parent shoulder"):
        Chain(("elbow", "shoulder"), ("shoulder", ""))
