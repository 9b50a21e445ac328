"""Messages to types, without ROS: rclpy and rosbags give the same names to the same fields."""

from __future__ import annotations

from typing import Any

import numpy as np

from pose_ros.encodings import decode_compressed_image, decode_image
from pose_ros.types import People


def stamp_of(message: Any) -> int | None:
    """header.stamp in ns; None where there is none, or it was not set."""
    header = getattr(message, "header", None)
    if header is None:
        return None
    return header.stamp.sec * 10**9 + header.stamp.nanosec or None


def picture_of(message: Any) -> np.ndarray:
    """(H,W,3) uint8 of sensor_msgs/Image or CompressedImage."""
    m = message
    if hasattr(m, "format"):
        return decode_compressed_image(m.data, m.format)
    return decode_image(m.data, m.height, m.width, m.encoding, m.step, bool(m.is_bigendian))


def poses_of_objects(message: Any) -> list[tuple[str, str, float, np.ndarray]]:
    """(id, label, score, x y z qx qy qz qw) of each detection of a Detection3DArray that has a pose."""
    found = []
    for detection in message.detections:
        for result in list(detection.results)[:1]:
            p, q = result.pose.pose.position, result.pose.pose.orientation
            pose = np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w])
            if np.isfinite(pose).all() and np.linalg.norm(pose[3:]) > 0.5:
                found.append((detection.id, result.hypothesis.class_id, float(result.hypothesis.score), pose))
    return found


def nobody(message: Any) -> People:
    return People((), stamp_of(message) or 0, message.header.frame_id)
