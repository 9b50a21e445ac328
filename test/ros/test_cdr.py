"""Reading in place equals deserializing, however long the strings before (alignment), in either byte order."""

from __future__ import annotations

import array
import struct

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image

from pose_ros.errors import EncodingError
from pose_ros.ros.cdr import read_compressed_image, read_header, read_image
from pose_ros.ros.conversions import header_of, stamp_to_ns

NAMES = ["", "a", "ab", "abc", "abcd", "camera_color_optical_frame"]
DATA = np.arange(30, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("frame_id", NAMES)
@pytest.mark.parametrize("encoding", NAMES)
def test_an_image_is_read_as_it_is_deserialized(frame_id, encoding):
    message = Image(
        header=header_of(1_700_000_000_123_456_789, frame_id), height=5, width=2, encoding=encoding, step=6
    )
    message.is_bigendian, message.data = 1, array.array("B", DATA)
    read = read_image(serialize_message(message))
    assert read.stamp_ns == stamp_to_ns(message.header.stamp)
    for field in ("height", "width", "encoding", "is_bigendian", "step"):
        assert getattr(read, field) == getattr(message, field)
    assert read.frame_id == frame_id
    assert bytes(read.data) == DATA


@pytest.mark.parametrize("frame_id", NAMES)
@pytest.mark.parametrize("format", NAMES)
def test_a_compressed_image_is_read_as_it_is_deserialized(frame_id, format):
    message = CompressedImage(header=header_of(5, frame_id), format=format, data=array.array("B", DATA))
    read = read_compressed_image(serialize_message(message))
    assert (read.stamp_ns, read.frame_id, read.format, bytes(read.data)) == (5, frame_id, format, DATA)


def test_the_other_byte_order():
    fields = struct.pack(">iII", 7, 8, 2) + b"f\0" + b"\0\0" + struct.pack(">III", 1, 2, 6) + b"mono8\0"
    fields += b"\0" + b"\0" + struct.pack(">II", 2, 2) + b"xy"
    read = read_image(b"\0\0\0\0" + fields)
    assert (read.stamp_ns, read.frame_id, read.height, read.width) == (7_000_000_008, "f", 1, 2)
    assert (read.encoding, read.step, bytes(read.data)) == ("mono8", 2, b"xy")


@pytest.mark.parametrize("length", [0, 3, 4, 10, 15, 40])
def test_what_ends_too_early_is_refused(length):
    message = Image(header=header_of(5, "camera"), data=array.array("B", DATA), encoding="rgb8")
    with pytest.raises(EncodingError):
        read_image(serialize_message(message)[:length])


def test_another_encapsulation_is_refused():
    serialized = bytearray(serialize_message(Image()))
    serialized[1] = 3  # parameter list
    with pytest.raises(EncodingError, match="not plain CDR"):
        read_header(bytes(serialized))
