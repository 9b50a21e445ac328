"""What surrounds the objects, from depth or from a point cloud: kept as bytes until a scene is wanted."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from pose_ros.errors import FrameError
from pose_ros.point_clouds import points_of
from pose_ros.ros.conversions import camera_from_message, depth_from_message, read_header, stamp_to_ns
from pose_ros.ros.health import Health
from pose_ros.ros.rgbd_input import NO_EVENTS

KEPT = 30  # messages: results come later than the picture they are of
STEP = 2  # of a depth image every second row and column is used
INFOS = ("depth/camera_info", "camera_info")
SOURCES = ("depth", "points", "none")


@dataclass(frozen=True)
class Cloud:
    """points (N,3) m in `frame_id`; instance (N,): n = of the n-th detection of this stamp, 0 = of none."""

    points: np.ndarray
    instance: np.ndarray
    frame_id: str
    stamp_ns: int


@dataclass(frozen=True)
class Shot:
    """A message as it came."""

    stamp_ns: int
    frame_id: str
    data: bytes


class SceneInput:
    """`at` picks a message, in the executor's thread; `cloud` makes points of it, in any thread."""

    def __init__(self, node: Node, source: str, slop_ns: int, health: Health) -> None:
        self._node, self._source, self._slop_ns, self._health = node, source, slop_ns, health
        self._shots: deque[Shot] = deque(maxlen=KEPT)
        self._infos: dict[str, CameraInfo] = {}  # by topic
        self._all: dict[str, Subscription] = {}
        if source == "depth":
            self._listen(Image, "depth", raw=True)
            for topic in INFOS:
                self._listen(CameraInfo, topic, raw=False)
        elif source == "points":
            self._listen(PointCloud2, "objects/points", raw=True)

    def _listen(self, kind: Any, topic: str, raw: bool) -> None:
        def on_message(message: Any) -> None:
            if raw:
                stamp_ns, frame_id = read_header(message)
                self._shots.append(Shot(stamp_ns, frame_id, message))
            else:
                stamp_ns = stamp_to_ns(message.header.stamp)
                self._infos[topic] = message
            self._health.stream(topic).add(stamp_ns)

        self._all[topic] = self._node.create_subscription(
            kind, topic, on_message, qos_profile_sensor_data, raw=raw, event_callbacks=NO_EVENTS
        )

    @property
    def is_off(self) -> bool:
        return self._source == "none"

    def at(self, stamp_ns: int) -> Shot | None:
        """The message nearest to a stamp; None where none is within the slop."""
        nearest = min(self._shots, key=lambda shot: abs(shot.stamp_ns - stamp_ns), default=None)
        if nearest is None or abs(nearest.stamp_ns - stamp_ns) > self._slop_ns:
            return None
        return nearest

    def why_none(self) -> str:
        """Of a scene that is not there."""
        topic = "depth" if self._source == "depth" else "objects/points"
        slop = self._slop_ns / 1e9
        return f"no {topic} within {slop:g} s of the objects: nothing is known of the surroundings"

    def cloud(self, shot: Shot) -> Cloud:
        """PoseError where the message cannot be understood."""
        if self._source == "points":
            return self._of_points(shot)
        info = self._info_of(shot.frame_id)
        depth = depth_from_message(deserialize_message(shot.data, Image))
        camera = camera_from_message(info)
        if depth.shape != (camera.height, camera.width):
            raise FrameError(
                f"depth is {depth.shape[::-1]}, camera_info says {camera.width}x{camera.height}: give the "
                "camera_info of the depth image"
            )
        thin = depth[::STEP, ::STEP]
        seen = np.isfinite(thin) & (thin > 0)
        points = camera.ray_grid[::STEP, ::STEP][seen] * thin[seen][:, None]
        return Cloud(points, np.zeros(len(points), int), shot.frame_id, shot.stamp_ns)

    def _info_of(self, frame_id: str) -> CameraInfo:
        """Of the depth image: registered depth is in the frame of the colour image, other in its own."""
        for topic in INFOS:
            if topic in self._infos and self._infos[topic].header.frame_id == frame_id:
                return self._infos[topic]
        heard = ", ".join(f"{topic} of {info.header.frame_id!r}" for topic, info in self._infos.items())
        raise FrameError(
            f"depth is in frame {frame_id!r} and there is no {' or '.join(INFOS)} of that frame; heard: "
            f"{heard or 'none'}"
        )

    def _of_points(self, shot: Shot) -> Cloud:
        rows = points_of(deserialize_message(shot.data, PointCloud2), "x", "y", "z")
        points = np.stack([rows[axis] for axis in "xyz"], axis=1).astype(float)
        named = "instance" in rows.dtype.names
        instance = rows["instance"].astype(int) if named else np.zeros(len(rows), int)
        good = np.isfinite(points).all(1)
        return Cloud(points[good], instance[good], shot.frame_id, shot.stamp_ns)

    @property
    def subscriptions(self) -> dict[str, Subscription]:
        """All that must come; one camera_info is enough."""
        needed = [topic for topic in self._all if topic not in INFOS]
        needed += [topic for topic in INFOS[1:] if topic in self._all and not self._infos]
        return {topic: self._all[topic] for topic in needed}

    def close(self) -> None:
        for subscription in self._all.values():
            self._node.destroy_subscription(subscription)
        self._all = {}
        self._shots.clear()
