"""Topics to be recorded: found, subscribed and handed on as they come, still serialized."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.subscription import Subscription

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.session_config import Topic
from pose_ros.apps.record.sources import INFO, TEXT, Skeletons, TopicSource, split
from pose_ros.ros.conversions import read_header
from pose_ros.ros.health import Health
from pose_ros.ros.record_types import class_of, definition_of, qos_for, qos_text, reader_of
from pose_ros.ros.rgbd_input import NO_EVENTS

LOOK_EVERY = 0.5  # seconds between two looks for topics nobody has published yet


class RecordInput:
    """Subscribes to each topic once somebody publishes it, with the QoS that is offered.

    on_topic: told of each, in the executor's thread, as are the messages: on_message(topic, when, bytes).
    """

    def __init__(
        self,
        node: Node,
        wanted: dict[str, TopicSource | None],
        on_topic: Callable[[Topic], None],
        on_message: Callable[[Topic, int, bytes], None],
        health: Health,
    ) -> None:
        self._node, self._on_topic, self._on_message, self._health = node, on_topic, on_message, health
        self._missing = {node.resolve_topic_name(name): (name, source) for name, source in wanted.items()}
        self.subscriptions: dict[str, Subscription] = {}  # by the name in the parameters
        self.lost = 0  # messages that were sent and never came, where their numbers tell
        self._numbers: dict[str, int] = {}  # topic -> of the last message
        self._timer = node.create_timer(LOOK_EVERY, self._look)
        self._look()

    @property
    def missing(self) -> list[str]:
        """Topics that nobody publishes."""
        return [name for name, _ in self._missing.values()]

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        for subscription in self.subscriptions.values():
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def _look(self) -> None:
        for resolved, (name, source) in list(self._missing.items()):
            if offers := self._node.get_publishers_info_by_topic(resolved):
                try:
                    self._subscribe(resolved, name, source, offers)
                except RecordError as error:
                    self._health.report(name, str(error))

    def _subscribe(self, resolved: str, name: str, source: TopicSource | None, offers: list[Any]) -> None:
        type_name = offers[0].topic_type
        if source is not None and type_name not in (TEXT, *source.kinds):
            raise RecordError(f"{resolved} is a {type_name}, {' or '.join(source.kinds)} is needed")
        read, qos = reader_of(type_name), qos_for(offers)
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        topic = Topic(
            resolved, type_name, definition_of(type_name), qos_text(offers), read, source, keep_last=latched
        )
        del self._missing[resolved]
        self._on_topic(topic)
        stream, stamped = self._health.stream(name), type_name.endswith("Image")

        def receive(data: bytes, info: Any) -> None:
            stream.add(read_header(data)[0] if stamped else 0)
            self._count(resolved, info["publication_sequence_number"])
            self._on_message(topic, self._node.get_clock().now().nanoseconds, data)

        self.subscriptions[name] = self._node.create_subscription(
            class_of(type_name), resolved, receive, qos, raw=True, event_callbacks=NO_EVENTS
        )

    def _count(self, topic: str, number: int | None) -> None:
        """Publishers number what they send; those of several publishers cannot be told apart."""
        if number is None or self._node.count_publishers(topic) != 1:
            self._numbers.pop(topic, None)
            return
        self.lost += max(number - self._numbers.get(topic, number - 1) - 1, 0)
        self._numbers[topic] = number


def wanted_topics(sources: Iterable[TopicSource], objects: str, more: str) -> dict[str, TopicSource | None]:
    """Name -> what columns are made of it."""
    wanted: dict[str, TopicSource | None] = {}
    for source in sources:
        wanted[source.topic] = source
        if isinstance(source, Skeletons):
            wanted[INFO] = source
    for name in (*split(objects), *split(more)):
        wanted.setdefault(name, None)
    return wanted
