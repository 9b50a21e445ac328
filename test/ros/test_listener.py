from __future__ import annotations

import threading

import pytest
from sensor_msgs.msg import CameraInfo

from pose_ros.ros.listener import LeftToListener, Listener


@pytest.fixture
def listening(peer):
    """listening(callback) -> errors; what is published on `heard` goes to the callback."""
    started = []

    def start(callback):
        subscription = peer.create_subscription(
            CameraInfo, "heard", callback, 10, callback_group=LeftToListener()
        )
        errors = []
        started.append(Listener(peer.context, [subscription], errors.append))
        return errors

    yield start
    for listener in started:
        listener.close()


def publish_until(peer, event: threading.Event) -> None:
    publisher = peer.create_publisher(CameraInfo, "heard", 10)

    def again() -> bool:
        publisher.publish(CameraInfo(width=7))
        peer.spin_for(0.02)  # the executor must leave the subscription alone
        return event.is_set()

    peer.wait(again, "the callback")


def test_callbacks_run_in_the_listeners_thread_and_not_in_the_executors(peer, listening):
    threads, heard = set(), threading.Event()

    def callback(message):
        threads.add(threading.current_thread().name)
        if message.width == 7:
            heard.set()

    errors = listening(callback)
    publish_until(peer, heard)
    assert threads == {"listener"}
    assert errors == []


def test_what_a_callback_raises_is_reported_and_listening_goes_on(peer, listening):
    calls, twice = [], threading.Event()

    def callback(message):
        calls.append(message)
        if len(calls) > 1:
            twice.set()
        raise ValueError("spoilt")

    errors = listening(callback)
    publish_until(peer, twice)
    assert [str(error) for error in errors[:2]] == ["spoilt", "spoilt"]


def test_close_waits_for_no_message(peer):
    subscription = peer.create_subscription(
        CameraInfo, "silence", lambda _: None, 10, callback_group=LeftToListener()
    )
    listener = Listener(peer.context, [subscription], pytest.fail)
    listener.close()
    assert "listener" not in [thread.name for thread in threading.enumerate()]
