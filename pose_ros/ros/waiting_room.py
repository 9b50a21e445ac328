"""Requests of services that are answered later, from another thread, or refused when their time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future


class Waiting(Protocol):
    """A request and where its answer goes."""

    future: Future


Asked = TypeVar("Asked", bound=Waiting)


class WaitingRoom(Generic[Asked]):
    """`group`: callback group of the services that wait here."""

    def __init__(self, node: Node) -> None:
        self._node = node
        # An answer that is awaited holds its group: in the node's own, no picture would come in.
        self.group = ReentrantCallbackGroup()
        self._wake = node.create_guard_condition(lambda: None, self.group)
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._waiting: list[Asked] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    async def wait(self, asked: Asked, timeout: float, expire: Callable[[], None]) -> Any:
        """The answer; `expire` is called after `timeout` s and is to give one."""
        with self._lock:
            self._waiting.append(asked)
        timer = self._node.create_timer(timeout, expire, self.group, clock=self._steady)
        result = await asked.future
        self._node.destroy_timer(timer)
        return result

    def take(self, chosen: Callable[[Asked], bool]) -> list[Asked]:
        """Those that are chosen; they wait no more, their answers are the caller's to give."""
        with self._lock:
            taken = [asked for asked in self._waiting if chosen(asked)]
            self._waiting = [asked for asked in self._waiting if asked not in taken]
        return taken

    def answer(self, future: Future, result: Any) -> None:
        """From any thread; only the first answer counts."""
        if not future.done():
            future.set_result(result)
            self._wake.trigger()

    def refuse_all(self, reason: str) -> None:
        for asked in self.take(lambda _: True):
            self.answer(asked.future, refused(reason))


def refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)
