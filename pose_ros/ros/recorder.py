"""Hears what source and nodes publish: into a bag, into pictures, into figures."""

from __future__ import annotations

import collections
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import vision_msgs
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from pose_ros.eval.tracks import TrackedPose
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import rgb_from_message, stamp_to_ns
from pose_ros.ros.objects_input import ObjectSighting

# rosbags does not know vision_msgs: the fields are read where ROS has them, beside its Python.
VISION_MSGS = Path(vision_msgs.__file__).parents[4] / "share" / "vision_msgs" / "msg"
QOS = QoSProfile(depth=100)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BAG_VERSION = 9  # metadata of Jazzy
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 90]


class Recorder(Node):
    """Writes `folder`/bag (MCAP) and pictures while it is spun. Stamps are the images', in ns.

    people, objects: whether that node runs; its pictures go to `folder`/pictures, or /object_pictures.
    """

    def __init__(self, folder: Path, people: bool = True, objects: bool = False) -> None:
        super().__init__("recorder")
        self.images: list[int] = []  # stamps, in the order of the source
        self.fingerprints: dict[int, int] = {}  # stamp -> of the image's bytes: some images may never come
        self.poses: dict[int, dict[str, TrackedPose]] = {}  # stamp -> id -> pose, of every frame answered
        self.latency_ms: list[float] = []  # from an image's stamp to its TF being here
        self.objects: dict[int, dict[str, ObjectSighting]] = {}  # stamp -> id -> object
        self.object_latency_ms: list[float] = []
        self.labels: set[str] = set()  # of the models that are looked for
        self.last_heard = time.monotonic()
        self.diagnosis: dict[str, str] = {}  # name of a status -> its message
        self.dropped: dict[str, str] = {}  # name of a node -> frames it has dropped
        self._folder = folder
        self._bag = Writer(folder / "bag", version=BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._bag.open()
        self._types = get_typestore(Stores.ROS2_JAZZY)
        self._record(Image, "image", self._on_image, CompressedImage, "/compressed")
        self._record(CameraInfo, "camera_info")
        self._record(TFMessage, "/tf", self._on_tf)
        if people:
            self._record_drawn("image_annotated", "pictures", self.poses)
            self._record(MarkerArray, "skeletons/markers")
        if objects:
            for file in VISION_MSGS.glob("*.msg"):
                self._types.register(get_types_from_msg(file.read_text(), f"vision_msgs/msg/{file.stem}"))
            self._record_drawn("objects/image_annotated", "object_pictures", self.objects)
            self._record(MarkerArray, "objects/markers")
            self._record(Detection3DArray, "objects/detections", self._on_detections)
            self.create_subscription(LabelInfo, "objects/label_info", self._on_labels, LATCHED)
        self._record(DiagnosticArray, "/diagnostics", self._on_diagnostics)

    def close(self) -> None:
        self._bag.close()
        self.destroy_node()

    def _record(
        self,
        kind: type,
        topic: str,
        hear: Callable[[Any], Any] = lambda message: None,
        stored_kind: type | None = None,
        suffix: str = "",
    ) -> None:
        """Into the bag goes what `hear` returns, or the message itself."""
        stored = stored_kind or kind
        name = self.resolve_topic_name(topic) + suffix
        connection = self._bag.add_connection(
            name, f"{stored.__module__.split('.')[0]}/msg/{stored.__name__}", typestore=self._types
        )

        def receive(serialized: bytes) -> None:
            changed = hear(deserialize_message(serialized, kind))
            data = serialized if changed is None else serialize_message(changed)
            self._bag.write(connection, time.time_ns(), data)

        self.create_subscription(kind, topic, receive, QOS, raw=True)

    def _on_image(self, message: Image) -> CompressedImage:
        stamp = stamp_to_ns(message.header.stamp)
        self.images.append(stamp)
        self.fingerprints[stamp] = zlib.crc32(message.data)
        return _jpeg(message)

    def _record_drawn(self, topic: str, folder: str, answers: dict[int, dict]) -> None:
        """Record an annotated image, which a node publishes of every frame it has answered."""
        pictures = self._folder / folder
        pictures.mkdir(parents=True)

        def on_annotated(message: Image) -> CompressedImage:
            picture = _jpeg(message)
            stamp = stamp_to_ns(message.header.stamp)
            self.last_heard = time.monotonic()
            answers.setdefault(stamp, {})  # what was found came before, if there was anything
            if stamp in self.images:
                (pictures / f"{self.images.index(stamp):05d}.jpg").write_bytes(picture.data)
            return picture

        self._record(Image, topic, on_annotated, CompressedImage, "/compressed")

    def _on_tf(self, message: TFMessage) -> None:
        stamp = stamp_to_ns(message.transforms[0].header.stamp)
        if people := poses_of(message):
            self.latency_ms.append(self._age_ms(stamp))
            self.poses[stamp] = people

    def _on_detections(self, message: Detection3DArray) -> None:
        stamp = stamp_to_ns(message.header.stamp)
        self.object_latency_ms.append(self._age_ms(stamp))
        self.objects[stamp] = {one.id: ObjectSighting.of(one) for one in message.detections}

    def _on_labels(self, message: LabelInfo) -> None:
        self.labels = {entry.class_name for entry in message.class_map}

    def _age_ms(self, stamp_ns: int) -> float:
        return (self.get_clock().now().nanoseconds - stamp_ns) / 1e6

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.diagnosis[status.name] = status.message
            for value in status.values:
                if value.key == "frames dropped by the worker":
                    self.dropped[status.name.split(":")[0]] = value.value


def poses_of(message: TFMessage) -> dict[str, TrackedPose]:
    """Person id -> joints in the camera's frame; frames are named <joint>_<id>, joints hang in body_<id>.

    Frames of anything else are not people's.
    """
    camera_from: dict[str, RigidTransform] = {}
    people: dict[str, dict[str, RigidTransform]] = collections.defaultdict(dict)
    for transform in message.transforms:
        q, t = transform.transform.rotation, transform.transform.translation
        pose = RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [t.x, t.y, t.z])
        parent, child = transform.header.frame_id, transform.child_frame_id
        camera_from[child] = camera_from[parent] @ pose if parent in camera_from else pose
        joint, _, person = child.rpartition("_")
        people[person][joint] = camera_from[child]
    return {
        person: TrackedPose(
            {name: pose.translation for name, pose in frames.items()},
            {name: pose.rotation for name, pose in frames.items()},
        )
        for person, frames in people.items()
        if "body" in frames
    }


def _jpeg(message: Image) -> CompressedImage:
    bgr = np.ascontiguousarray(rgb_from_message(message)[..., ::-1])
    data = cv2.imencode(".jpg", bgr, JPEG)[1].tobytes()
    return CompressedImage(header=message.header, format="rgb8; jpeg compressed bgr8", data=data)
