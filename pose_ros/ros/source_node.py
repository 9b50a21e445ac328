"""source: frames of a folder, video, webcam, bag or the synthetic scene as the topics of a camera."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tqdm import tqdm

from pose_ros.config import option
from pose_ros.errors import PoseError
from pose_ros.ros.conversions import (
    message_from_camera,
    message_from_depth,
    message_from_rgb,
    stamp_from_ns,
)
from pose_ros.ros.params import Parameters
from pose_ros.sources.source import Source, open_source
from pose_ros.types import RGBDFrame

REACH = 0.5  # seconds from when a publisher knows its subscribers until they know it, too
LATE = 0.1  # seconds that playing may catch up after it was held up; what is more is not made good


@dataclass(frozen=True)
class SourceConfig:
    """Parameters of the node."""

    source: str = option("synthetic", "an RGB-D folder, video, webcam's number, bag, or synthetic:…")
    rate: float = option(0.0, "frames a second; 0 for the source's own times", unit="Hz", range=(0.0, 1000.0))
    loop: bool = option(False, "start again at the end")
    restamp: bool = option(True, "stamp with the time of publishing; if not, with the source's own stamps")
    depth_encoding: str = option("16UC1", "millimetres or metres", choices=("16UC1", "32FC1"))
    buffer: int = option(100, "frames read ahead, but of a live source", range=(1, 10_000))
    wait_for: int = option(1, "subscribers of the image that the first frame waits for", range=(0, 100))


@dataclass(frozen=True)
class Shot:
    """One instant as messages; the stamps in them are the source's own."""

    stamp_ns: int
    image: Image
    depth: Image
    info: CameraInfo


class SourceNode(Node):
    """Publishes when `play` is called, in the caller's thread."""

    def __init__(self, **options: Any) -> None:
        super().__init__("source", **options)
        names = tuple(SourceConfig.__dataclass_fields__)
        (self.config,) = Parameters(self, SourceConfig(), read_only=names, why_fixed=lambda: None).configs
        self.published = 0
        self._stopping = False
        # Reliable reaches those who ask for best effort, too; RViz asks for reliable.
        qos = QoSProfile(depth=5)
        self._image = self.create_publisher(Image, "image", qos)
        self._depth = self.create_publisher(Image, "depth", qos)
        self._info = self.create_publisher(CameraInfo, "camera_info", qos)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def play(self) -> None:
        """Publish everything, at its time; returns at the end of the source or on `stop`."""
        with (
            open_source(self.config.source) as source,
            contextlib.closing(
                _read_ahead(self._shots(source), self.config.buffer, _length(source))
            ) as shots,
        ):
            while not self._stopping and self._image.get_subscription_count() < self.config.wait_for:
                self._executor.spin_once(timeout_sec=0.1)
            self._spin_until(time.monotonic() + REACH)
            started = time.monotonic()
            for seconds, shot in self._timed(shots):
                self._spin_until(started + seconds)
                if self._stopping:
                    return
                now_ns = self.get_clock().now().nanoseconds
                self._publish(shot, now_ns if self.config.restamp else shot.stamp_ns)
                started = max(started, time.monotonic() - seconds - LATE)

    def stop(self) -> None:
        """End `play`, from any thread."""
        self._stopping = True

    def _shots(self, source: Source) -> Iterator[Shot]:
        while True:
            for frame in source:
                yield self._shot(frame)
            if not self.config.loop:
                return

    def _shot(self, frame: RGBDFrame) -> Shot:
        stamp = frame.stamp_ns, frame.frame_id
        return Shot(
            frame.stamp_ns,
            message_from_rgb(frame.rgb, *stamp),
            message_from_depth(frame.depth, *stamp, self.config.depth_encoding),
            message_from_camera(frame.camera, *stamp),
        )

    def _timed(self, shots: Iterator[Shot]) -> Iterator[tuple[float, Shot]]:
        """(seconds since the first, shot); a source that starts again goes on after its last frame."""
        seconds, step, before = 0.0, 0.0, None
        for count, shot in enumerate(shots):
            if before is not None and shot.stamp_ns > before:
                step = (shot.stamp_ns - before) / 1e9
            seconds = count / self.config.rate if self.config.rate else seconds + step * (count > 0)
            before = shot.stamp_ns
            yield seconds, shot

    def _publish(self, shot: Shot, stamp_ns: int) -> None:
        stamp = stamp_from_ns(stamp_ns)
        for message in (shot.info, shot.image, shot.depth):
            message.header.stamp = stamp
        self._info.publish(shot.info)
        self._image.publish(shot.image)
        self._depth.publish(shot.depth)
        self.published += 1

    def _spin_until(self, due: float) -> None:
        while not self._stopping and (left := due - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, 0.1))


def _length(source: Source) -> int | None:
    try:
        return len(source)
    except TypeError:
        return None


def _read_ahead(shots: Iterator[Shot], size: int, length: int | None) -> Iterator[Shot]:
    """The same shots, read in a thread of their own; the first comes when `size` are there, or all.

    length: of the source; None for a live one, which is never held back.
    """
    total = 1 if length is None else min(size, length)
    waiting: queue.Queue[Shot | Exception | None] = queue.Queue(total)
    ready, given_up = threading.Event(), threading.Event()

    def read() -> None:
        try:
            for count, shot in enumerate(shots, 1):
                waiting.put(shot)
                if given_up.is_set():
                    return
                progress.update(count <= total)
                if count == total:
                    ready.set()
            waiting.put(None)
        except Exception as error:
            waiting.put(error)
        ready.set()

    reader = threading.Thread(target=read, name="reading the source")
    try:
        with tqdm(total=total, desc="reading the source", unit="frame") as progress:
            reader.start()
            ready.wait()
        while (shot := waiting.get()) is not None:
            if isinstance(shot, Exception):
                raise shot
            yield shot
    finally:
        given_up.set()
        while reader.is_alive():
            with contextlib.suppress(queue.Empty):
                waiting.get_nowait()  # it may wait for room
            reader.join(0.05)


def main(arguments: list[str] | None = None) -> int:
    rclpy.init(args=arguments)
    try:
        node = SourceNode()
        node.play()
        node.destroy_node()
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    except PoseError as error:
        rclpy.logging.get_logger("source").fatal(str(error))
        return 1
    except rclpy_implementation.RCLError:
        if rclpy.ok():
            raise
        return 0  # told to end while it published
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
