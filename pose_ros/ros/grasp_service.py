"""~/plan, in a standard service type, as an ament_python package cannot define its own.

A request waits for the next objects, is answered when their grasps are published, and is told why there are
none. Whatever is refused is refused with the reason and what would be valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.task import Future

from pose_ros.apps.grasp.plan import Plan
from pose_ros.errors import ConfigError, PoseError, unknown
from pose_ros.ros.managed_node import ManagedNode
from pose_ros.ros.waiting_room import WaitingRoom, refused

OPTIONS = ("objects", "timeout")
TIMEOUT, LONGEST = 10.0, 600.0  # s


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """names: ids or labels of objects, None for all."""

    names: tuple[str, ...] | None = None
    timeout: float = TIMEOUT
    made: float = field(default_factory=time.perf_counter)
    future: Future = field(default_factory=Future)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> PlanRequest:
        """From the parameters of a request; ConfigError names what is wrong and what is valid."""
        if strange := [name for name in values if name not in OPTIONS]:
            raise ConfigError(unknown("parameter of plan", ", ".join(strange), OPTIONS))
        names, timeout = values.get("objects"), values.get("timeout", TIMEOUT)
        names = [names] if isinstance(names, str) else names
        if names is not None and not all(isinstance(name, str) for name in names):
            raise ConfigError(f"objects is {names!r}, must be ids or labels")
        if type(timeout) not in (int, float) or not 0 < timeout <= LONGEST:
            raise ConfigError(f"timeout is {timeout!r}, must be seconds in (0, {LONGEST:g}]")
        return cls(tuple(names) if names else None, float(timeout))

    def is_about(self, id: str, label: str) -> bool:
        return self.names is None or id in self.names or label in self.names

    def verdict(self, plans: Collection[Plan]) -> SetParametersResult:
        """Whether there is a grasp of what was asked for; of each object what, or why not."""
        about = [plan for plan in plans if self.is_about(plan.id, plan.label)]
        reasons = [plan.reason for plan in about]
        seen = {name for plan in about for name in (plan.id, plan.label)}
        reasons += [f"{name}: it is not in sight" for name in self.names or () if name not in seen]
        found = any(plan.grasps for plan in about)
        return SetParametersResult(successful=found, reason="; ".join(reasons) or "no object is in sight")


class PlanService:
    def __init__(self, node: ManagedNode) -> None:
        self._node = node
        self._room: WaitingRoom[PlanRequest] = WaitingRoom(node)
        self._last = ""  # why the requests that wait have no answer yet
        node.create_service(SetParametersAtomically, "~/plan", self._plan, callback_group=self._room.group)
        self.refuse_all = self._room.refuse_all

    async def _plan(self, request: Any, response: Any) -> Any:
        node = self._node
        values = {p.name: Parameter.from_parameter_msg(p).value for p in request.parameters}
        try:
            if node.state != "active":
                failure = f": {node.failure}" if node.failure else ""
                raise PoseError(f"{node.get_name()} is {node.state}, it must be active{failure}")
            asked = PlanRequest.parse(values)
        except PoseError as error:
            response.result = refused(str(error))
            return response
        response.result = await self._room.wait(asked, asked.timeout, lambda: self._expire(asked))
        return response

    @property
    def is_waiting(self) -> bool:
        return len(self._room) > 0

    def due(self, is_ready: Callable[[PlanRequest], bool]) -> list[PlanRequest]:
        """Take the requests that can be answered now."""
        return self._room.take(is_ready)

    def postpone(self, why: str) -> None:
        """What to tell of requests whose time runs out while they wait."""
        self._last = why

    def answer(self, asked: PlanRequest, result: SetParametersResult) -> None:
        self._room.answer(asked.future, result)

    def _expire(self, asked: PlanRequest) -> None:
        if self._room.take(lambda other: other is asked):
            why = self._last or "; ".join(self._node.diagnostics.findings()) or "the worker is busy"
            self.answer(asked, refused(f"no grasps within {asked.timeout:g} s: {why}"))
