"""One contract for every buffer make_buffer may give."""

from __future__ import annotations

import importlib.util
import threading
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Time as TimeMessage
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from pose_ros.errors import TransformError
from pose_ros.ros.tf_buffer import Tf2Buffer, TransformBuffer, make_buffer

WITHOUT_TF2 = pytest.mark.skipif(
    importlib.util.find_spec("tf2_ros") is None, reason="tf2_ros is not installed"
)


@pytest.fixture(params=[TransformBuffer, pytest.param(Tf2Buffer, marks=WITHOUT_TF2)])
def buffer(request):
    return request.param()


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


def moved(parent: str, child: str, seconds: float, x: float, turn: float = 0.0) -> TransformStamped:
    """`child` lies x metres along the parent's x axis, turned about z by `turn` radians."""
    message = TransformStamped(child_frame_id=child)
    message.header.frame_id, message.header.stamp = parent, at(seconds).to_msg()
    message.transform.translation.x = float(x)
    message.transform.rotation.z, message.transform.rotation.w = (
        float(np.sin(turn / 2)),
        float(np.cos(turn / 2)),
    )
    return message


def position(message: TransformStamped) -> tuple[float, float, float]:
    t = message.transform.translation
    return pytest.approx((t.x, t.y, t.z), abs=1e-9)


@pytest.fixture
def robot(buffer):
    """map -> base moves 1 m/s and turns 1 rad/s from 1 to 3 s; base -> camera is fixed, 2 m ahead."""
    for second in (1, 2, 3):
        buffer.set_transform(moved("map", "base", second, second, turn=second), "test")
    buffer.set_transform_static(moved("base", "camera", 0, 2), "test")
    return buffer


@pytest.mark.parametrize("seconds", [1.0, 1.5, 2.0, 2.75, 3.0])
def test_looked_up_at_a_time_between_two(robot, seconds):
    found = robot.lookup_transform("map", "base", at(seconds))
    assert (found.header.frame_id, found.child_frame_id) == ("map", "base")
    assert found.header.stamp == at(seconds).to_msg()
    assert position(found) == (seconds, 0, 0)
    q = found.transform.rotation
    assert 2 * np.arctan2(q.z, q.w) == pytest.approx(seconds)


def test_looked_up_through_several_frames(robot):
    found = robot.lookup_transform("map", "camera", at(1.5))
    assert position(found) == (1.5 + 2 * np.cos(1.5), 2 * np.sin(1.5), 0)
    back = robot.lookup_transform("camera", "map", at(1.5))
    assert position(back) == (-2 - 1.5 * np.cos(1.5), 1.5 * np.sin(1.5), 0)


def test_static_frames_hold_at_all_times(robot):
    for seconds in (0.5, 1e6):
        assert position(robot.lookup_transform("base", "camera", at(seconds))) == (2, 0, 0)


@pytest.mark.parametrize(
    ("target", "source", "seconds"),
    [
        ("map", "base", 0.999),
        ("map", "camera", 3.001),
        ("map", "nowhere", 2.0),
        ("map", "lamp", 2.0),
    ],
    ids=["before", "after", "unknown", "not connected"],
)
def test_what_is_not_known_is_refused(robot, target, source, seconds):
    robot.set_transform_static(moved("world", "lamp", 0, 1), "test")
    assert not robot.can_transform(target, source, at(seconds))
    with pytest.raises(TransformError):
        robot.lookup_transform(target, source, at(seconds))


def test_a_loop_is_refused(robot):
    robot.set_transform_static(moved("camera", "map", 0, 0), "test")
    robot.set_transform_static(moved("world", "lamp", 0, 1), "test")
    with pytest.raises(TransformError):
        robot.lookup_transform("map", "lamp", at(2))


def test_one_sample_holds_at_its_own_time_only(buffer):
    buffer.set_transform(moved("map", "base", 1, 5), "test")
    assert buffer.can_transform("map", "base", at(1))
    assert not buffer.can_transform("map", "base", at(1.001))


def test_ten_seconds_are_kept(buffer):
    for tenth in range(300):
        buffer.set_transform(moved("map", "base", tenth / 10, tenth), "test")
    assert buffer.can_transform("map", "base", at(20.5))
    assert not buffer.can_transform("map", "base", at(19.0))


def test_a_lookup_waits_for_what_is_on_its_way(buffer):
    def arrive_late():
        time.sleep(0.2)
        buffer.set_transform(moved("map", "base", 7, 5), "test")

    threading.Thread(target=arrive_late).start()
    assert position(buffer.lookup_transform("map", "base", at(7), Duration(seconds=20))) == (5, 0, 0)


def test_what_is_heard_on_tf_is_found_and_a_bad_transform_stops_nothing(ros):
    speaker, hearer = Node("tf_speaker"), Node("tf_hearer")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    fixed = speaker.create_publisher(TFMessage, "/tf_static", latched)
    moving = speaker.create_publisher(TFMessage, "/tf", 10)
    fixed.publish(TFMessage(transforms=[moved("base", "camera", 0, 2)]))  # before anybody listens
    buffer = make_buffer(hearer)
    executor = SingleThreadedExecutor()
    executor.add_node(hearer)
    broken = moved("map", "map", 1, 0)
    end = time.monotonic() + 20
    while not buffer.can_transform("map", "camera", at(1)) and time.monotonic() < end:
        moving.publish(TFMessage(transforms=[broken, moved("map", "base", 1, 3)]))
        executor.spin_once(timeout_sec=0.1)
    assert position(buffer.lookup_transform("map", "camera", at(1))) == (5, 0, 0)
    for node in (speaker, hearer):
        node.destroy_node()


def test_time_messages_convert_without_loss():
    stamp = TimeMessage(sec=1_700_000_000, nanosec=999_999_999)
    buffer = TransformBuffer()
    message = moved("map", "base", 0, 1)
    message.header.stamp = stamp
    buffer.set_transform(message, "test")
    assert buffer.lookup_transform("map", "base", Time.from_msg(stamp)).header.stamp == stamp
