"""Structured arrays to sensor_msgs/PointCloud2."""

from __future__ import annotations

import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from pose_ros.point_clouds import FIELD_TYPES

_NUMBERS = {np.dtype(kind): number for number, kind in FIELD_TYPES.items()}


def fields_of(dtype: np.dtype) -> list[PointField]:
    """What a PointCloud2 says of a little-endian structured type of scalars."""
    return [
        PointField(name=name, offset=offset, datatype=_NUMBERS[kind.newbyteorder("=")], count=1)
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
