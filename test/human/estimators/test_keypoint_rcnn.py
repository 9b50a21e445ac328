"""The shipped key-point R-CNN on a real photo: masks that belong to their people."""

import cv2
import numpy as np
import pytest
import torch

from pose_ros.human.estimators.keypoint_rcnn import KeypointRCNN, KeypointRCNNConfig
from pose_ros.skeleton import COCO_17

TORSO = COCO_17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")


@pytest.fixture(scope="module")
def estimator():
    return KeypointRCNN(KeypointRCNNConfig(), torch.device("cpu"))


@pytest.fixture(scope="module")
def photo(data):
    return cv2.imread(str(data / "human_rgbd" / "color" / "00024.png"))[..., ::-1].copy()


def test_a_mask_holds_its_own_persons_middle_and_no_pixel_has_two_people(estimator, photo):
    people = estimator.estimate(photo, 0)
    assert people.mask.shape == (2, *photo.shape[:2])
    assert people.mask.sum(0).max() == 1
    middles = people.xy[:, TORSO].mean(1).round().astype(int)
    held = people.mask[:, middles[:, 1], middles[:, 0]]
    np.testing.assert_array_equal(held, np.eye(2, dtype=bool))
    for mask, box in zip(people.mask, people.box_xyxy, strict=True):
        share = mask.sum() / np.prod(box[2:] - box[:2])
        assert 0.3 < share < 0.9


def test_a_mirrored_photo_has_mirrored_masks(estimator, photo):
    straight = estimator.estimate(photo, 0).mask
    mirrored = estimator.estimate(np.ascontiguousarray(photo[:, ::-1]), 0).mask[:, :, ::-1]
    for mask in straight:
        overlap = max((mask & other).sum() / (mask | other).sum() for other in mirrored)
        assert overlap > 0.85


def test_people_beyond_the_limit_and_below_the_score_are_left_out(photo):
    one = KeypointRCNN(KeypointRCNNConfig(max_people=1), torch.device("cpu")).estimate(photo, 0)
    assert len(one) == len(one.mask) == 1
    none = KeypointRCNN(KeypointRCNNConfig(min_score=0.99), torch.device("cpu")).estimate(photo, 0)
    assert len(none) == 0


@pytest.mark.parametrize("kind", ["blank", "noise"])
def test_pictures_of_nobody_give_no_masks(estimator, kind):
    rgb = np.zeros((240, 320, 3), np.uint8)
    if kind == "noise":
        rgb = np.random.default_rng(0).integers(0, 256, rgb.shape).astype(np.uint8)
    people = estimator.estimate(rgb, 0)
    assert people.mask.shape == (0, 240, 320)
