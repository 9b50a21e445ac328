"""Fixtures of test/ros: a node of the test's own to publish and listen with, and nodes as processes."""

from __future__ import annotations

import functools
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from stand_in import CAMERA, FRAME_ID, StandInConfig, StandInPipeline, scene
from stand_in_objects import StandInObjectConfig, StandInObjects
from tf2_msgs.msg import TFMessage

import pose_ros
from pose_ros.ros.conversions import (
    message_from_camera,
    message_from_depth,
    message_from_rgb,
    stamp_from_ns,
    stamp_to_ns,
)
from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.managed_node import ManagedNode
from pose_ros.ros.object_pose_node import ObjectPoseNode

__all__ = ["camera", "node", "object_node", "peer", "process", "ros"]
ROOT = Path(pose_ros.__file__).parents[1]
STAND_IN = Path(__file__).with_name("stand_in.py")


class Peer(Node):
    """The test's own node: everything heard is kept by topic; waiting spins it."""

    def __init__(self) -> None:
        super().__init__("test_peer")
        self.heard: dict[str, list[Any]] = {}
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def listen(self, kind: type, topic: str, qos: QoSProfile | int = 50) -> list[Any]:
        messages = self.heard.setdefault(topic, [])
        self.create_subscription(kind, topic, messages.append, qos)
        return messages

    def wait(self, condition: Callable[[], Any], what: str, timeout: float = 20.0) -> Any:
        """Spin until the condition holds and return its value; a failure says what did not come."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            assert time.monotonic() < end, f"waited {timeout} s in vain for {what}"
            self._executor.spin_once(timeout_sec=0.1)
        return value

    def spin_for(self, seconds: float) -> None:
        """For what must not come: there is nothing to wait for."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def diagnosis(self, *words: str, timeout: float = 20.0) -> str:
        """Wait for a diagnostic message that has all these words."""
        messages = self.heard.get("/diagnostics")
        if messages is None:
            messages = self.listen(DiagnosticArray, "/diagnostics")

        def found() -> str | None:
            texts = [status.message for message in messages for status in message.status]
            return next((text for text in texts if all(word in text for word in words)), None)

        try:
            return self.wait(found, f"a diagnosis with {words}", timeout)
        except AssertionError as error:
            said = {f"{s.name}: {s.message}" for message in messages for s in message.status}
            raise AssertionError(f"{error}; it said: {said}") from None

    def diagnostic_value(self, key: str) -> str | None:
        """Latest value of that key."""
        for message in reversed(self.heard.get("/diagnostics", [])):
            for status in message.status:
                for value in status.values:
                    if value.key == key:
                        return value.value
        return None

    def close(self) -> None:
        self._executor.shutdown()
        self.destroy_node()


@dataclass
class Shot:
    image: Image
    depth: Image
    info: CameraInfo


