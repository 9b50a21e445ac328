"""Objects from topics, as whoever consumes them wants them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.subscription import Subscription
from std_msgs.msg import String
from vision_msgs.msg import Detection3D, Detection3DArray

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.health import Health
from pose_ros.ros.people_input import LATCHED, QUEUE
from pose_ros.ros.rgbd_input import NO_EVENTS


@dataclass(frozen=True)
class ObjectSighting:
    """What is told of one object. covariance (6,6): translation, then rotation about the root's axes."""

    id: str
    label: str
    score: float
    root_from_object: RigidTransform
    covariance: np.ndarray

    @classmethod
    def of(cls, detection: Detection3D) -> ObjectSighting:
        result = detection.results[0]
        q, p = result.pose.pose.orientation, result.pose.pose.position
        pose = RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])
        covariance = np.array(result.pose.covariance, float).reshape(6, 6)
        return cls(detection.id, result.hypothesis.class_id, result.hypothesis.score, pose, covariance)


class ObjectsInput:
    """Subscribes on construction; calls `on_objects(sightings, stamp_ns, frame_id)` for every instant.

    That happens in the executor's thread, for instants without objects too. models: what the latest
    `objects/models` says of each label. Detections without a pose are reported to `health` and left out.
    """

    def __init__(
        self, node: Node, on_objects: Callable[[list[ObjectSighting], int, str], None], health: Health
    ) -> None:
        self.models: dict[str, dict[str, Any]] = {}
        self._node, self._on_objects, self._health = node, on_objects, health
        self._models = node.create_subscription(
            String, "objects/models", self._on_models, LATCHED, event_callbacks=NO_EVENTS
        )
        detections = node.create_subscription(
            Detection3DArray, "objects/detections", self._on_detections, QUEUE, event_callbacks=NO_EVENTS
        )
        self.subscriptions: dict[str, Subscription] = {"objects/detections": detections}

    def close(self) -> None:
        for subscription in (self._models, *self.subscriptions.values()):
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def _on_models(self, message: String) -> None:
        try:
            self.models = dict(json.loads(message.data))
        except (ValueError, TypeError) as error:
            self._health.report("objects/models", f"objects/models cannot be understood: {error}")

    def _on_detections(self, message: Detection3DArray) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._health.stream("objects/detections").add(stamp_ns)
        sightings = []
        for detection in message.detections:
            try:
                sightings.append(ObjectSighting.of(detection))
            except (IndexError, ValueError):  # no result, or a quaternion of length 0
                self._health.report("objects/detections", f"detection {detection.id!r} has no pose")
        self._on_objects(sightings, stamp_ns, message.header.frame_id)
