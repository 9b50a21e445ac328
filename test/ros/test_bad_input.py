"""What cameras get wrong: told in diagnostics, never a crash, and the next good frame is answered."""

from __future__ import annotations

import array
import math
from collections.abc import Callable

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from harness import Camera, Shot, transforms
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage
from stand_in import CAMERA, FRAME_ID, scene
from tf2_msgs.msg import TFMessage

from pose_ros.ros.conversions import message_from_camera, message_from_depth, message_from_rgb, stamp_from_ns

HERE = (400, 200)


def zero_camera_info(shot: Shot) -> None:
    shot.info.k = [0.0] * 9


def unknown_distortion(shot: Shot) -> None:
    shot.info.distortion_model, shot.info.d = "barrel", [0.1]


def not_finite_camera_info(shot: Shot) -> None:
    shot.info.k = [math.nan] * 9


def unknown_encoding(shot: Shot) -> None:
    shot.image.encoding = "rgb9"


def colour_as_depth(shot: Shot) -> None:
    shot.depth.encoding, shot.depth.step = "rgb8", 640 * 3


def empty_image(shot: Shot) -> None:
    shot.image.data = array.array("B")


def truncated_depth(shot: Shot) -> None:
    shot.depth.data = shot.depth.data[:1000]


def no_size(shot: Shot) -> None:
    shot.image.width = shot.image.height = 0


def step_too_short(shot: Shot) -> None:
    shot.image.step = 10


def image_of_another_size(shot: Shot) -> None:
    shot.image = message_from_rgb(np.zeros((240, 320, 3), np.uint8), 0, FRAME_ID)


def depth_of_another_size(shot: Shot) -> None:
    shot.depth = message_from_depth(np.ones((240, 320), np.float32), 0, FRAME_ID)


def millimetres_for_metres(shot: Shot) -> None:
    shot.depth = message_from_depth(scene(HERE)[1] * 1000, 0, FRAME_ID, "32FC1")


def what_the_pipeline_cannot_bear(shot: Shot) -> None:
    shot.image = message_from_rgb(np.full((480, 640, 3), 255, np.uint8), 0, FRAME_ID)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (zero_camera_info, ("focal length", "calibrate")),
        (unknown_distortion, ("distortion model 'barrel'", "plumb_bob")),
        (not_finite_camera_info, ("not finite",)),
        (unknown_encoding, ("'rgb9'", "bgr8")),
        (colour_as_depth, ("'rgb8'", "16UC1")),
        (empty_image, ("0 bytes",)),
        (truncated_depth, ("1000 bytes",)),
        (no_size, ("0x0",)),
        (step_too_short, ("step is 10",)),
        (image_of_another_size, ("camera_info of another stream",)),
        (depth_of_another_size, ("not registered", "depth/camera_info")),
        (millimetres_for_metres, ("32FC1", "millimetres")),
        (what_the_pipeline_cannot_bear, ("RuntimeError", "no pipeline should do")),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_frame_is_told_of_and_the_next_good_one_answered(
    node, peer, camera: Camera, spoil: Callable[[Shot], None], words: tuple[str, ...]
):
    node()
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    bad = camera.messages(*scene(HERE))
    spoil(bad)
    camera.publish(bad)
    peer.diagnosis(*words)
    assert not heard
    good = camera.shoot(*scene(HERE))
    peer.wait(lambda: transforms(heard, good), "TF of the good frame")


def test_depth_without_a_measurement_gives_no_frames_and_is_told_of(node, peer, camera):
    node()
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    camera.shoot(scene(HERE)[0], np.full((480, 640), np.nan, np.float32))
    peer.diagnosis("100% of depth is invalid")
    assert not heard


def test_compressed_bytes_that_are_no_picture(node, peer, camera):
    node(image_transport="compressed")
    image = peer.create_publisher(CompressedImage, "image/compressed", 1)
    camera.wait_for_node(image, camera.depth, camera.info)
    shot = camera.messages(*scene(HERE))
    camera.publish(shot)
    image.publish(CompressedImage(header=shot.image.header, format="jpeg", data=b"no picture"))
    peer.diagnosis("frame refused", "10 bytes of format 'jpeg'")


