"""Masks and boxes of other nodes: what they become, and that none is missed in silence."""

from __future__ import annotations

import array

import numpy as np
import pytest
from sensor_msgs.msg import Image
from stand_in import CAMERA
from stand_in_objects import boxes
from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesis, ObjectHypothesisWithPose

from pose_ros.errors import EncodingError, FrameError
from pose_ros.ros.conversions import header_of
from pose_ros.ros.regions import everywhere, from_boxes, from_mask, labels_from_message
from pose_ros.types import RGBDFrame

HERE, THERE = (400, 200), (100, 300)
KINDS = {"mono8": "u1", "8UC1": "u1", "mono16": "u2", "16UC1": "u2", "32SC1": "i4"}


def mask_message(labels, encoding="mono8", stamp_ns=0, big=False, padding=0) -> Image:
    labels = np.asarray(labels)
    values = labels.astype((">" if big else "<") + KINDS[encoding])
    height, width = labels.shape
    rows = np.pad(values.view(np.uint8).reshape(height, -1), ((0, 0), (0, padding)), constant_values=77)
    message = Image(header=header_of(stamp_ns, "camera"), height=height, width=width, encoding=encoding)
    message.step, message.is_bigendian = rows.shape[1], int(big)
    message.data = array.array("B", rows.tobytes())
    return message


def box(u, v, width, height, name="box", score=0.8, theta=0.0) -> Detection2D:
    detection = Detection2D()
    detection.bbox.center.position.x, detection.bbox.center.position.y = float(u), float(v)
    detection.bbox.center.theta = float(theta)
    detection.bbox.size_x, detection.bbox.size_y = float(width), float(height)
    for label, value in (("other", 0.1), (name, score)):
        hypothesis = ObjectHypothesis(class_id=label, score=value)
        detection.results.append(ObjectHypothesisWithPose(hypothesis=hypothesis))
    return detection


def frame(*centres) -> RGBDFrame:
    return RGBDFrame(*boxes(*centres), CAMERA, 1, "camera")


@pytest.mark.parametrize("encoding", KINDS)
@pytest.mark.parametrize("big", [False, True], ids=["little", "big"])
@pytest.mark.parametrize("padding", [0, 12])
def test_every_encoding_of_a_label_image(encoding, big, padding):
    labels = np.random.default_rng(0).integers(0, 120, (7, 9)) * (1 if KINDS[encoding] == "u1" else 200)
    np.testing.assert_array_equal(
        labels_from_message(mask_message(labels, encoding, 0, big, padding)), labels
    )


def test_every_value_of_a_mask_is_a_region_but_specks_and_zero():
    labels = np.zeros((480, 640), int)
    labels[10:60, 10:60], labels[100:200, 300:320], labels[5, 5] = 7, 200, 3
    regions = from_mask(mask_message(labels), frame())
    assert regions.label == ("", "")
    np.testing.assert_array_equal(regions.mask, [labels == 7, labels == 200])


@pytest.mark.parametrize(
    ("message", "error", "words"),
    [
        (mask_message(np.ones((240, 320), int)), FrameError, "320x240, the image is 640x480"),
        (mask_message(np.indices((480, 640)).sum(0), "16UC1"), FrameError, "at most 100 are regions"),
        (Image(encoding="rgb8", width=640, height=480), EncodingError, "'rgb8'; valid: mono8"),
        (Image(encoding="mono8", width=640, height=480, step=640), EncodingError, "0 bytes"),
    ],
)
def test_what_is_no_mask_is_refused(message, error, words):
    with pytest.raises(error, match=words):
        from_mask(message, frame())


def test_boxes_are_regions_with_names():
    message = Detection2DArray(detections=[box(*HERE, 41, 21), box(*THERE, 11, 11, name="", score=0.5)])
    scene = frame()
    scene.depth[:, 400] = np.nan
    regions = from_boxes(message, scene, ["box"], pytest.fail)
    assert regions.label == ("box", "")
    np.testing.assert_allclose(regions.score, [0.8, 0.5])
    expected = np.zeros((480, 640), bool)
    expected[190:211, 380:421] = True
    expected[:, 400] = False
    np.testing.assert_array_equal(regions.mask[0], expected)


def test_a_turned_box_lies_as_it_says():
    """Clockwise in the picture, whose y grows downwards."""
    turned = from_boxes(
        Detection2DArray(detections=[box(320, 240, 100, 20, theta=np.pi / 4)]), frame(), ["box"], pytest.fail
    )
    assert turned.mask[0, 270, 350]
    assert not turned.mask[0, 210, 350]
    assert turned.mask[0].sum() == pytest.approx(2000, rel=0.05)


def test_boxes_of_what_is_no_model_are_left_out_and_told_of():
    told = []
    message = Detection2DArray(detections=[box(*HERE, 41, 41, name="person"), box(*THERE, 41, 41)])
    regions = from_boxes(message, frame(), ["box"], told.append)
    assert regions.label == ("box",)
    (text,) = told
    assert "boxes of person are left out" in text
    assert "models: box" in text
    assert len(from_boxes(Detection2DArray(), frame(), ["box"], pytest.fail)) == 0


