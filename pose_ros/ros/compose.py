"""Source and nodes in one process, over real DDS: `pose_ros run`."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

import pose_ros
from pose_ros.human.pipeline import HumanConfig
from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.object_pose_node import ObjectPoseNode
from pose_ros.ros.pipeline_node import PipelineNode
from pose_ros.ros.source_node import SourceNode

if TYPE_CHECKING:
    from pose_ros.objects.pipeline import ObjectConfig


def config_file(name: str) -> Path:
    """A file of config/, in the checkout or where it is installed; it need not exist."""
    checkout = Path(pose_ros.__file__).parents[1] / "config" / name
    return checkout if checkout.exists() else Path(sys.prefix) / "share" / "pose_ros" / "config" / name


def prepare_dds() -> None:
    """Shared memory large enough for images, unless the environment has a profile of its own."""
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(config_file("fastdds.xml")))


def makers(human: HumanConfig | None, objects: ObjectConfig | None) -> list[Callable[[], PipelineNode]]:
    """What makes each of the nodes that have a config."""
    made: list[Callable[[], PipelineNode]] = []
    if human is not None:
        made.append(functools.partial(HumanPoseNode, human))
    if objects is not None:
        # Two nodes of one namespace must not draw on one topic.
        moved = ["--ros-args", "-r", "image_annotated:=objects/image_annotated"] if human else []
        made.append(functools.partial(ObjectPoseNode, objects, cli_args=moved))
    return made


def run(source: str, make_nodes: Sequence[Callable[[], PipelineNode]], duration: float | None = None) -> int:
    """Play the source into the nodes until it ends, or for so many seconds; prints a line a second."""
    prepare_dds()
    rclpy.init()
    nodes = [make() for make in make_nodes]
    overrides = [Parameter("source", value=source), Parameter("wait_for", value=len(nodes))]
    source_node = SourceNode(parameter_overrides=overrides)
    executor = SingleThreadedExecutor()
    errors: list[Exception] = []

    def play() -> None:
        try:
            source_node.play()
        except Exception as error:
            errors.append(error)

    spinning = threading.Thread(target=executor.spin, name="nodes", daemon=True)
    playing = threading.Thread(target=play, name="source", daemon=True)
    try:
        for node in nodes:
            executor.add_node(node)
            node.autostart()
            if node.failure:
                return 1  # the node has said why
        spinning.start()
        playing.start()
        end = time.monotonic() + (float("inf") if duration is None else duration)
        while playing.is_alive() and (left := end - time.monotonic()) > 0:
            playing.join(min(1.0, left))
            print(_status(nodes), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        source_node.stop()
        if playing.ident:
            playing.join()
        executor.shutdown()
        for node in nodes:
            node.on_cleanup(None)  # lets the frame at hand end
        print(_status(nodes), flush=True)
        for node in (*nodes, source_node):
            node.destroy_node()
        rclpy.try_shutdown()
    if errors:
        raise errors[0]
    return 0


def _status(nodes: Sequence[PipelineNode]) -> str:
    rate = nodes[0].health.stream("image").rate if nodes else 0.0
    return f"image {rate:.1f} Hz; " + "; ".join(_status_of(node) for node in nodes)


def _status_of(node: PipelineNode) -> str:
    health, total = node.health, node.health.stages.get("total")
    took = f"{total.percentile(50):.0f} ms (p95 {total.percentile(95):.0f})" if total else "no frame yet"
    return f"{node.get_name()} found {health.found}, out {health.output.rate:.1f} Hz, {took}"