def test_silence_is_explained(node, peer):
    node()
    said = peer.diagnosis("no image: nobody publishes /image")
    assert "no depth: nobody publishes /depth" in said
    assert "no camera_info: nobody publishes /camera_info" in said


def test_a_topic_of_another_type_is_told_of(node, peer):
    node()
    context = rclpy.Context()  # one participant cannot have both types
    context.init()
    other = rclpy.create_node("other", context=context)
    other.create_publisher(CompressedImage, "depth", 1)
    try:
        peer.diagnosis("no depth: /depth is a sensor_msgs/msg/CompressedImage, expected Image")
    finally:
        other.destroy_node()
        context.shutdown()


def test_camera_info_that_never_comes_is_told_of(node, peer, camera):
    silent = node()
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE))

    def camera_info_is_missed() -> bool:
        camera.stamp_ns += 33_000_000
        shot.image.header.stamp = shot.depth.header.stamp = stamp_from_ns(camera.stamp_ns)
        camera.image.publish(shot.image)
        camera.depth.publish(shot.depth)
        peer.spin_for(0.1)
        texts = [s.message for message in peer.heard["/diagnostics"] for s in message.status]
        return any("no camera_info" in text and "no image" not in text for text in texts)

    peer.diagnosis("no image")
    peer.wait(camera_info_is_missed, "the missing camera_info to be told of")
    assert silent.health.output.count == 0


def test_images_without_depth_and_stamps_too_far_apart(node, peer, camera):
    node()
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE))

    def told() -> bool:
        camera.stamp_ns += 100_000_000
        shot.image.header.stamp = stamp_from_ns(camera.stamp_ns)
        shot.depth.header.stamp = stamp_from_ns(camera.stamp_ns + 42_000_000)
        camera.info.publish(shot.info)
        camera.image.publish(shot.image)
        camera.depth.publish(shot.depth)
        peer.spin_for(0.1)
        return any(
            "image and depth stamps are 42.0 ms apart" in status.message
            for message in peer.heard["/diagnostics"]
            for status in message.status
        )

    peer.diagnosis("no image")
    peer.wait(told, "the distance of the stamps")
    assert not heard


def test_camera_info_of_another_frame_is_told_of_but_used(node, peer, camera):
    node()
    heard = peer.listen(TFMessage, "/tf")
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE))
    shot.info.header.frame_id = "camera_depth_optical_frame"
    stamp = camera.publish(shot)
    peer.wait(lambda: transforms(heard, stamp), "TF")
    peer.diagnosis("camera_info is of frame 'camera_depth_optical_frame'")


def test_frames_lost_on_the_way_are_noticed(node, peer, camera):
    node()
    camera.wait_for_node()
    shot = camera.messages(*scene(HERE))
    for n in range(60):
        camera.stamp_ns += 33_333_333 * (1 + (n % 3 == 0))  # every fourth frame never arrives
        camera.publish(shot, camera.stamp_ns)
        peer.spin_for(0.01)
    peer.diagnosis("of the image frames never arrive", "fastdds.xml")
    assert float(peer.diagnostic_value("image lost on the way")) == pytest.approx(0.25, abs=0.02)


