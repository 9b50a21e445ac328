"""Receives in a thread of its own: one turn of rclpy's executor costs more than to receive an image."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.guard_condition import GuardCondition
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.subscription import Subscription

PATIENCE_NS = 200_000_000  # how long it may take to notice that the context has ended


class LeftToListener(CallbackGroup):
    """Subscriptions of this group are none of the executor's business."""

    def can_execute(self, entity: object) -> bool:
        return False

    def beginning_execution(self, entity: object) -> bool:
        return False

    def ending_execution(self, entity: object) -> None:
        pass


class Listener:
    """Calls the callbacks of `subscriptions`, in their order where several have something, until `close`.

    They are made with LeftToListener as callback group. It waits as rclpy.wait_for_message does. What a
    callback raises is given to `on_error`.
    """

    def __init__(
        self, context: Context, subscriptions: Sequence[Subscription], on_error: Callable[[Exception], None]
    ) -> None:
        self._context, self._subscriptions, self._on_error = context, subscriptions, on_error
        self._closing = False
        self._wake = GuardCondition(None, None, context=context)
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Returns when no callback runs any more; the subscriptions are the caller's to destroy."""
        self._closing = True
        self._wake.trigger()
        self._thread.join()
        self._wake.destroy()

    def _run(self) -> None:
        wait_set = rclpy_implementation.WaitSet(len(self._subscriptions), 1, 0, 0, 0, 0, self._context.handle)
        while not self._closing and self._context.ok():
            wait_set.clear_entities()
            wait_set.add_guard_condition(self._wake.handle)
            for subscription in self._subscriptions:
                wait_set.add_subscription(subscription.handle)
            wait_set.wait(PATIENCE_NS)
            ready = wait_set.get_ready_entities("subscription")
            for subscription in self._subscriptions:
                if subscription.handle.pointer in ready:
                    self._serve(subscription)

    def _serve(self, subscription: Subscription) -> None:
        try:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is not None:
                subscription.callback(taken[0])
        except Exception as error:
            self._on_error(error)
