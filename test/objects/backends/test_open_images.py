"""Anchors and boxes of the detector, and what it sees in real pictures."""

import cv2
import numpy as np
import pytest
import torch

from pose_ros.objects.backends.open_images import CLASSES, OpenImagesDetector, anchors, decoded, overlap
from pose_ros.weights import WEIGHTS


@pytest.fixture(scope="module")
def detector(weights_of):
    weights_of("objectron_detector")
    return OpenImagesDetector(torch.device("cpu"))


def test_anchors_are_as_many_as_the_network_says():
    found = anchors()
    assert found.shape == (1917, 4)
    assert ((found[:, :2] > 0) & (found[:, :2] < 1)).all()
    np.testing.assert_allclose(found[0], [0.5 / 19, 0.5 / 19, 0.1, 0.1])
    np.testing.assert_allclose(found[-1, :2], 0.5)


def test_no_offset_is_the_anchor_and_offsets_move_it():
    anchor = np.array([[0.5, 0.4, 0.2, 0.1]])
    np.testing.assert_allclose(decoded(np.zeros((1, 4)), anchor), [[0.4, 0.35, 0.6, 0.45]])
    # y, x by a tenth of a side each 1; sizes by e for each 5
    moved = decoded(np.array([[10.0, 5.0, 5 * np.log(2), 0.0]]), anchor)
    np.testing.assert_allclose(moved, [[0.5, 0.4, 0.7, 0.6]])


def test_overlap():
    assert overlap(np.array([0.0, 0, 2, 2]), np.array([1.0, 1, 3, 3])) == pytest.approx(1 / 7)
    assert overlap(np.array([0.0, 0, 1, 1]), np.array([2.0, 0, 3, 1])) == 0


def picture(data, number):
    image = cv2.imread(str(data / "ycbv" / "demo" / f"{number:06d}-color.png"))
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def test_the_cup_of_a_real_picture(detector, data):
    boxes, names, scores = detector(picture(data, 2), ("mug", "coffee cup"), 0.3)
    assert names[0] in ("mug", "coffee cup")
    assert overlap(boxes[0], np.array([495.0, 15, 590, 125])) > 0.6
    assert scores[0] > 0.35


def test_only_what_is_asked_for_and_no_thing_twice(detector, data):
    boxes, names, scores = detector(picture(data, 3), ("chair",), 0.2)
    assert set(names) == {"chair"}
    assert (np.diff(scores) <= 0).all()
    shared = [overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i]]
    assert max(shared) < 0.4


def test_the_network_is_shown_what_its_weights_say(detector):
    class Camera(torch.nn.Module):
        def forward(self, image):
            self.image = image
            return torch.zeros(1, 1917, 4), torch.full((1, 1917, 24), -9.0)

    network, detector._network = detector._network, Camera()
    rgb = np.zeros((60, 80, 3), np.uint8)
    rgb[..., 0] = 255
    assert detector(rgb, ("mug",), 0.5)[1] == []
    image = detector._network.image
    detector._network = network
    assert image.shape == (1, 3, 300, 300)
    assert (image[0, 1].max(), image[0, 0].min()) == WEIGHTS["objectron_detector"].input_range


def test_an_empty_picture_holds_nothing(detector):
    boxes, names, scores = detector(np.full((480, 640, 3), 128, np.uint8), CLASSES[1:], 0.5)
    assert boxes.shape == (0, 4)
    assert names == []
    assert len(scores) == 0
