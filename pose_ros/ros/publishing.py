"""How every output is published: reliably, without event handlers, and only to those who listen."""

from __future__ import annotations

from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile

# Every event handler makes each turn of the executor slower; diagnostics look for incompatible QoS instead.
NO_EVENTS = PublisherEventCallbacks(use_default_callbacks=False)


def make_publisher(node: Node, kind: Any, topic: str, depth: int = 10) -> Publisher:
    return node.create_publisher(kind, topic, QoSProfile(depth=depth), event_callbacks=NO_EVENTS)


def make_latched(node: Node, kind: Any, topic: str) -> Publisher:
    """Who comes later hears the last message, too."""
    qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    return node.create_publisher(kind, topic, qos, event_callbacks=NO_EVENTS)


def is_heard(publisher: Publisher) -> bool:
    return publisher.get_subscription_count() > 0
