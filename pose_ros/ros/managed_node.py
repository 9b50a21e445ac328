"""The life all nodes share: lifecycle with autostart, parameters from configs, diagnostics.

rclpy swallows what a transition raises, so what can fail is caught and logged here. A node says what it does
in `configure`, `activate`, `deactivate` and `clean_up`, which may raise.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription

from pose_ros.config import option
from pose_ros.errors import ConfigError, PoseError
from pose_ros.ros.diagnostics import (
    ERROR,
    WARN,
    Diagnostics,
    Report,
    deaf_subscribers,
    why_silent,
    work_report,
)
from pose_ros.ros.health import Health
from pose_ros.ros.params import Parameters

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class LifeConfig:
    """Parameters of every node."""

    autostart: bool = option(True, "configure and activate at start, without a lifecycle manager")


class ManagedNode(LifecycleNode):
    """`configs` are config dataclasses: their options become parameters. See `self.configs`."""

    def __init__(self, name: str, *configs: Any, **options: Any) -> None:
        super().__init__(name, **options)
        self.state = "unconfigured"
        self.failure = ""  # why it could not be configured or activated
        self.parameters = Parameters(
            self, LifeConfig(), *configs, read_only=("autostart",), why_fixed=self._why_fixed
        )
        self.health = Health(log=self.get_logger().warning)
        self.diagnostics = Diagnostics(self)

    @property
    def configs(self) -> tuple[Any, ...]:
        """The configs given at construction, in that order, with the values that hold now."""
        return self.parameters.configs[1:]

    # What a node may do in its own way.

    def configure(self) -> None:
        """Make what is slow or may fail."""

    def activate(self) -> None:
        """Begin to listen and to work."""

    def deactivate(self) -> None:
        """End what `activate` began."""

    def clean_up(self) -> None:
        """Let go of what `configure` made; it may not have come so far."""

    @property
    def inputs(self) -> dict[str, Subscription]:
        """All that must come for the active node to work, by topic."""
        return {}

    @property
    def outputs(self) -> Iterable[Publisher]:
        """What others may listen to."""
        return ()

    def work_report(self) -> Report:
        """How the work itself fares."""
        return work_report(self.get_name(), self.health, self.state)

    def more_reports(self, work: Report, silent: dict[str, str]) -> list[Report]:
        """What else diagnostics says while active. silent: input -> why it is silent."""
        return []

    def diagnosed(self) -> None:
        """Called when all was told."""

    def report_error(self, error: Exception) -> None:
        """Tell of what the work has raised: a refusal in its own words, anything else with its traceback."""
        if self.context.ok():  # else the process is going down
            refusal = isinstance(error, PoseError)
            text = f"frame refused: {error}" if refusal else "".join(traceback.format_exception(error))
            self.health.report(type(error).__name__, text)

    # Transitions.

    def autostart(self) -> None:
        """Configure and activate if the parameter says so; a failure leaves the node up, saying why."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def _why_fixed(self) -> str | None:
        if self.state == "unconfigured":
            return None
        return f"parameters are read when the node is configured and it is {self.state}: clean it up first"

    def _attempt(self, step: Callable[[], None], state: str, what: str) -> TransitionCallbackReturn:
        try:
            step()
        except Exception as error:
            self.failure = str(error) if isinstance(error, PoseError) else traceback.format_exc()
            self.get_logger().error(f"cannot be {what}: {self.failure}")
            return FAILURE
        self.state, self.failure = state, ""
        return SUCCESS

    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.configure, "inactive", "configured")

    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt(self.activate, "active", "activated")

    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        return SUCCESS

    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self.clean_up()
        self.state = "unconfigured"
        return SUCCESS

    on_shutdown = on_error = on_cleanup

    def _stop(self) -> None:
        if self.state == "active":
            self.deactivate()
            self.state = "inactive"

    # What diagnostics asks.

    def reports(self) -> list[Report]:
        work = self.work_report()
        if self.failure:
            step = "configured" if self.state == "unconfigured" else "activated"
            work.say(ERROR, f"cannot be {step}: {self.failure}")
            return [work]
        if self.state != "active":
            work.say(WARN, f"{self.state}: waits for a lifecycle transition")
            return [work]
        for finding in deaf_subscribers(self, self.outputs):
            work.say(WARN, finding)
        silent = {
            topic: reason
            for topic, subscription in self.inputs.items()
            if (reason := why_silent(self, subscription, topic, self.health.stream(topic)))
        }
        return [work, *self.more_reports(work, silent)]


def spin(make_node: Callable[[], ManagedNode], arguments: list[str] | None = None) -> int:
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
