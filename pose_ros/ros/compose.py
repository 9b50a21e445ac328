"""Source and human_pose in one process, over real DDS: `pose_ros run`."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

import pose_ros
from pose_ros.human.pipeline import HumanConfig
from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.source_node import SourceNode


def config_file(name: str) -> Path:
    """A file of config/, in the checkout or where it is installed; it need not exist."""
    checkout = Path(pose_ros.__file__).parents[1] / "config" / name
    return checkout if checkout.exists() else Path(sys.prefix) / "share" / "pose_ros" / "config" / name


def prepare_dds() -> None:
    """Shared memory large enough for images, unless the environment has a profile of its own."""
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(config_file("fastdds.xml")))


def run(source: str, config: HumanConfig, duration: float | None = None) -> int:
    """Play the source into the node until it ends, or for so many seconds; prints a line a second."""
    prepare_dds()
    rclpy.init()
    human_pose = HumanPoseNode(config)
    source_node = SourceNode(parameter_overrides=[Parameter("source", value=source)])
    executor = SingleThreadedExecutor()
    executor.add_node(human_pose)
    errors: list[Exception] = []

    def play() -> None:
        try:
            source_node.play()
        except Exception as error:
            errors.append(error)

    spinning = threading.Thread(target=executor.spin, name="human_pose", daemon=True)
    playing = threading.Thread(target=play, name="source", daemon=True)
    try:
        human_pose.autostart()
        if human_pose.failure:
            return 1  # the node has said why
        spinning.start()
        playing.start()
        end = time.monotonic() + (float("inf") if duration is None else duration)
        while playing.is_alive() and (left := end - time.monotonic()) > 0:
            playing.join(min(1.0, left))
            print(_status(human_pose), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        source_node.stop()
        if playing.ident:
            playing.join()
        executor.shutdown()
        human_pose.on_cleanup(None)  # lets the frame at hand end
        print(_status(human_pose), flush=True)
        for node in (human_pose, source_node):
            node.destroy_node()
        rclpy.try_shutdown()
    if errors:
        raise errors[0]
    return 0


def _status(node: HumanPoseNode) -> str:
    health, total = node.health, node.health.stages.get("total")
    took = f"{total.percentile(50):.0f} ms (p95 {total.percentile(95):.0f})" if total else "no frame yet"
    return (
        f"{health.found} people, image {health.stream('image').rate:.1f} Hz, "
        f"out {health.output.rate:.1f} Hz, {took}"
    )
