"""The life of a node that turns RGB-D pairs into results: lifecycle, input, worker, diagnostics.

What it computes and what it publishes is handed in: `make_pipeline(config)` gives a callable on RGBDFrame
with `reset()`, `stage_ms` and `device_note`; `make_output(node, publish_tf)` gives an Output.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from pose_ros.config import option
from pose_ros.errors import ConfigError, PoseError, TransformError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import stamp_from_ns
from pose_ros.ros.diagnostics import AGE, Diagnostics, Report
from pose_ros.ros.health import Health
from pose_ros.ros.params import Parameters
from pose_ros.ros.rgbd_input import InputConfig, Pair, RgbdInput
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
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class NodeConfig:
    """Parameters of the node itself, beside those of its input and its pipeline."""

    autostart: bool = option(True, "configure and activate at start, without a lifecycle manager")
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


class PipelineNode(LifecycleNode):
    def __init__(
        self,
        name: str,
        config: Any,
        make_pipeline: Callable[[Any], Any],
        make_output: Callable[..., Output],
        *more_configs: Any,
        **options: Any,
    ) -> None:
        super().__init__(name, **options)
        self.state = "unconfigured"
        self.failure = ""  # why it could not be configured
        configs = NodeConfig(), InputConfig(), config, *more_configs
        self.parameters = Parameters(self, *configs, read_only=("autostart",), why_fixed=self._why_fixed)
        self.health = Health(log=self.get_logger().warning)
        self.pipeline: Any = None
        self.output: Output | None = None
        self.input: RgbdInput | None = None
        self.worker: NewestWinsWorker[Pair] | None = None
        self._make_pipeline, self._make_output = make_pipeline, make_output
        self._transforms = Transforms(self)
        self._last_stamp_ns = 0
        self.diagnostics = Diagnostics(self)

    def autostart(self) -> None:
        """Configure and activate if the parameter says so; a failure leaves the node up, saying why."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def _why_fixed(self) -> str | None:
        if self.state == "unconfigured":
            return None
        return f"parameters are read when the node is configured and it is {self.state}: clean it up first"

    # Transitions. rclpy swallows what they raise, so what can fail is caught and logged here.

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        self._config, self._input_config, pipeline_config, *self.more_configs = self.parameters.configs
        try:
            self.pipeline = self._make_pipeline(pipeline_config)
            self.pipeline(BLANK)  # networks are slow the first time: that shall not be at the first image
        except Exception as error:
            self.failure = str(error) if isinstance(error, PoseError) else traceback.format_exc()
            self.get_logger().error(f"cannot be configured: {self.failure}")
            return FAILURE
        self.output = self._make_output(self, self._config.publish_tf)
        self.state, self.failure = "inactive", ""
        self.get_logger().info(f"runs on {self.pipeline.device_note}")
        return SUCCESS

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        if self._config.target_frame:
            self._transforms.listen()
        self.pipeline.reset()
        self.worker = NewestWinsWorker(self._process, self._on_error, name=f"{self.get_name()} worker")
        self.input = RgbdInput(self, self._input_config, self.health, self._transforms, self._on_pair)
        self.state = "active"
        return SUCCESS

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        return SUCCESS

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        if self.output:
            self.output.close()
        self.output = self.pipeline = None
        self.state = "unconfigured"
        return SUCCESS

    on_shutdown = on_error = on_cleanup

    def _stop(self) -> None:
        if self.state != "active":
            return
        self.input.close()
        self.worker.stop()
        if self.context.ok():
            self.output.clear()
        self.input = self.worker = None
        self.state = "inactive"

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
    def subscriptions_of_input(self) -> dict[str, Subscription]:
        """All that must come for the node to work, by topic."""
        return self.input.subscriptions

    def infer(self, frame: RGBDFrame, pair: Pair) -> Any:
        """The result of a frame; in the worker's thread."""
        return self.pipeline(frame)

    def describe(self, report: Report) -> None:
        """Add to what diagnostics says of the work."""

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

    def _on_error(self, error: Exception) -> None:
        if not self.context.ok():
            return  # the process is going down
        refusal = isinstance(error, PoseError)
        text = f"frame refused: {error}" if refusal else "".join(traceback.format_exception(error))
        self.health.report(type(error).__name__, text)


def spin(make_node: Callable[[], PipelineNode], arguments: list[str] | None = None) -> int:
    """Main function of a node: 1 if its parameters are wrong, else it runs until it is told to end."""
    rclpy.init(args=arguments)
    try:
        node = make_node()
    except ConfigError as error:
        rclpy.logging.get_logger("pose_ros").fatal(str(error))
        rclpy.try_shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        node.autostart()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.on_cleanup(None)
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
