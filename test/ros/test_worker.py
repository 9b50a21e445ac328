import threading

import pytest

from pose_ros.ros.worker import NewestWinsWorker


class Gate:
    """Work that stands still until it is let on."""

    def __init__(self) -> None:
        self.began, self.may_end = threading.Semaphore(0), threading.Semaphore(0)
        self.seen: list = []

    def __call__(self, item: object) -> None:
        self.seen.append(item)
        self.began.release()
        assert self.may_end.acquire(timeout=10)


@pytest.fixture
def gate():
    return Gate()


def test_the_newest_waiting_item_wins_and_the_rest_is_counted(gate):
    worker = NewestWinsWorker(gate, pytest.fail)
    worker.put(0)
    assert gate.began.acquire(timeout=10)
    for item in range(1, 6):
        worker.put(item)
    gate.may_end.release()
    assert gate.began.acquire(timeout=10)
    gate.may_end.release()
    assert worker.stop(10)
    assert gate.seen == [0, 5]
    assert (worker.dropped, worker.done) == (4, 2)


def test_put_never_waits_for_the_work(gate):
    worker = NewestWinsWorker(gate, pytest.fail)
    for item in range(1000):
        worker.put(item)
    gate.may_end.release(2)
    assert worker.stop(10)


def test_an_error_is_reported_and_the_next_item_is_worked_on():
    errors, done = [], threading.Event()

    def work(item: int) -> None:
        if item == 0:
            raise ValueError("spoilt")
        done.set()

    reported = threading.Event()
    worker = NewestWinsWorker(work, lambda error: (errors.append(error), reported.set()))
    worker.put(0)
    assert reported.wait(10)
    worker.put(1)
    assert done.wait(10)
    assert worker.stop(10)
    assert [str(error) for error in errors] == ["spoilt"]


def test_stop_lets_the_work_at_hand_end_and_leaves_no_thread(gate):
    worker = NewestWinsWorker(gate, pytest.fail, name="to be stopped")
    worker.put(0)
    assert gate.began.acquire(timeout=10)
    worker.put(1)
    assert not worker.stop(0.01)  # still at work
    gate.may_end.release()
    assert worker.stop(10)
    assert gate.seen == [0]
    assert "to be stopped" not in [thread.name for thread in threading.enumerate()]


def test_jobs_run_between_items_in_order_and_none_is_dropped(gate):
    done = []
    worker = NewestWinsWorker(gate, pytest.fail)
    worker.put(0)
    assert gate.began.acquire(timeout=10)
    for n in range(3):
        worker.put(f"dropped {n}")
        worker.submit(lambda n=n: done.append((n, list(gate.seen))))
    worker.put(1)
    gate.may_end.release()
    assert gate.began.acquire(timeout=10)
    assert done == [(n, [0]) for n in range(3)]
    gate.may_end.release()
    worker.submit(lambda: done.append("before the end"))
    assert worker.stop(10)
    assert done[-1] == "before the end"
    assert gate.seen == [0, 1]
