"""Structured arrays to sensor_msgs/PointCloud2, and back."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from pose_ros.errors import FrameError

_KINDS = {
    np.dtype(name): getattr(PointField, kind)
    for name, kind in (
        ("i1", "INT8"), ("u1", "UINT8"), ("i2", "INT16"), ("u2", "UINT16"), ("i4", "INT32"),
        ("u4", "UINT32"), ("f4", "FLOAT32"), ("f8", "FLOAT64"),
    )
}  # fmt: skip
_TYPES = {kind: dtype for dtype, kind in _KINDS.items()}


def fields_of(dtype: np.dtype) -> list[PointField]:
    """What a PointCloud2 says of a little-endian structured type of scalars."""
    return [
        PointField(name=name, offset=offset, datatype=_KINDS[kind.newbyteorder("=")], count=1)
        for name, (kind, offset, *_) in dtype.fields.items()
    ]


def cloud_message(points: np.ndarray, header: Header, fields: list[PointField] | None = None) -> PointCloud2:
    """One row of (N,) points. fields: as others read them, where that is not their type's own names."""
    width = len(points)
    message = PointCloud2(header=header, height=1, width=width, fields=fields or fields_of(points.dtype))
    message.is_bigendian, message.is_dense = False, True
    message.point_step, message.row_step = points.dtype.itemsize, points.dtype.itemsize * width
    data = array.array("B")  # the only kind that is stored as it is
    data.frombytes(points.tobytes())
    message.data = data
    return message


def points_of(message: PointCloud2, *needed: str) -> np.ndarray:
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
            "formats": [_TYPES[field.datatype].newbyteorder(order) for field in message.fields],
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