def test_everywhere_is_where_depth_is():
    scene = frame(HERE)
    scene.depth[:100] = np.nan
    np.testing.assert_array_equal(everywhere(scene).mask, np.isfinite(scene.depth)[None])


def calls(node):
    """What the pipeline was given for each frame, without the blank one at the start."""
    return [call[1] for call in node.pipeline.calls if call[0] == "track"][1:]


class TestNode:
    def test_a_mask_reaches_the_pipeline_with_the_picture_of_its_stamp(self, object_node, peer, camera):
        node = object_node(segmentation="mask")
        segments = peer.create_publisher(Image, "segments", 5)
        camera.wait_for_node(camera.image, camera.depth, camera.info, segments)
        labels = np.zeros((480, 640), int)
        labels[180:221, 380:421] = 5
        first = camera.shoot(*boxes(HERE))
        peer.spin_for(0.2)
        assert calls(node) == []  # it waits
        segments.publish(mask_message(labels, stamp_ns=first))
        peer.wait(lambda: calls(node), "the frame with its mask")
        np.testing.assert_array_equal(calls(node)[0].mask, [labels == 5])
        assert node.regions.missing == 0

    def test_a_mask_that_comes_before_its_picture_waits_for_it(self, object_node, peer, camera):
        node = object_node(segmentation="mask")
        segments = peer.create_publisher(Image, "segments", 5)
        camera.wait_for_node(camera.image, camera.depth, camera.info, segments)
        stamp = camera.stamp_ns + 33_333_333
        segments.publish(mask_message(np.eye(480, 640) * 9, stamp_ns=stamp + 5_000_000))  # within the slop
        peer.wait(lambda: node.health.stream("segments").count, "the mask")
        assert camera.shoot(*boxes(HERE)) == stamp
        peer.wait(lambda: calls(node), "the frame")
        assert calls(node)[0].mask.sum() == 480

    def test_pictures_without_a_mask_go_on_without_and_are_told_of(self, object_node, peer, camera):
        node = object_node(segmentation="mask", segmentation_wait=0.05)
        segments = peer.create_publisher(Image, "segments", 5)
        camera.wait_for_node(camera.image, camera.depth, camera.info, segments)
        for _ in range(10):
            stamp = camera.shoot(*boxes(HERE))
            segments.publish(mask_message(np.eye(480, 640), stamp_ns=stamp - 100_000_000))
            peer.spin_for(0.05)
        peer.diagnosis("images have no segments of their stamp (the nearest are", "slop is 20 ms")
        assert len(calls(node)[0]) == 0
        assert node.regions.missing > 3

    def test_nobody_who_publishes_masks_is_told_of(self, object_node, peer, camera):
        object_node(segmentation="mask")
        camera.wait_for_node()
        camera.shoot(*boxes(HERE))
        peer.diagnosis("no segments: nobody publishes /segments")

    def test_boxes_reach_the_pipeline(self, object_node, peer, camera):
        node = object_node(segmentation="boxes")
        detections = peer.create_publisher(Detection2DArray, "detections", 5)
        camera.wait_for_node(camera.image, camera.depth, camera.info, detections)
        stamp = camera.shoot(*boxes(HERE))
        message = Detection2DArray(header=header_of(stamp, "camera"), detections=[box(*HERE, 41, 41)])
        message.detections.append(box(*THERE, 41, 41, name="person"))
        detections.publish(message)
        peer.wait(lambda: calls(node), "the frame with its boxes")
        assert calls(node)[0].label == ("box",)
        peer.diagnosis("boxes of person are left out")

    def test_a_mask_of_another_size_is_told_of_and_the_next_one_taken(self, object_node, peer, camera):
        node = object_node(segmentation="mask")
        segments = peer.create_publisher(Image, "segments", 5)
        camera.wait_for_node(camera.image, camera.depth, camera.info, segments)
        stamp = camera.shoot(*boxes(HERE))
        segments.publish(mask_message(np.ones((240, 320)), stamp_ns=stamp))
        peer.diagnosis("segments are 320x240")
        stamp = camera.shoot(*boxes(HERE))
        segments.publish(mask_message(np.ones((480, 640)), stamp_ns=stamp))
        peer.wait(lambda: calls(node), "the good one")

    @pytest.mark.parametrize(("segmentation", "regions"), [("depth", None), ("none", 1)])
    def test_without_another_node_nothing_is_waited_for(
        self, object_node, peer, camera, segmentation, regions
    ):
        node = object_node(segmentation=segmentation)
        camera.wait_for_node()
        camera.shoot(*boxes(HERE))
        peer.wait(lambda: calls(node), "the frame")
        (given,) = calls(node)
        assert given is None if regions is None else len(given) == regions
