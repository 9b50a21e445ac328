"""What applications of people and objects share: nodes that hear results, not pictures.

A subclass makes its inputs (`PeopleInput`, `ObjectsInput`) and publishers in `activate` (or `configure`),
names them in `inputs` and `outputs`, and lets go of them in `deactivate` (or `clean_up`). Diagnostics then
says why an input is silent, who asks for another QoS, what `health` was told, and what `describe` adds.
"""

from __future__ import annotations

from rclpy.publisher import Publisher

from pose_ros.ros.diagnostics import ERROR, Report
from pose_ros.ros.managed_node import ManagedNode


class AppNode(ManagedNode):
    def describe(self, report: Report) -> None:
        """Add to what diagnostics says of the work while active."""

    def more_reports(self, work: Report, silent: dict[str, str]) -> list[Report]:
        for topic, stream in self.health.streams.items():
            work.values[f"{topic} rate [Hz]"] = stream.rate
            work.values[f"{topic} received"] = stream.count
        for reason in silent.values():
            work.say(ERROR, reason)
        self.describe(work)
        return []

    def destroy_publishers(self, *publishers: Publisher) -> None:
        for publisher in publishers:
            self.destroy_publisher(publisher)
