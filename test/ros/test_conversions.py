"""Messages and arrays: there and back, and what no camera can be."""

from __future__ import annotations

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest

from pose_ros.errors import CameraError, FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.ros import conversions as c

CAMERA = PinholeCamera(610.0, 612.0, 321.5, 238.25, 640, 480, "plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.05))


def test_rgb_there_and_back():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    message = c.message_from_rgb(rgb, 1_700_000_000_123_456_789, "camera")
    assert (message.height, message.width, message.step, message.encoding) == (5, 7, 21, "rgb8")
    assert c.stamp_to_ns(message.header.stamp) == 1_700_000_000_123_456_789
    np.testing.assert_array_equal(c.rgb_from_message(message), rgb)


def test_rgb_that_is_a_view_is_sent_as_it_looks():
    bgr = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    turned = bgr[::-1, ::2, ::-1]
    np.testing.assert_array_equal(c.rgb_from_message(c.message_from_rgb(turned, 0, "")), turned)


@pytest.mark.parametrize(("encoding", "tolerance"), [("16UC1", 5e-4), ("32FC1", 0.0)])
def test_depth_there_and_back_none_stays_none(encoding, tolerance):
    depth = np.random.default_rng(0).uniform(0.3, 9, (5, 7)).astype(np.float32)
    depth[1, 2] = np.nan
    back = c.depth_from_message(c.message_from_depth(depth, 0, "", encoding))
    np.testing.assert_allclose(back, depth, atol=tolerance + 1e-6)


def test_what_does_not_fit_into_millimetres_is_none():
    depth = np.array([[65.6, np.inf, -1.0, 65.5]], np.float32)
    back = c.depth_from_message(c.message_from_depth(depth, 0, ""))
    np.testing.assert_allclose(back, [[np.nan, np.nan, np.nan, 65.5]], rtol=1e-6)


def test_millimetres_in_32fc1_are_refused_and_far_metres_are_not():
    far = np.full((20, 20), 30.0, np.float32)
    far[:9] = np.nan
    assert c.depth_from_message(c.message_from_depth(far, 0, "", "32FC1")).shape == (20, 20)
    with pytest.raises(FrameError, match=r"median of 2345.*millimetres"):
        c.depth_from_message(c.message_from_depth(np.full((20, 20), 2345, np.float32), 0, "", "32FC1"))


def test_camera_there_and_back():
    assert c.camera_from_message(c.message_from_camera(CAMERA, 5, "camera")) == CAMERA
    plain = PinholeCamera(500.0, 500.0, 320.0, 240.0, 640, 480)
    assert c.camera_from_message(c.message_from_camera(plain, 5, "camera")) == plain


def test_binning_and_region_of_interest_look_at_the_same_rays():
    message = c.message_from_camera(PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480), 0, "")
    whole = c.camera_from_message(message)
    message.roi = RegionOfInterest(x_offset=100, y_offset=40, width=320, height=200)
    message.binning_x = message.binning_y = 2
    part = c.camera_from_message(message)
    assert (part.width, part.height) == (160, 100)
    # a pixel of the part covers 2x2 of the whole: its centre is theirs
    np.testing.assert_allclose(part.rays([10, 20]), whole.rays([100 + 20.5, 40 + 40.5]))


def test_a_rectified_image_has_p_and_no_distortion():
    message = c.message_from_camera(CAMERA, 0, "")
    message.p = [580.0, 0.0, 320.0, 0.0, 0.0, 581.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    assert c.camera_from_message(message, rectified=True) == PinholeCamera(580, 581, 320, 240, 640, 480)
    assert c.camera_from_message(message).fx == CAMERA.fx


@pytest.mark.parametrize("model", ["", "plumb_bob", "something new"])
def test_zeros_distort_nothing_whatever_the_model(model):
    message = c.message_from_camera(PinholeCamera(500.0, 500.0, 320.0, 240.0, 640, 480), 0, "")
    message.distortion_model, message.d = model, [0.0] * 5
    assert not c.camera_from_message(message).is_distorted


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": [0.0] * 9}, "focal length.*calibrate"),
        ({"width": 0}, "size 0x480"),
        ({"distortion_model": "barrel"}, "'barrel'; valid: none, plumb_bob"),
        ({"d": [0.1] * 3}, "coefficients, got 3"),
        ({"k": [float("nan")] * 9}, "not finite"),
    ],
)
def test_what_cannot_be_a_camera_is_refused_by_the_frame_it_is_of(change, words):
    message = c.message_from_camera(CAMERA, 0, "head_camera")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(CameraError, match=f"'head_camera'.*{words}"):
        c.camera_from_message(message)


@pytest.mark.parametrize("kind", [Image, CompressedImage, CameraInfo])
@pytest.mark.parametrize("frame_id", ["", "a", "camera_color_optical_frame", "кадр"])
def test_a_header_is_read_without_the_rest_of_the_message(kind, frame_id):
    for stamp_ns in (0, 1, 1_700_000_000_999_999_999, 2**31 * 10**9 - 1):
        message = kind(header=c.header_of(stamp_ns, frame_id))
        assert c.read_header(serialize_message(message)) == (stamp_ns, frame_id)
