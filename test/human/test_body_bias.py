"""The bias is the same for both sides, mirrored, and turns with the body."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="it imports the body")

import torch

from pose_ros.body.rig import SEGMENTS
from pose_ros.human.body_bias import Bias
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17


def test_sides_mirror_each_other():
    upright = torch.eye(3).expand(1, len(SEGMENTS), 3, 3)
    way = Bias(BLAZEPOSE_33, torch.device("cpu"))(upright)[0].numpy()
    for left, right in COCO_17.mirror_pairs:
        mirrored = way[COCO_17.index(left)] * (1, -1, 1)
        np.testing.assert_allclose(way[COCO_17.index(right)], mirrored, atol=1e-7)
    assert 0.005 < np.linalg.norm(way, axis=1).max() < 0.04


def test_it_turns_with_the_body():
    bias, turn = Bias(BLAZEPOSE_33, torch.device("cpu")), torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    upright = torch.eye(3).expand(1, len(SEGMENTS), 3, 3)
    np.testing.assert_allclose(bias(turn @ upright), bias(upright) @ turn.T, atol=1e-7)


def test_other_networks_have_none():
    frames = torch.eye(3).expand(2, len(SEGMENTS), 3, 3)
    assert not Bias(COCO_17, torch.device("cpu"))(frames).any()
