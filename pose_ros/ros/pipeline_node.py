"""The life of a node that turns RGB-D pairs into results: lifecycle, input, worker, diagnostics.

What it computes and what it publishes is handed in: `make_pipeline(config)` gives a callable on RGBDFrame
with `reset()`, `stage_ms` and `device_note`; `make_output(node, publish_tf)` gives an Output.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from pose_ros.config import option
from pose_ros.errors import TransformError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import stamp_from_ns
from pose_ros.ros.diagnostics import AGE, OK, Report, input_report, pairing_report
from pose_ros.ros.managed_node import ManagedNode
from pose_ros.ros.rgbd_input import InputConfig, Pair, RgbdInput
from pose_ros.ros.sync import SyncCounts
from pose_ros.ros.transforms import Transforms
from pose_ros.ros.worker import NewestWinsWorker
from pose_ros.types import RGBDFrame

BLANK = RGBDFrame(
    np.zeros((480, 640, 3), np.uint8),
    np.full((480, 640), np.nan, np.float32),
    PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480),
    stamp_ns=0,
    frame_id="nowhere",
)


@dataclass(frozen=True)
class NodeConfig:
    """Parameters of the node itself, beside those of its input and its pipeline."""

    publish_tf: bool = option(True, "publish frames on /tf; if not, work only while a topic is heard")
    target_frame: str = option("", "frame in which results are published; empty for the image's own")


class Output(Protocol):
    """Publishes results, stamped as their image; made when the node is configured."""

    is_wanted: bool  # somebody listens

    def publishers(self) -> Iterable[Publisher]: ...
    def publish_3d(self, result: Any, root: str, root_from_image: RigidTransform | None) -> None: ...
    def publish_2d(self, frame: RGBDFrame, result: Any) -> None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...


class PipelineNode(ManagedNode):
    def __init__(
        self,
        name: str,
        config: Any,
        make_pipeline: Callable[[Any], Any],
        make_output: Callable[..., Output],
        *more_configs: Any,
        **options: Any,
    ) -> None:
        super().__init__(name, NodeConfig(), InputConfig(), config, *more_configs, **options)
        self.pipeline: Any = None
        self.output: Output | None = None
        self.input: RgbdInput | None = None
        self.worker: NewestWinsWorker[Pair] | None = None
        self._make_pipeline, self._make_output = make_pipeline, make_output
        self._transforms = Transforms(self)
        self._last_stamp_ns = 0
        self._counts_told = SyncCounts()

    def configure(self) -> None:
        self._config, self._input_config, pipeline_config, *self.more_configs = self.configs
        self.pipeline = self._make_pipeline(pipeline_config)
        self.pipeline(BLANK)  # networks are slow the first time: that shall not be at the first image
        self.output = self._make_output(self, self._config.publish_tf)
        self.get_logger().info(f"runs on {self.pipeline.device_note}")

    def activate(self) -> None:
        if self._config.target_frame:
            self._transforms.listen()
        self.pipeline.reset()
        self.worker = NewestWinsWorker(self._process, self.report_error, name=f"{self.get_name()} worker")
        self.input = RgbdInput(self, self._input_config, self.health, self._transforms, self._on_pair)

    def deactivate(self) -> None:
        self.input.close()
        self.worker.stop()
        if self.context.ok():
            self.output.clear()
        self.input = self.worker = None

    def clean_up(self) -> None:
        if self.output:
            self.output.close()
        self.output = self.pipeline = None

    # A pair arrives in the executor's thread; what follows happens in the worker's.

    def _on_pair(self, pair: Pair) -> None:
        if self.is_wanted:
            self.worker.put(pair)

    # What a node may do in its own way.

    @property
    def is_wanted(self) -> bool:
        """Somebody waits for a result."""
        return self.output.is_wanted

    @property
    def inputs(self) -> dict[str, Subscription]:
        return self.input.subscriptions

    @property
    def outputs(self) -> Iterable[Publisher]:
        return self.output.publishers()

    def infer(self, frame: RGBDFrame, pair: Pair) -> Any:
        """The result of a frame; in the worker's thread."""
        return self.pipeline(frame)

    def describe(self, report: Report) -> None:
        """Add to what diagnostics says of the work while active."""

    def work_report(self) -> Report:
        report = super().work_report()
        device = self.pipeline.device_note if self.pipeline else "none"
        dropped = self.worker.dropped if self.worker else 0
        report.values |= {
            "device": device,
            "frames dropped by the worker": dropped,
            "found": self.health.found,
        }
        if device.startswith("cpu"):
            report.say(OK, f"running on {device}")
        return report

    def more_reports(self, work: Report, silent: dict[str, str]) -> list[Report]:
        self.describe(work)
        if not self.output.is_wanted:
            work.say(OK, "idle: publish_tf is off and nobody listens")
        name = self.get_name()
        return [
            input_report(name, self.health, silent),
            pairing_report(name, self.input.sync, self._counts_told),
        ]

    def diagnosed(self) -> None:
        if self.input:
            self._counts_told = replace(self.input.sync.counts)

    def _process(self, pair: Pair) -> None:
        self.health.stage("wait", (time.perf_counter() - pair.arrived) * 1e3)
        frame = self.input.frame(pair)
        if frame.stamp_ns < self._last_stamp_ns:
            self.pipeline.reset()
        self._last_stamp_ns = frame.stamp_ns
        result = self.infer(frame, pair)
        for stage, milliseconds in self.pipeline.stage_ms.items():
            self.health.stage(stage, milliseconds)
        started = time.perf_counter()
        try:
            self.output.publish_3d(result, *self._root(frame))
        except TransformError as error:
            self.health.report("target_frame", f"nothing is published in the target frame: {error}")
        self.output.publish_2d(frame, result)
        published = time.perf_counter()
        self.health.stage("publish", (published - started) * 1e3)
        self.health.stage("total", (published - pair.arrived) * 1e3)
        self.health.stage(AGE, (self.get_clock().now().nanoseconds - frame.stamp_ns) / 1e6)
        self.health.output.add(frame.stamp_ns)
        self.health.found = len(result)

    def _root(self, frame: RGBDFrame) -> tuple[str, RigidTransform | None]:
        """The frame to publish in, and where the image's frame is in it at the image's stamp."""
        target = self._config.target_frame or frame.frame_id
        if target == frame.frame_id:
            return target, None
        return target, self._transforms.lookup(target, frame.frame_id, stamp_from_ns(frame.stamp_ns))
