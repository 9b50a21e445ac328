"""People from topics, as whoever consumes them wants them."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String

from pose_ros.errors import PoseError
from pose_ros.people_rows import PeopleReader
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.health import Health
from pose_ros.ros.rgbd_input import NO_EVENTS
from pose_ros.types import People

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
QUEUE = 5


class PeopleInput:
    """Subscribes on construction; gives every instant's People, empty ones too, to `on_people`.

    That happens in the executor's thread. What cannot be understood is reported to `health` and left out.
    """

    def __init__(self, node: Node, on_people: Callable[[People], None], health: Health) -> None:
        self._node, self._on_people, self._health = node, on_people, health
        self._read: PeopleReader | None = None
        self._early: PointCloud2 | None = None  # came before its info
        info = node.create_subscription(
            String, "skeletons/info", self._on_info, LATCHED, event_callbacks=NO_EVENTS
        )
        points = node.create_subscription(
            PointCloud2, "skeletons/points", self._on_points, QUEUE, event_callbacks=NO_EVENTS
        )
        self._info = info
        self.subscriptions: dict[str, Subscription] = {"skeletons/points": points}

    def close(self) -> None:
        for subscription in (self._info, *self.subscriptions.values()):
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def _on_info(self, message: String) -> None:
        try:
            self._read = PeopleReader(message.data)
        except PoseError as error:
            self._health.report("skeletons/info", str(error))
            return
        early, self._early = self._early, None
        if early is not None:
            self._hand_on(early)

    def _on_points(self, message: PointCloud2) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._health.stream("skeletons/points").add(stamp_ns)
        if message.width == 0:
            self._on_people(People((), stamp_ns, message.header.frame_id))
        elif self._read is None:
            self._early = message
            self._health.report("skeletons/info", "people have come before skeletons/info, which names them")
        else:
            self._hand_on(message)

    def _hand_on(self, message: PointCloud2) -> None:
        try:
            people = self._read(message)
        except PoseError as error:
            self._health.report("skeletons/points", str(error))
            return
        self._on_people(people)
