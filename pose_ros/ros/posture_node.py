"""posture: people in, what they do out."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from std_srvs.srv import Trigger

from pose_ros.apps.posture.angles import CAMERA_UP
from pose_ros.apps.posture.watch import Watch, WatchConfig
from pose_ros.config import option
from pose_ros.errors import TransformError
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.conversions import stamp_from_ns
from pose_ros.ros.diagnostics import AGE, Report
from pose_ros.ros.managed_node import spin
from pose_ros.ros.people_input import PeopleInput
from pose_ros.ros.posture_output import PostureOutput
from pose_ros.ros.transforms import Transforms
from pose_ros.ros.worker import NewestWinsWorker
from pose_ros.types import People

WORLD_UP = np.array([0.0, 0, 1])  # REP-103
OPTICAL = "optical_frame"  # what camera frames with z forward and y down end with, REP-103


@dataclass(frozen=True)
class UpConfig:
    up_frame: str = option(
        "",
        "frame whose z points against gravity, by TF; empty: the people's own z, or, where their frame is a "
        f"camera's (…{OPTICAL}), its -y, as if the camera were level",
    )


class PostureNode(AppNode):
    def __init__(self, config: WatchConfig | None = None, **options: Any) -> None:
        super().__init__("posture", UpConfig(), config or WatchConfig(), **options)
        self.watch: Watch | None = None
        self.output: PostureOutput | None = None
        self._input: PeopleInput | None = None
        self._transforms = Transforms(self)
        self._up_from = "nothing yet"
        self._reset = None

    def configure(self) -> None:
        up, config = self.configs
        self._up_frame = up.up_frame
        self.watch = Watch(config)
        self.output = PostureOutput(self)

    def activate(self) -> None:
        if self._up_frame:
            self._transforms.listen()
        self.worker = NewestWinsWorker(self._process, self.report_error, name="posture worker")
        self._input = PeopleInput(self, self.worker.put, self.health)
        self._reset = self.create_service(Trigger, "~/reset", self._on_reset)

    def deactivate(self) -> None:
        self._input.close()
        self._input = None
        self.worker.stop()
        self.destroy_service(self._reset)
        if self.context.ok():
            self.output.clear()
        self.watch.reset()

    def clean_up(self) -> None:
        if self.output:
            self.output.close()
        self.output = self.watch = None

    @property
    def inputs(self) -> dict[str, Subscription]:
        return self._input.subscriptions if self._input else {}

    @property
    def outputs(self) -> Iterable[Publisher]:
        return self.output.publishers() if self.output else []

    # The work, in the worker's thread.

    def _process(self, people: People) -> None:
        started = time.perf_counter()
        try:
            up = self._up_of(people)
        except TransformError as error:
            self.health.report("up", f"nothing is told of people, as nobody knows where up is: {error}")
            return
        everyone = self.watch(people, up)
        self.output.publish(people, everyone, up)
        self.health.stage("total", (time.perf_counter() - started) * 1e3)
        self.health.stage(AGE, (self.get_clock().now().nanoseconds - people.stamp_ns) / 1e6)
        self.health.output.add(people.stamp_ns)
        self.health.found = len(everyone)

    def _up_of(self, people: People) -> np.ndarray:
        """(3,) against gravity in the people's frame; TransformError where TF does not know it."""
        frame = people.frame_id
        if self._up_frame and self._up_frame != frame:
            stamp = stamp_from_ns(people.stamp_ns)
            up = self._transforms.lookup(frame, self._up_frame, stamp).rotation @ WORLD_UP
            self._up_from = f"z of {self._up_frame}, by TF"
        elif not self._up_frame and frame.endswith(OPTICAL):
            up = CAMERA_UP
            self._up_from = f"-y of {frame}, as if it were level: up_frame can say better"
        else:
            up = WORLD_UP
            self._up_from = f"z of {frame}"
        return up

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.worker.submit(self.watch.reset)
        response.success, response.message = True, "everybody starts at 0"
        return response

    def describe(self, report: Report) -> None:
        report.values |= {
            "up": self._up_from,
            "people": self.health.found,
            "people dropped by the worker": self.worker.dropped,
        }


def main(arguments: list[str] | None = None) -> int:
    return spin(PostureNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
