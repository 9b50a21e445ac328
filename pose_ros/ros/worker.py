"""One thread that always works on the newest item: what it cannot keep up with is dropped and counted."""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestWinsWorker(Generic[Item]):
    """Calls `work(item)` in its own thread; one item waits at most, a newer one replaces it.

    What `work` raises is given to `on_error`, and the thread goes on with the next item. A job handed to
    `submit` is run between two items and never dropped.
    """

    def __init__(
        self, work: Callable[[Item], None], on_error: Callable[[Exception], None], name: str = "worker"
    ) -> None:
        self.dropped = 0
        self.done = 0
        self._work, self._on_error = work, on_error
        self._waiting: list[Item] = []
        self._jobs: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        with self._changed:
            self.dropped += len(self._waiting)
            self._waiting = [item]
            self._changed.notify()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job`, which must not raise, in the worker's thread: before any item, and before the end."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def stop(self, timeout: float | None = None) -> bool:
        """Finish the item at hand, drop the waiting one, end the thread; False if it did not end in time."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (step := self._next()) is not None:
            step()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._waiting or self._stopping)
            if self._jobs:
                return self._jobs.popleft()
            return None if self._stopping else functools.partial(self._do, self._waiting.pop())

    def _do(self, item: Item) -> None:
        try:
            self._work(item)
        except Exception as error:
            self._on_error(error)
        self.done += 1
