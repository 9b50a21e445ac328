"""Transforms from TF, listened to only once somebody needs one."""

from __future__ import annotations

from builtin_interfaces.msg import Time as TimeMessage
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from pose_ros.errors import TransformError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.tf_buffer import Buffer, make_buffer

WAIT = Duration(seconds=0.1)  # TF of the image's stamp often arrives after the image


class Transforms:
    """`lookup` waits a little for TF to arrive: call it from a thread that is not the executor's."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._buffer: Buffer | None = None

    def listen(self) -> None:
        """Subscribe to TF, if not done yet; call it from the executor's thread."""
        if self._buffer is None:
            self._buffer = make_buffer(self._node)

    def lookup(self, target: str, source: str, stamp: TimeMessage) -> RigidTransform:
        """target_from_source at exactly this stamp; TransformError where TF does not know it."""
        if self._buffer is None:
            raise TransformError(f"no transform from {source!r} to {target!r}: nothing heard of TF yet")
        try:
            message = self._buffer.lookup_transform(target, source, Time.from_msg(stamp), WAIT)
        except TransformError as error:
            raise TransformError(f"no transform from {source!r} to {target!r}: {error}") from error
        q, t = message.transform.rotation, message.transform.translation
        return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [t.x, t.y, t.z])
