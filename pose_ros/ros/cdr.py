"""Images read where they lie in a serialized message: nothing is copied.

CDR as DDS sends it (OMG formal/2002-06-51, 15.3): four bytes that tell the byte order, then the fields,
each number aligned to its own size from there; a string or sequence starts with its length as uint32, a
string ends with a zero that counts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pose_ros.errors import EncodingError

STAMP = slice(4, 12)  # bytes of the stamp of a message that starts with a Header


@dataclass(frozen=True)
class ImageBytes:
    """The fields of sensor_msgs/Image; `data` is a view of the message."""

    stamp_ns: int
    frame_id: str
    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: memoryview


@dataclass(frozen=True)
class CompressedImageBytes:
    """The fields of sensor_msgs/CompressedImage; `data` is a view of the message."""

    stamp_ns: int
    frame_id: str
    format: str
    data: memoryview


class _Reader:
    def __init__(self, serialized: bytes) -> None:
        if len(serialized) < 4 or serialized[1] not in (0, 1):
            raise EncodingError(f"a message of {len(serialized)} bytes is not plain CDR: {serialized[:4]!r}")
        self._bytes, self._at = memoryview(serialized)[4:], 0
        self._uint32 = struct.Struct("<I" if serialized[1] else ">I")

    def _take(self, size: int, alignment: int = 1) -> memoryview:
        start = -(-self._at // alignment) * alignment
        self._at = start + size
        if self._at > len(self._bytes):
            raise EncodingError(f"message ends {self._at - len(self._bytes)} bytes before its fields do")
        return self._bytes[start : self._at]

    def uint8(self) -> int:
        return self._take(1)[0]

    def uint32(self) -> int:
        return self._uint32.unpack(self._take(4, alignment=4))[0]

    def sequence(self) -> memoryview:
        return self._take(self.uint32())

    def string(self) -> str:
        return bytes(self.sequence()[:-1]).decode()

    def header(self) -> tuple[int, str]:
        """(stamp in ns, frame_id)."""
        seconds, nanoseconds = self.uint32(), self.uint32()
        return seconds * 1_000_000_000 + nanoseconds, self.string()


def read_header(serialized: bytes) -> tuple[int, str]:
    """(stamp in ns, frame_id) of any message that starts with a Header."""
    return _Reader(serialized).header()


def read_image(serialized: bytes) -> ImageBytes:
    """EncodingError where the bytes are no sensor_msgs/Image."""
    reader = _Reader(serialized)
    stamp_ns, frame_id = reader.header()
    height, width, encoding = reader.uint32(), reader.uint32(), reader.string()
    is_bigendian, step = reader.uint8(), reader.uint32()
    return ImageBytes(stamp_ns, frame_id, height, width, encoding, is_bigendian, step, reader.sequence())


def read_compressed_image(serialized: bytes) -> CompressedImageBytes:
    """EncodingError where the bytes are no sensor_msgs/CompressedImage."""
    reader = _Reader(serialized)
    return CompressedImageBytes(*reader.header(), reader.string(), reader.sequence())
