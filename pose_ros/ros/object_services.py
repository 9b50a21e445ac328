"""~/detect, ~/add_model, ~/reset of object_pose, in standard service types.

The work is done in the worker's thread, between two pictures; meanwhile the executor goes on, and the answer
is sent when it is there. Whatever is refused is refused with the reason and what would be valid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.task import Future
from std_srvs.srv import Trigger

from pose_ros.errors import PoseError
from pose_ros.ros.object_requests import DetectRequest, model_requests
from pose_ros.ros.waiting_room import WaitingRoom, refused

if TYPE_CHECKING:
    from pose_ros.ros.object_pose_node import ObjectPoseNode

Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Asked:
    """A request that waits for a picture, and where its answer goes."""

    request: DetectRequest
    future: Future


class ObjectServices:
    def __init__(self, node: ObjectPoseNode) -> None:
        self._node = node
        self._room: WaitingRoom[Asked] = WaitingRoom(node)
        self.answer, self.refuse_all = self._room.answer, self._room.refuse_all
        for kind, name, serve in (
            (SetParametersAtomically, "~/detect", self._detect),
            (SetParameters, "~/add_model", self._add_model),
            (Trigger, "~/reset", self._reset),
        ):
            node.create_service(kind, name, serve, callback_group=self._room.group)

    # ~/detect

    async def _detect(self, request: Any, response: Any) -> Any:
        node, parameters = self._node, [Parameter.from_parameter_msg(p) for p in request.parameters]
        try:
            self._require("active")
            values = {p.name: p.value for p in parameters}
            asked = Asked(DetectRequest.parse(values, node.pipeline.models), Future())
        except PoseError as error:
            response.result = refused(str(error))
            return response
        timeout = asked.request.timeout
        response.result = await self._room.wait(asked, timeout, lambda: self._expire(asked))
        return response

    @property
    def is_waiting(self) -> bool:
        """A picture is wanted, whoever else listens."""
        return len(self._room) > 0

    def due(self, arrived: float) -> list[Asked]:
        """Take the requests made before a picture arrived: it shows the scene they ask about."""
        return self._room.take(lambda asked: asked.request.made <= arrived)

    def _expire(self, asked: Asked) -> None:
        seconds = f"{asked.request.timeout:g} s"
        if self._room.take(lambda other: other is asked):
            why = "; ".join(self._node.diagnostics.findings()) or "the worker is still busy with another"
            self.answer(asked.future, refused(f"no picture within {seconds}: {why}"))
        else:
            late = f"still searching after {seconds}: what is found will be published"
            self.answer(asked.future, refused(late))

    # ~/add_model and ~/reset

    async def _add_model(self, request: Any, response: Any) -> Any:
        values = {p.name: Parameter.from_parameter_msg(p).value for p in request.parameters}
        wanted, reasons = model_requests(values)
        try:
            self._require("active", "inactive")
        except PoseError as error:
            wanted, reasons = {}, dict.fromkeys(values, str(error))
        for label, (path, unit, up) in wanted.items():
            reasons |= await self._in_worker(lambda a=(label, path, unit, up): self._added(*a))
        results = []
        for name in values:  # one for each parameter, as the type has it; unit and up share their model's
            reason = reasons.get(name, reasons.get(name.rpartition(".")[0], ""))
            results.append(SetParametersResult(successful=not reason, reason=reason))
        response.results = results
        return response

    def _added(self, label: str, path: Path, unit: str, up: str) -> dict[str, str]:
        """{label: why not}, "" if it was added."""
        try:
            self._node.pipeline.add_model(label, path, unit, up)
        except PoseError as error:
            return {label: str(error)}
        except Exception as error:
            return {label: f"{type(error).__name__}: {error}"}
        self._node.output.publish_models()
        return {label: ""}

    async def _reset(self, _: Any, response: Any) -> Any:
        try:
            self._require("active", "inactive")
        except PoseError as error:
            response.success, response.message = False, str(error)
            return response
        await self._in_worker(self._forget)
        response.success, response.message = True, "all objects are forgotten; models are kept"
        return response

    def _forget(self) -> None:
        self._node.pipeline.reset()
        self._node.output.clear()

    async def _in_worker(self, job: Callable[[], Answer]) -> Answer:
        """What `job` returns, once the worker has done it; at once while there is no worker."""
        worker = self._node.worker
        if worker is None:
            return job()
        future = Future()
        worker.submit(lambda: self.answer(future, job()))
        return await future

    def _require(self, *states: str) -> None:
        node = self._node
        if node.state not in states:
            failure = f", it cannot be configured: {node.failure}" if node.failure else ""
            raise PoseError(f"{node.get_name()} is {node.state}, it must be {' or '.join(states)}{failure}")