class TestUnregisteredDepth:
    """The depth camera stands 5 cm to the left of the colour camera, in a frame of its own."""

    DEPTH_FRAME = "camera_depth_optical_frame"
    OFFSET = 0.05

    @pytest.fixture
    def shot(self, peer, camera) -> Shot:
        """The person as the depth camera sees it: farther to the right."""
        camera.depth_frame_id = self.DEPTH_FRAME
        self.depth_info = peer.create_publisher(CameraInfo, "depth/camera_info", 1)
        shift = round(CAMERA.fx * self.OFFSET / 2.0)
        rgb, depth = scene(HERE)[0], scene((HERE[0] + shift, HERE[1]))[1]
        return camera.messages(rgb, depth)

    def publish(self, camera, shot) -> int:
        self.depth_info.publish(message_from_camera(CAMERA, 0, self.DEPTH_FRAME))
        return camera.publish(shot)

    def test_is_registered_by_tf(self, node, peer, camera, shot):
        node()
        heard = peer.listen(TFMessage, "/tf")
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        static = peer.create_publisher(TFMessage, "/tf_static", latched)
        transform = TransformStamped(child_frame_id=self.DEPTH_FRAME)
        transform.header.frame_id = FRAME_ID
        transform.transform.translation.x = -self.OFFSET
        transform.transform.rotation.w = 1.0
        static.publish(TFMessage(transforms=[transform]))
        camera.wait_for_node(camera.image, camera.depth, camera.info, self.depth_info)

        def registered() -> TransformStamped | None:
            stamp = self.publish(camera, shot)
            peer.spin_for(0.3)
            return transforms(heard, stamp).get("body_p1")

        t = peer.wait(registered, "TF").transform.translation
        np.testing.assert_allclose([t.x, t.y, t.z], CAMERA.unproject(HERE, 2.0), atol=0.01)

    def test_without_tf_is_refused_and_told_of(self, node, peer, camera, shot):
        node()
        heard = peer.listen(TFMessage, "/tf")
        camera.wait_for_node(camera.image, camera.depth, camera.info, self.depth_info)
        for _ in range(3):
            self.publish(camera, shot)
            peer.spin_for(0.3)
        peer.diagnosis("frame refused", self.DEPTH_FRAME, FRAME_ID)
        assert not heard

    def test_of_the_same_frame_but_another_lens_needs_no_tf(self, node, peer, camera):
        node()
        heard = peer.listen(TFMessage, "/tf")
        info = peer.create_publisher(CameraInfo, "depth/camera_info", 1)
        camera.wait_for_node(camera.image, camera.depth, camera.info, info)
        half = type(CAMERA)(250.0, 250.0, 159.5, 119.5, 320, 240)
        shot = camera.messages(scene(HERE)[0], scene((200, 100), camera=half)[1])

        def registered() -> TransformStamped | None:
            info.publish(message_from_camera(half, 0, FRAME_ID))
            stamp = camera.publish(shot)
            peer.spin_for(0.2)
            return transforms(heard, stamp).get("body_p1")

        t = peer.wait(registered, "TF").transform.translation
        np.testing.assert_allclose([t.x, t.y, t.z], CAMERA.unproject(HERE, 2.0), atol=0.01)


class TestTargetFrame:
    def test_people_are_published_in_it(self, node, peer, camera):
        node(target_frame="map")
        heard = peer.listen(TFMessage, "/tf")
        static = peer.create_publisher(
            TFMessage, "/tf_static", QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        )
        transform = TransformStamped(child_frame_id=FRAME_ID)
        transform.header.frame_id = "map"
        transform.transform.translation.z = 1.0
        transform.transform.rotation.w = 1.0
        static.publish(TFMessage(transforms=[transform]))
        camera.wait_for_node()

        def answered() -> TransformStamped | None:
            stamp = camera.shoot(*scene(HERE))
            peer.spin_for(0.3)
            return transforms(heard, stamp).get("body_p1")

        body = peer.wait(answered, "TF")
        assert body.header.frame_id == "map"
        t = body.transform.translation
        np.testing.assert_allclose([t.x, t.y, t.z], CAMERA.unproject(HERE, 2.0) + [0, 0, 1], atol=1e-3)

    def test_that_is_unknown_is_told_of_and_nothing_takes_its_place(self, node, peer, camera):
        node(target_frame="map")
        heard = peer.listen(TFMessage, "/tf")
        camera.wait_for_node()
        camera.shoot(*scene(HERE))
        peer.diagnosis("nothing is published in the target frame", "map")
        assert not heard
