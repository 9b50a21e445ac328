"""Camera topics to RGB-D frames: subscriptions, pairing, decoding, registration of depth."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from pose_ros.config import option
from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.depth import register_depth
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import (
    STAMP_BYTES,
    camera_from_message,
    depth_from_message,
    read_header,
    rgb_from_message,
    stamp_to_ns,
)
from pose_ros.ros.health import Health
from pose_ros.ros.sync import RgbdSync
from pose_ros.ros.transforms import Transforms
from pose_ros.types import RGBDFrame

# Every event handler makes each turn of the executor slower; diagnostics look for incompatible QoS instead.
NO_EVENTS = SubscriptionEventCallbacks(use_default_callbacks=False)
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
    """Messages of one instant as they arrived, still serialized."""

    image: bytes
    depth: bytes
    camera_info: bytes
    depth_info: bytes | None
    arrived: float  # time.perf_counter()
    regions: bytes | None = None  # where objects may be in the image, of another topic


class RgbdInput:
    """Subscribes on construction and gives every pair to `on_pair`, in the executor's thread.

    Messages stay serialized until `frame(pair)`, which does the costly part, may be called from another
    thread, and is not called for pairs that are dropped.
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
        self._image_type = Image if config.image_transport == "raw" else CompressedImage
        self._depth_type = Image if config.depth_transport == "raw" else CompressedImage
        self._info: dict[str, bytes] = {}
        self._early: list = []  # pairs older than the first camera_info
        self._cameras: dict[str, tuple[bytes, PinholeCamera]] = {}
        # The executor serves what has come in this order: the camera of an image before the image.
        self.subscriptions = {
            "camera_info": self._subscribe(CameraInfo, "camera_info"),
            "depth/camera_info": self._subscribe(CameraInfo, "depth/camera_info"),
            "image": self._subscribe(self._image_type, "image", config.image_transport),
            "depth": self._subscribe(self._depth_type, "depth", config.depth_transport),
        }

    def close(self) -> None:
        for subscription in self.subscriptions.values():
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def _subscribe(self, kind: type, topic: str, transport: str = "raw") -> Subscription:
        # As image_transport does it: the transport's name follows the remapped base name.
        name = topic if transport == "raw" else f"{self._node.resolve_topic_name(topic)}/{transport}"
        receive = functools.partial(self._receive, topic)
        return self._node.create_subscription(
            kind, name, receive, INPUT_QOS, raw=True, event_callbacks=NO_EVENTS
        )

    def _receive(self, topic: str, message: bytes) -> None:
        stamp_ns, frame_id = read_header(message)
        self._health.stream(topic).add(stamp_ns)
        if topic == "image":
            self._hand_on(self.sync.add_image(stamp_ns, (frame_id, message)))
        elif topic == "depth":
            self._hand_on(self.sync.add_depth(stamp_ns, (frame_id, message)))
        else:
            self._info[topic] = message
            early, self._early = self._early, []
            self._hand_on(early)

    def _hand_on(self, pairs: list) -> None:
        if "camera_info" not in self._info:
            self._early = pairs or self._early
            return
        info, depth_info = self._info["camera_info"], self._info.get("depth/camera_info")
        for (image_frame, image), (depth_frame, depth) in pairs:
            if image_frame != depth_frame:
                self._transforms.listen()
            self._on_pair(Pair(image, depth, info, depth_info, time.perf_counter()))

    def frame(self, pair: Pair) -> RGBDFrame:
        """Decode and register; raises a PoseError that says what is wrong with the messages."""
        started = time.perf_counter()
        image = deserialize_message(pair.image, self._image_type)
        depth_image = deserialize_message(pair.depth, self._depth_type)
        rgb, depth = rgb_from_message(image), depth_from_message(depth_image)
        camera = self._camera("camera_info", pair.camera_info)
        depth_camera = self._camera("depth/camera_info", pair.depth_info) if pair.depth_info else None
        self._health.stage("decode", (time.perf_counter() - started) * 1e3)
        frame_id, (_, info_frame) = image.header.frame_id, read_header(pair.camera_info)
        if info_frame != frame_id:
            self._health.report(
                "camera_info frame",
                f"camera_info is of frame {info_frame!r}, the image of {frame_id!r}: is it the image's own?",
                error=False,
            )
        depth = self._registered(depth, depth_image.header.frame_id, depth_camera, camera, image.header)
        self._health.depth_invalid = float(np.isnan(depth[::8, ::8]).mean())
        return RGBDFrame(rgb, depth, camera, stamp_to_ns(image.header.stamp), frame_id)

    def _camera(self, topic: str, info: bytes) -> PinholeCamera:
        """The same object as long as the numbers stay: it keeps the rays of its pixels."""
        numbers = info[STAMP_BYTES.stop :]
        known, camera = self._cameras.get(topic, (b"", None))
        if camera is None or known != numbers:
            camera = camera_from_message(deserialize_message(info, CameraInfo), self._config.rectified)
            self._cameras[topic] = numbers, camera
        return camera

    def _registered(
        self,
        depth: np.ndarray,
        depth_frame: str,
        depth_camera: PinholeCamera | None,
        camera: PinholeCamera,
        header: Header,
    ) -> np.ndarray:
        """Depth as `camera` sees it at the image's `header`; untouched where it is that already."""
        is_aligned = depth_frame == header.frame_id and depth.shape == (camera.height, camera.width)
        if is_aligned and (depth_camera is None or _is_same(depth_camera, camera)):
            return depth
        if depth_camera is None:
            raise FrameError(
                f"depth {depth.shape[::-1]} of frame {depth_frame!r} is not registered to the image "
                f"{camera.width, camera.height} of frame {header.frame_id!r}: registering it needs "
                "depth/camera_info, and none has come"
            )
        started = time.perf_counter()
        color_from_depth = RigidTransform.identity()
        if depth_frame != header.frame_id:  # else one frame by its name: only the lenses differ
            color_from_depth = self._transforms.lookup(header.frame_id, depth_frame, header.stamp)
        registered = register_depth(depth, depth_camera, camera, color_from_depth)
        self._health.stage("register", (time.perf_counter() - started) * 1e3)
        return registered


def _is_same(depth_camera: PinholeCamera, camera: PinholeCamera) -> bool:
    # Distortion is left out: some drivers give aligned depth the colour camera's K and zeros for D.
    return bool(np.abs(depth_camera.matrix - camera.matrix).max() < SAME_CAMERA)
