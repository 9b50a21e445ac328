"""TF, behind one interface: tf2_ros where it is installed, else a buffer of ours.

Unlike tf2_ros alone, every refusal is a TransformError.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable
from typing import Any, Protocol

from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from pose_ros.errors import TransformError
from pose_ros.geometry.transform_tree import TransformTree

QUEUE = 100  # messages, as tf2_ros has it
NO_TIME = Duration()


class Buffer(Protocol):
    """What is used of tf2_ros.Buffer. With a `timeout`, call it from a thread that is not the executor's."""

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = ...
    ) -> TransformStamped: ...
    def can_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = ...
    ) -> bool: ...
    def set_transform(self, transform: TransformStamped, authority: str) -> None: ...
    def set_transform_static(self, transform: TransformStamped, authority: str) -> None: ...


def make_buffer(node: Node) -> Buffer:
    """A buffer that listens to /tf and /tf_static through `node`."""
    if importlib.util.find_spec("tf2_ros"):
        return Tf2Buffer(node)
    buffer = TransformBuffer()
    listen(node, buffer)
    return buffer


class Tf2Buffer:
    """tf2_ros.Buffer; listens if it is given a node."""

    def __init__(self, node: Node | None = None) -> None:
        import tf2_ros

        self._refusal = tf2_ros.TransformException
        self._buffer = tf2_ros.Buffer()
        self._listener = tf2_ros.TransformListener(self._buffer, node) if node else None
        self.set_transform = self._buffer.set_transform
        self.set_transform_static = self._buffer.set_transform_static

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_TIME
    ) -> TransformStamped:
        try:
            return self._buffer.lookup_transform(target_frame, source_frame, time, timeout)
        except self._refusal as error:
            raise TransformError(str(error)) from error

    def can_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_TIME
    ) -> bool:
        return bool(self._buffer.can_transform(target_frame, source_frame, time, timeout))


class TransformBuffer:
    """A TransformTree that speaks messages, may be used from several threads, and waits."""

    def __init__(self) -> None:
        self._tree = TransformTree()
        self._changed = threading.Condition()

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        self._insert(transform, static=False)

    def set_transform_static(self, transform: TransformStamped, authority: str) -> None:
        self._insert(transform, static=True)

    def _insert(self, message: TransformStamped, static: bool) -> None:
        q, t = message.transform.rotation, message.transform.translation
        stamp_ns = Time.from_msg(message.header.stamp).nanoseconds
        parent, child = message.header.frame_id, message.child_frame_id
        with self._changed:
            self._tree.insert(parent, child, stamp_ns, (q.x, q.y, q.z, q.w), (t.x, t.y, t.z), static)
            self._changed.notify_all()

    def lookup_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_TIME
    ) -> TransformStamped:
        found: Any = None

        def look() -> bool:
            nonlocal found
            try:
                found = self._tree.lookup(target_frame, source_frame, time.nanoseconds)
            except TransformError as error:
                found = error
            return not isinstance(found, TransformError)

        with self._changed:
            self._changed.wait_for(look, timeout.nanoseconds / 1e9)
        if isinstance(found, TransformError):
            raise found
        message = TransformStamped(child_frame_id=source_frame)
        message.header.frame_id, message.header.stamp = target_frame, time.to_msg()
        q, t = message.transform.rotation, message.transform.translation
        q.x, q.y, q.z, q.w = map(float, found.quaternion)
        t.x, t.y, t.z = map(float, found.translation)
        return message

    def can_transform(
        self, target_frame: str, source_frame: str, time: Time, timeout: Duration = NO_TIME
    ) -> bool:
        try:
            self.lookup_transform(target_frame, source_frame, time, timeout)
        except TransformError:
            return False
        return True


def listen(node: Node, buffer: Buffer) -> None:
    """Fill the buffer with what is heard; a transform that is refused is logged and changes nothing."""

    def into(insert: Callable[[TransformStamped, str], None]) -> Callable[[TFMessage], None]:
        def on_message(message: TFMessage) -> None:
            for transform in message.transforms:
                try:
                    insert(transform, "")
                except TransformError as error:
                    node.get_logger().warning(str(error), throttle_duration_sec=5.0)

        return on_message

    latched = QoSProfile(depth=QUEUE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(TFMessage, "/tf", into(buffer.set_transform), QUEUE)
    node.create_subscription(TFMessage, "/tf_static", into(buffer.set_transform_static), latched)
