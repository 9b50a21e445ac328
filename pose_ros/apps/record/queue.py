"""A thread that writes, and what waits for it: bounded, so that a slow disk does not eat the memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable


class BoundedWorker:
    """Does `work(item)` for every item in order, and `idle()` at least every `period` seconds.

    An item that does not fit into `limit` bytes is dropped and counted; a job handed to `submit` never is.
    What they raise is given to `on_error`.
    """

    def __init__(
        self,
        work: Callable[[object], None],
        idle: Callable[[], None],
        on_error: Callable[[Exception], None],
        limit: int,
        period: float = 0.1,
    ) -> None:
        self.dropped = 0
        self.most = 0  # bytes that have waited at once
        self._work, self._idle, self._on_error = work, idle, on_error
        self._limit, self._period = limit, period
        self._waiting: deque[tuple[Callable[[], None], int]] = deque()
        self._bytes = 0
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Bytes."""
        return self._bytes

    def put(self, item: object, size: int) -> bool:
        """False where it was dropped."""
        with self._changed:
            if self._bytes + size > self._limit:
                self.dropped += 1
                return False
            self._append(lambda: self._work(item), size)
        return True

    def submit(self, job: Callable[[], None]) -> None:
        """Done in its turn: after what was put before it."""
        with self._changed:
            self._append(job, 0)

    def ask(self, job: Callable[[], object], timeout: float) -> object:
        """Its answer, or what it raised; TimeoutError where it does not come."""
        done = threading.Event()
        answer: list[object] = []

        def run() -> None:
            try:
                answer.append(job())
            except Exception as error:
                answer.append(error)
            done.set()

        self.submit(run)
        if not done.wait(timeout):
            raise TimeoutError
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    def stop(self) -> None:
        """When all that waits is done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _append(self, step: Callable[[], None], size: int) -> None:
        self._waiting.append((step, size))
        self._bytes += size
        self.most = max(self.most, self._bytes)
        self._changed.notify()

    def _run(self) -> None:
        while (step := self._next()) is not None:
            try:
                step()
            except Exception as error:
                self._on_error(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping, self._period)
            if self._waiting:
                step, size = self._waiting.popleft()
                self._bytes -= size
                return step
            return None if self._stopping else self._idle
