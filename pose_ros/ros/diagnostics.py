"""Says once a second, on /diagnostics, how the node fares and above all why nothing comes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from pose_ros.ros.health import Health, Stream
from pose_ros.ros.sync import RgbdSync, SyncCounts

if TYPE_CHECKING:
    from pose_ros.ros.managed_node import ManagedNode

SILENT_AFTER = 2.0  # seconds without a message after which a topic is called silent
LOST_SHARE = 0.1  # part of the frames lost on the way that is worth a warning
AGE = "stamp to output"  # the stage whose time is the age of an image when its result goes out
STALE_AGE = 5.0  # seconds
INVALID_DEPTH = 0.8  # part of a depth image without a measurement that is worth a warning

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@dataclass
class Report:
    """One DiagnosticStatus in the making: the worst finding sets the level, all findings make the message."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    findings: list[tuple[bytes, str]] = field(default_factory=list)

    def say(self, level: bytes, message: str) -> None:
        self.findings.append((level, message))

    def message(self) -> DiagnosticStatus:
        return DiagnosticStatus(
            level=max((level for level, _ in self.findings), default=OK),
            name=self.name,
            message="; ".join(message for _, message in self.findings) or "fine",
            values=[KeyValue(key=key, value=_text(value)) for key, value in self.values.items()],
        )


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def input_report(name: str, health: Health, silent: dict[str, str]) -> Report:
    """Rates and losses of the input topics. silent: why each silent topic is silent."""
    report = Report(f"{name}: input")
    for topic, stream in health.streams.items():
        report.values[f"{topic} rate [Hz]"] = stream.rate
        report.values[f"{topic} received"] = stream.count
        if topic in silent and topic != "depth/camera_info":  # needed for unregistered depth only
            report.say(ERROR, silent[topic])
        if "camera_info" not in topic:
            report.values[f"{topic} lost on the way"] = stream.lost_share
            if stream.lost_share > LOST_SHARE and topic not in silent:
                report.say(
                    WARN,
                    f"{stream.lost_share:.0%} of the {topic} frames never arrive: the shared memory of the "
                    "publisher is too small for images, start the camera driver with config/fastdds.xml",
                )
    if np.isfinite(health.depth_invalid):
        report.values["depth invalid"] = health.depth_invalid
        if health.depth_invalid > INVALID_DEPTH:
            report.say(WARN, f"{health.depth_invalid:.0%} of depth is invalid")
    return report


def pairing_report(name: str, sync: RgbdSync, before: SyncCounts) -> Report:
    """Whether image and depth find each other. before: the counts at the report before this."""
    report = Report(f"{name}: pairing")
    report.values |= {key.replace("_", " "): count for key, count in vars(sync.counts).items()}
    if sync.offsets_ns:
        offset_ms = float(np.median(list(sync.offsets_ns))) / 1e6
        report.values["median difference [ms]"] = offset_ms
        alone = sync.counts.image_without_depth - before.image_without_depth
        if alone > 2 and sync.counts.paired == before.paired:
            report.say(
                ERROR,
                f"no pairs: image and depth stamps are {offset_ms:.1f} ms apart (median), "
                f"the parameter slop allows {sync.slop_ns / 1e6:.0f} ms",
            )
    if sync.counts.duplicate > 0.1 * max(sync.counts.paired, 10):
        report.say(WARN, "stamps repeat: two publishers on one topic, or a driver that does not stamp")
    return report


def work_report(name: str, health: Health, state: str) -> Report:
    """The work itself: lifecycle state, rate, time of each stage, age of the results, problems at hand."""
    report = Report(f"{name}: work", {"state": state, "output rate [Hz]": health.output.rate})
    for stage, timing in list(health.stages.items()):
        report.values[f"{stage} p50 [ms]"] = timing.percentile(50)
        report.values[f"{stage} p95 [ms]"] = timing.percentile(95)
    age = health.stages[AGE].percentile(50) / 1e3 if AGE in health.stages else 0.0
    if not -0.1 < age < STALE_AGE:
        report.say(
            WARN,
            f"images are stamped {abs(age):.1f} s in the {'past' if age > 0 else 'future'}: the clock of the "
            "camera differs from this one, or a recording is played without use_sim_time",
        )
    for problem in health.current_problems():
        report.say(ERROR if problem.error else WARN, problem.message)
    return report


def why_silent(node: Node, subscription: Subscription, topic: str, stream: Stream) -> str | None:
    """None if messages come; else the reason, as far as the graph of nodes tells."""
    if stream.is_alive(SILENT_AFTER):
        return None
    name, expected = subscription.topic_name, subscription.msg_type
    publishers = node.get_publishers_info_by_topic(name)
    for publisher in publishers:
        if publisher.topic_type.split("/")[-1] != expected.__name__:
            return f"no {topic}: {name} is a {publisher.topic_type}, expected {expected.__name__}"
        if reason := incompatible_qos(publisher.qos_profile, subscription.qos_profile):
            return f"no {topic}: the publisher of {name} has incompatible QoS: {reason}"
    if publishers:
        return f"no {topic}: {name} has {len(publishers)} publisher(s), but no message arrives"
    return f"no {topic}: nobody publishes {name}"


def deaf_subscribers(node: Node, publishers: Iterable[Publisher]) -> list[str]:
    """Who asks for a QoS that an output topic does not offer, and so hears nothing."""
    found = []
    for publisher in publishers:
        for subscriber in node.get_subscriptions_info_by_topic(publisher.topic_name):
            if reason := incompatible_qos(publisher.qos_profile, subscriber.qos_profile):
                found.append(f"{subscriber.node_name} does not hear {publisher.topic_name}: {reason}")
    return found


def incompatible_qos(offered: QoSProfile, asked: QoSProfile) -> str | None:
    """Why the two do not talk, None if they do. (rclpy's own check takes any deadline for a difference.)"""
    reliable, kept = ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL
    if asked.reliability == reliable and offered.reliability == ReliabilityPolicy.BEST_EFFORT:
        return "reliability, reliable is asked for and best effort is offered"
    if asked.durability == kept and offered.durability == DurabilityPolicy.VOLATILE:
        return "durability, transient local is asked for and volatile is offered"
    return None


class Diagnostics:
    """Publishes the state of a node at 1 Hz, from its construction to its end."""

    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_timer(1.0, self._tick)

    def _tick(self) -> None:
        message = DiagnosticArray(status=[report.message() for report in self._node.reports()])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)
        self._node.diagnosed()

    def findings(self) -> list[str]:
        """All that is not as it should be, in words."""
        return [text for report in self._node.reports() for level, text in report.findings if level != OK]
