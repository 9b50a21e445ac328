"""DeepPose beyond the contract: its boxes, its stages, and checkpoints that others published."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import WeightsError
from pose_ros.human.estimators.deeppose import DeepPose, DeepPoseConfig
from pose_ros.nets.deeppose import ResNetRegression
from pose_ros.skeleton import COCO_17

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def estimator(weights_of):
    weights_of("movenet_multipose")
    weights_of("deeppose")
    return DeepPose(DeepPoseConfig(), CPU)


@pytest.fixture(scope="module")
def photo(data):
    path = data / "human_rgbd" / "color" / "00024.png"
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def test_people_of_given_boxes_come_in_their_order(estimator, photo):
    boxes = estimator.estimate(photo, 0).box_xyxy[::-1]
    people = estimator.within(photo, boxes)
    np.testing.assert_array_equal(people.box_xyxy, boxes)
    alone = estimator.within(photo, boxes[1:])
    np.testing.assert_allclose(people.xy[1:], alone.xy, atol=0.05)
    assert len(estimator.within(photo, np.zeros((0, 4)))) == 0


def test_joints_lie_in_their_boxes_and_heads_above_hips(estimator, photo):
    people = estimator.estimate(photo, 0)
    side = people.box_xyxy[:, 2:] - people.box_xyxy[:, :2]
    low, high = people.box_xyxy[:, :2] - 0.2 * side, people.box_xyxy[:, 2:] + 0.2 * side
    body = people.xy[:, COCO_17.indices("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip")]
    assert ((body > low[:, None]) & (body < high[:, None])).all()
    nose, *_ = body[..., 1].T
    assert (nose < body[:, 3:, 1].min(axis=1)).all()


def test_a_shifted_box_moves_joints_far_less(estimator, photo):
    """The cascade looks where the joints are, not where the box says."""
    boxes = estimator.estimate(photo, 0).box_xyxy
    shift = 0.06 * (boxes[:, 3] - boxes[:, 1]).mean()
    moved = estimator.within(photo, boxes + shift)
    straight = estimator.within(photo, boxes)
    body = COCO_17.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip", "nose")
    assert np.abs(moved.xy - straight.xy)[:, body].mean() < 0.35 * shift


def test_stages_refine(estimator, photo):
    """Every later stage moves joints less than the one before it did."""
    boxes = estimator.estimate(photo, 0).box_xyxy
    said = [DeepPose(DeepPoseConfig(stages=n), CPU).within(photo, boxes).xy for n in (1, 2, 3)]
    steps = [np.linalg.norm(b - a, axis=-1).mean() for a, b in pairwise(said)]
    assert steps[0] > steps[1] > 0


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A ResNet-50 that says of every joint: this many widths and heights into the crop, with this doubt."""
    torch.manual_seed(0)
    network = ResNetRegression(50, 17, knows_scale=True)
    said = torch.stack([torch.linspace(0.2, 0.8, 17), torch.linspace(0.1, 0.9, 17)], -1)
    fc = network.head["fc"]
    torch.nn.init.zeros_(fc.weight)
    fc.bias.data = torch.cat([said, torch.full((17, 2), -2.0)], -1).flatten()
    path = tmp_path_factory.mktemp("published") / "res50_rle.pth"
    torch.save({"state_dict": network.state_dict()}, path)
    return path, said.numpy()


def test_published_coordinates_are_of_the_image(published, weights_of):
    weights_of("movenet_multipose")
    path, said = published
    estimator = DeepPose(DeepPoseConfig(variant="resnet", weights=str(path)), CPU)
    box = np.array([[100.0, 50, 220, 210]])
    people = estimator.within(np.zeros((300, 400, 3), np.uint8), box)
    side = 160 * 1.25  # the crop's height in the image; their (0, 0) is the first pixel's centre
    first = np.array([160, 130]) - side * np.array([0.75, 1]) / 2 + side / 256 / 2
    np.testing.assert_allclose(people.xy[0], first + said * side * [0.75, 1], atol=1e-3)
    np.testing.assert_allclose(people.score, 1 - 1 / (1 + np.exp(2)), atol=1e-5)


def test_the_others_weights_are_refused(published, weights_of):
    weights_of("movenet_multipose")
    path, _ = published
    with pytest.raises(WeightsError, match="our DeepPose"):
        DeepPose(DeepPoseConfig(weights=str(path)), CPU)
    weights_of("deeppose")
    with pytest.raises(WeightsError, match="no regression"):
        DeepPose(DeepPoseConfig(variant="resnet"), CPU)
