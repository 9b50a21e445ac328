"""Where objects may be in the image, as somebody else says: a mask image or boxes of the same stamp."""

from __future__ import annotations

import functools
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from pose_ros.config import option
from pose_ros.ros.conversions import read_header
from pose_ros.ros.health import Health
from pose_ros.ros.regions import everywhere, from_boxes, from_mask
from pose_ros.ros.rgbd_input import NO_EVENTS, Pair
from pose_ros.types import Detections2D, RGBDFrame

# Segmentation comes from a node, not from a driver, and is small: none of it need be lost.
QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
KEPT = 20  # messages and pairs that wait for each other


@dataclass(frozen=True)
class RegionsConfig:
    """Where the regions come from in which objects are looked for."""

    segmentation: str = option(
        "depth",
        "who says where objects may be: the node itself from depth, a label image on segments (mask), "
        "detections (boxes), or nobody (none: one object before the camera)",
        choices=("depth", "mask", "boxes", "none"),
    )
    segmentation_wait: float = option(
        0.5, "how long a picture waits for its mask or boxes", unit="s", range=(0.0, 10.0)
    )


class RegionsInput:
    """Gives `on_pair` every pair, with the regions of its stamp where there are such, in order.

    A pair waits until its regions come, or later ones do, or it has waited too long: then it goes on
    without, which is told of. All in the executor's thread, but for `detections`.
    """

    def __init__(
        self,
        node: Node,
        config: RegionsConfig,
        slop_ns: int,
        health: Health,
        on_pair: Callable[[Pair], None],
    ) -> None:
        self._node, self._config, self._slop_ns, self._health = node, config, slop_ns, health
        self._on_pair = on_pair
        self._waiting: deque[tuple[int, Pair]] = deque()
        self._regions: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self.paired = self.missing = 0
        self.subscriptions: dict[str, Subscription] = {}
        self.topic = {"mask": "segments", "boxes": "detections"}.get(config.segmentation)
        self._kind = Image if self.topic == "segments" else Detection2DArray
        if self.topic:
            self.subscriptions[self.topic] = node.create_subscription(
                self._kind, self.topic, self._receive, QOS, raw=True, event_callbacks=NO_EVENTS
            )

    def close(self) -> None:
        for subscription in self.subscriptions.values():
            self._node.destroy_subscription(subscription)
        self.subscriptions = {}

    def add_pair(self, pair: Pair) -> None:
        if self.topic is None:
            self._on_pair(pair)
            return
        stamp_ns, _ = read_header(pair.image)
        if self._waiting and stamp_ns < self._waiting[-1][0]:
            self._waiting.clear()  # a bag that starts again
            self._regions.clear()
        self._waiting.append((stamp_ns, pair))
        self._hand_on()

    def _receive(self, message: bytes) -> None:
        stamp_ns, _ = read_header(message)
        self._health.stream(self.topic).add(stamp_ns)
        self._regions.append((stamp_ns, message))
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting:
            stamp_ns, pair = self._waiting[0]
            offset_ns, message = min(
                ((abs(stamp - stamp_ns), message) for stamp, message in self._regions),
                key=lambda entry: entry[0],
                default=(None, None),
            )
            if offset_ns is not None and offset_ns <= self._slop_ns:
                self.paired += 1
                ready = replace(pair, regions=message)
            elif self._is_in_vain(stamp_ns, pair):
                self._report_missing(offset_ns)
                ready = pair
            else:
                return
            self._waiting.popleft()
            self._on_pair(ready)

    def _is_in_vain(self, stamp_ns: int, pair: Pair) -> bool:
        waited = time.perf_counter() - pair.arrived
        later = any(stamp > stamp_ns + self._slop_ns for stamp, _ in self._regions)
        return later or waited >= self._config.segmentation_wait or len(self._waiting) > KEPT

    def _report_missing(self, offset_ns: int | None) -> None:
        self.missing += 1
        nearest = "none have come" if offset_ns is None else f"the nearest are {offset_ns / 1e6:.0f} ms off"
        self._health.report(
            "regions",
            f"{self.missing} of {self.missing + self.paired} images have no {self.topic} of their stamp "
            f"({nearest}; slop is {self._slop_ns / 1e6:.0f} ms): objects are followed, none are found",
            error=self.paired == 0,
        )

    def detections(self, pair: Pair, frame: RGBDFrame, labels: Collection[str]) -> Detections2D | None:
        """The regions of a pair that was handed on, None where the pipeline is to find them itself.

        A PoseError says what is wrong with the message; `labels`: names of the models.
        """
        if self._config.segmentation == "depth":
            return None
        if self._config.segmentation == "none":
            return everywhere(frame)
        if pair.regions is None:
            return Detections2D.empty(frame.camera.height, frame.camera.width)
        message = deserialize_message(pair.regions, self._kind)
        if self.topic == "segments":
            return from_mask(message, frame)
        report = functools.partial(self._health.report, "names", error=False)
        return from_boxes(message, frame, labels, report)