class Camera:
    """Publishes colour, depth and camera_info like a driver; each shot waits for its subscribers."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.model = CAMERA
        self.published_at = 0.0  # time.perf_counter() just before the image went out
        self.frame_id = self.depth_frame_id = FRAME_ID
        self.stamp_ns = 1_700_000_000 * 10**9
        qos = qos_profile_sensor_data
        self.image = peer.create_publisher(Image, "image", qos)
        self.depth = peer.create_publisher(Image, "depth", qos)
        self.info = peer.create_publisher(CameraInfo, "camera_info", qos)

    def wait_for_node(self, *publishers: Any) -> None:
        for publisher in publishers or (self.image, self.depth, self.info):
            self.peer.wait(publisher.get_subscription_count, f"a subscriber of {publisher.topic_name}")

    def wait_for_process(self, is_heard: Callable[[], Any]) -> None:
        """A driver knows of its subscribers before they know of it: the first images may be lost."""
        self.wait_for_node()
        shot = self.messages(*scene((320, 240)))

        def try_again() -> Any:
            self.publish(shot)
            self.peer.spin_for(0.05)
            return is_heard()

        self.peer.wait(try_again, "an answer")

    def messages(self, rgb: np.ndarray, depth: np.ndarray, encoding: str = "16UC1") -> Shot:
        """What a driver sends for one instant; not stamped yet, to be spoilt at will."""
        return Shot(
            message_from_rgb(rgb, 0, self.frame_id),
            message_from_depth(depth, 0, self.depth_frame_id, encoding),
            message_from_camera(self.model, 0, self.frame_id),
        )

    def publish(self, shot: Shot, stamp_ns: int | None = None) -> int:
        """Stamp (1/30 s after the last if not told) and publish; returns the stamp."""
        self.stamp_ns = self.stamp_ns + 33_333_333 if stamp_ns is None else stamp_ns
        for message in (shot.info, shot.image, shot.depth):
            message.header.stamp = stamp_from_ns(self.stamp_ns)
        self.info.publish(shot.info)
        self.published_at = time.perf_counter()
        self.image.publish(shot.image)
        self.depth.publish(shot.depth)
        return self.stamp_ns

    def shoot(self, rgb: np.ndarray, depth: np.ndarray) -> int:
        return self.publish(self.messages(rgb, depth))


def transforms(messages: list[TFMessage], stamp_ns: int | None = None) -> dict[str, Any]:
    """child frame -> TransformStamped of everything heard (at this stamp)."""
    return {
        transform.child_frame_id: transform
        for message in messages
        for transform in message.transforms
        if stamp_ns in (None, stamp_to_ns(transform.header.stamp))
    }


class Process:
    """A node in a process of its own; `log` is what it has said."""

    def __init__(self, log: Path, script: str | Path, *arguments: str) -> None:
        self._log = log
        module = ["-m", script] if isinstance(script, str) else [str(script)]
        command = [sys.executable, "-u", *module, "--ros-args", *arguments]
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait(self, timeout: float = 15.0) -> int:
        return self._process.wait(timeout)

    def stop(self) -> int:
        """Ctrl-C, as ros2 launch does it; the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


@pytest.fixture(scope="session")
def ros() -> Iterator[None]:
    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def peer(ros: None) -> Iterator[Peer]:
    node = Peer()
    yield node
    node.close()


@pytest.fixture
def camera(peer: Peer) -> Camera:
    return Camera(peer)


class Runner:
    """Starts nodes in threads of this process: runner(name=value, …) with parameters, a dot as __."""

    def __init__(self, make: Callable[..., ManagedNode]) -> None:
        self._make = make
        self._running: list[tuple[ManagedNode, SingleThreadedExecutor, threading.Thread]] = []

    def __call__(self, **parameters: Any) -> ManagedNode:
        overrides = [Parameter(name.replace("__", "."), value=value) for name, value in parameters.items()]
        node = self._make(parameter_overrides=overrides)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        node.autostart()
        thread = threading.Thread(target=executor.spin)
        thread.start()
        self._running.append((node, executor, thread))
        return node

    def stop(self) -> None:
        while self._running:
            node, executor, thread = self._running.pop()
            executor.shutdown()
            thread.join(10)
            node.on_cleanup(None)
            node.destroy_node()
        gc.collect()  # a lifecycle node and its state machine hold each other, and both stay in the graph


@pytest.fixture
def node(ros: None) -> Iterator[Runner]:
    """node(name=value, …) starts human_pose with the stand-in pipeline in a thread of this process."""
    runner = Runner(functools.partial(HumanPoseNode, StandInConfig(), StandInPipeline))
    yield runner
    runner.stop()


@pytest.fixture
def object_node(ros: None) -> Iterator[Runner]:
    """The same of object_pose."""
    runner = Runner(functools.partial(ObjectPoseNode, StandInObjectConfig(), StandInObjects))
    yield runner
    runner.stop()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """process(*ros arguments) starts human_pose with the stand-in pipeline; script= starts something else."""
    started: list[Process] = []

    def start(*arguments: str, script: str | Path = STAND_IN) -> Process:
        started.append(Process(tmp_path / f"{len(started)}.log", script, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop()
        if "Traceback" in one.log:
            pytest.fail(one.log)
