"""Camera topics to RGB-D frames: subscriptions, pairing, decoding, registration of depth."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from pose_ros.config import option
from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.depth import register_depth
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import camera_from_message, depth_from_message, rgb_from_message, stamp_to_ns
from pose_ros.ros.health import Health
from pose_ros.ros.sync import RgbdSync
from pose_ros.ros.transforms import Transforms
from pose_ros.types import RGBDFrame

INPUT_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
SAME_CAMERA = 0.5  # pixels by which two cameras of one frame may differ and still be the same


@dataclass(frozen=True)
class InputConfig:
    """How camera topics are read."""

    image_transport: str = option("raw", "how colour images come", choices=("raw", "compressed"))
    depth_transport: str = option("raw", "how depth images come", choices=("raw", "compressedDepth"))
    rectified: bool = option(False, "images are rectified: camera_info's P holds, without distortion")
    slop: float = option(0.02, "largest difference between the stamps of a pair", unit="s", range=(0.0, 1.0))
    queue: int = option(10, "messages of a topic that wait for their partner", range=(1, 100))


@dataclass(frozen=True)
class Pair:
    """Messages of one instant, as they arrived."""

    image: Image | CompressedImage
    depth: Image | CompressedImage
    camera_info: CameraInfo
    depth_info: CameraInfo | None
    arrived: float  # time.perf_counter()


class RgbdInput:
    """Subscribes on construction and gives every pair to `on_pair`, in the executor's thread.

    `frame(pair)` does the costly part and may be called from another thread.
    """

    def __init__(
        self,
        node: Node,
        config: InputConfig,
        health: Health,
        transforms: Transforms,
        on_pair: Callable[[Pair], None],
    ) -> None:
        self.sync = RgbdSync(round(config.slop * 1e9), config.queue)
        self._node, self._config, self._health, self._transforms = node, config, health, transforms
        self._on_pair = on_pair
        self._info: dict[str, CameraInfo] = {}
        self._cameras: dict[str, PinholeCamera] = {}
        self.subscriptions = {
            "image": self._subscribe("image", config.image_transport, self._on_image),
            "depth": self._subscribe("depth", config.depth_transport, self._on_depth),
        }
        for topic in ("camera_info", "depth/camera_info"):
            on_info = functools.partial(self._on_info, topic)
            self.subscriptions[topic] = node.create_subscription(CameraInfo, topic, on_info, INPUT_QOS)

    def close(self) -> None:
        for subscription in self.subscriptions.values():
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def _subscribe(self, topic: str, transport: str, callback: Callable[[Any], None]) -> Subscription:
        if transport == "raw":
            return self._node.create_subscription(Image, topic, callback, INPUT_QOS)
        # As image_transport does it: the transport's name follows the remapped base name.
        name = f"{self._node.resolve_topic_name(topic)}/{transport}"
        return self._node.create_subscription(CompressedImage, name, callback, INPUT_QOS)

    def _on_info(self, topic: str, message: CameraInfo) -> None:
        self._health.stream(topic).add(stamp_to_ns(message.header.stamp))
        self._info[topic] = message

    def _on_image(self, message: Image | CompressedImage) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._health.stream("image").add(stamp_ns)
        self._hand_on(self.sync.add_image(stamp_ns, message))

    def _on_depth(self, message: Image | CompressedImage) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._health.stream("depth").add(stamp_ns)
        self._hand_on(self.sync.add_depth(stamp_ns, message))

    def _hand_on(self, pairs: list[tuple[Any, Any]]) -> None:
        if "camera_info" not in self._info:
            return  # diagnostics tell
        info, depth_info = self._info["camera_info"], self._info.get("depth/camera_info")
        for image, depth in pairs:
            if image.header.frame_id != depth.header.frame_id:
                self._transforms.listen()
            self._on_pair(Pair(image, depth, info, depth_info, time.perf_counter()))

    def frame(self, pair: Pair) -> RGBDFrame:
        """Decode and register; raises a PoseError that says what is wrong with the messages."""
        header, info_frame = pair.image.header, pair.camera_info.header.frame_id
        if info_frame != header.frame_id:
            self._health.report(
                "camera_info frame",
                f"camera_info is of frame {info_frame!r}, the image of {header.frame_id!r}: is it its own?",
                error=False,
            )
        started = time.perf_counter()
        rgb = rgb_from_message(pair.image)
        depth = depth_from_message(pair.depth)
        camera = self._camera("image", pair.camera_info)
        decoded = time.perf_counter()
        self._health.stage("decode", (decoded - started) * 1e3)
        if not self._is_registered(depth, camera, pair):
            depth = self._register(depth, camera, pair)
            self._health.stage("register", (time.perf_counter() - decoded) * 1e3)
        self._health.depth_invalid = float(np.isnan(depth[::8, ::8]).mean())
        return RGBDFrame(rgb, depth, camera, stamp_to_ns(header.stamp), header.frame_id)

    def _camera(self, topic: str, info: CameraInfo) -> PinholeCamera:
        """The same object as long as the numbers stay: it keeps the rays of its pixels."""
        camera = camera_from_message(info, self._config.rectified)
        if self._cameras.get(topic) != camera:
            self._cameras[topic] = camera
        return self._cameras[topic]

    def _is_registered(self, depth: np.ndarray, camera: PinholeCamera, pair: Pair) -> bool:
        if pair.depth.header.frame_id != pair.image.header.frame_id:
            return False
        if depth.shape != (camera.height, camera.width):
            return False
        if pair.depth_info is None:
            return True
        # Distortion is left out: some drivers give aligned depth the colour camera's K and zeros for D.
        difference = self._camera("depth", pair.depth_info).matrix - camera.matrix
        return bool(np.abs(difference).max() < SAME_CAMERA)

    def _register(self, depth: np.ndarray, camera: PinholeCamera, pair: Pair) -> np.ndarray:
        color_frame, depth_frame = pair.image.header.frame_id, pair.depth.header.frame_id
        if pair.depth_info is None:
            raise FrameError(
                f"depth {depth.shape[::-1]} of frame {depth_frame!r} is not registered to the image "
                f"{camera.width, camera.height} of frame {color_frame!r}: registering it needs "
                "depth/camera_info, and none has come"
            )
        if color_frame == depth_frame:
            color_from_depth = RigidTransform.identity()  # one frame by its name: only the lenses differ
        else:
            color_from_depth = self._transforms.lookup(color_frame, depth_frame, pair.image.header.stamp)
        return register_depth(depth, self._camera("depth", pair.depth_info), camera, color_from_depth)
