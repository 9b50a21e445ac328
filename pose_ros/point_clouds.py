"""sensor_msgs/PointCloud2 as structured arrays, without ROS: rclpy and rosbags name its fields alike."""

from __future__ import annotations

from typing import Any

import numpy as np

from pose_ros.errors import FrameError

# sensor_msgs/PointField's numbers of its types
FIELD_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}


def points_of(message: Any, *needed: str) -> np.ndarray:
    """(N,) structured, with the message's own fields; a view of its bytes.

    FrameError where one of the fields `needed` is missing, or the bytes are not as many as is said.
    """
    names = [field.name for field in message.fields]
    if missing := [name for name in needed if name not in names]:
        raise FrameError(f"point cloud without {', '.join(missing)}; it has: {', '.join(names) or 'nothing'}")
    order = ">" if message.is_bigendian else "<"
    dtype = np.dtype(
        {
            "names": names,
            "formats": [order + FIELD_TYPES[field.datatype] for field in message.fields],
            "offsets": [field.offset for field in message.fields],
            "itemsize": message.point_step,
        }
    )
    count = message.width * message.height
    if len(message.data) != count * message.point_step:
        raise FrameError(
            f"point cloud of {count} points of {message.point_step} bytes has {len(message.data)}"
        )
    return np.frombuffer(message.data, dtype, count)


def columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """(N,len(names)) float of scalar fields."""
    return np.stack([rows[name] for name in names], axis=-1).astype(float)
