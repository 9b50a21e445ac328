"""sensor_msgs to arrays and cameras, and back. numpy values are cast to Python's: rclpy checks no fields."""

from __future__ import annotations

import array
import struct
import sys

import numpy as np
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from pose_ros.encodings import decode_compressed_depth, decode_compressed_image, decode_depth, decode_image
from pose_ros.errors import CameraError, FrameError
from pose_ros.geometry.camera import PinholeCamera

SECOND_NS = 1_000_000_000
STAMP_BYTES = slice(4, 12)  # of a serialized message that starts with a Header
FARTHEST_METRES = 100.0  # a room seen in 32FC1 whose median is beyond this is in millimetres


def stamp_to_ns(stamp: Time) -> int:
    return stamp.sec * SECOND_NS + stamp.nanosec


def stamp_from_ns(stamp_ns: int) -> Time:
    seconds, nanoseconds = divmod(int(stamp_ns), SECOND_NS)
    return Time(sec=seconds, nanosec=nanoseconds)


def header_of(stamp_ns: int, frame_id: str) -> Header:
    return Header(stamp=stamp_from_ns(stamp_ns), frame_id=frame_id)


def read_header(serialized: bytes) -> tuple[int, str]:
    """(stamp in ns, frame_id) of a serialized message that starts with a Header.

    CDR: four bytes that tell the byte order, int32 seconds, uint32 nanoseconds, uint32 length of the string
    with its closing zero, its characters.
    """
    order = "<" if serialized[1] & 1 else ">"
    seconds, nanoseconds, length = struct.unpack_from(f"{order}iII", serialized, STAMP_BYTES.start)
    first = STAMP_BYTES.stop + 4
    frame_id = serialized[first : first + length - 1]
    return seconds * SECOND_NS + nanoseconds, frame_id.decode()


def rgb_from_message(message: Image | CompressedImage) -> np.ndarray:
    """(H,W,3) uint8 of a raw or compressed colour image; EncodingError where that cannot be."""
    if isinstance(message, CompressedImage):
        return decode_compressed_image(message.data, message.format)
    return decode_image(
        message.data,
        message.height,
        message.width,
        message.encoding,
        message.step,
        bool(message.is_bigendian),
    )


def depth_from_message(message: Image | CompressedImage) -> np.ndarray:
    """(H,W) float32 metres of a raw or compressedDepth image, NaN = none.

    EncodingError where the bytes are no depth image, FrameError for 32FC1 that holds millimetres.
    """
    if isinstance(message, CompressedImage):
        depth, encoding = decode_compressed_depth(message.data, message.format), message.format[:5]
    else:
        encoding = message.encoding
        depth = decode_depth(
            message.data, message.height, message.width, encoding, message.step, bool(message.is_bigendian)
        )
    if encoding == "32FC1":
        sparse = depth[::8, ::8]
        sparse = sparse[np.isfinite(sparse)]
        median = float(np.median(sparse)) if sparse.size else 0.0
        if median > FARTHEST_METRES:
            raise FrameError(
                f"32FC1 depth has a median of {median:.0f}: it must be in metres (REP-118) and looks like "
                "millimetres; millimetres belong in 16UC1"
            )
    return depth


def camera_from_message(message: CameraInfo, rectified: bool = False) -> PinholeCamera:
    """The camera of the image that comes with this message, binning and region of interest applied.

    K and D describe the raw image at full resolution; for a `rectified` image P does and D is undone.
    CameraError for a camera that is not calibrated (zeros) or has an unknown distortion model.
    """
    if rectified:
        fx, fy, cx, cy = message.p[0], message.p[5], message.p[2], message.p[6]
    else:
        fx, fy, cx, cy = message.k[0], message.k[4], message.k[2], message.k[5]
    width, height, roi = message.width, message.height, message.roi
    if roi.width and roi.height:
        width, height = roi.width, roi.height
        cx, cy = cx - roi.x_offset, cy - roi.y_offset
    across, down = max(message.binning_x, 1), max(message.binning_y, 1)
    model, coefficients = message.distortion_model, tuple(float(c) for c in message.d)
    if rectified or not any(coefficients):
        model, coefficients = "none", ()
    try:
        return PinholeCamera(
            fx=fx / across,
            fy=fy / down,
            # A binned pixel covers several: its centre lies between theirs.
            cx=(cx + 0.5) / across - 0.5,
            cy=(cy + 0.5) / down - 0.5,
            width=width // across,
            height=height // down,
            distortion_model=model,
            distortion=coefficients,
        )
    except CameraError as error:
        raise CameraError(f"camera_info of frame {message.header.frame_id!r}: {error}") from error


def message_from_rgb(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """rgb8 Image of (H,W,3) uint8."""
    return _image(np.ascontiguousarray(rgb), "rgb8", 3, stamp_ns, frame_id)


def message_from_mono(values: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """mono8 Image of (H,W) uint8."""
    return _image(np.ascontiguousarray(values, np.uint8), "mono8", 1, stamp_ns, frame_id)


def message_from_depth(depth: np.ndarray, stamp_ns: int, frame_id: str, encoding: str = "16UC1") -> Image:
    """Image of (H,W) float32 metres: 16UC1 millimetres with 0 = none, or 32FC1 metres with NaN."""
    if encoding == "32FC1":
        return _image(np.ascontiguousarray(depth, np.float32), encoding, 4, stamp_ns, frame_id)
    millimetres = depth * np.float32(1000)
    fits = (millimetres > 0) & (millimetres < 65535.5)  # NaN does not
    within = np.where(fits, np.round(millimetres), 0).astype(np.uint16)
    return _image(within, "16UC1", 2, stamp_ns, frame_id)


def _image(pixels: np.ndarray, encoding: str, pixel_bytes: int, stamp_ns: int, frame_id: str) -> Image:
    height, width = pixels.shape[:2]
    message = Image(header=header_of(stamp_ns, frame_id), height=height, width=width, encoding=encoding)
    message.step = width * pixel_bytes
    message.is_bigendian = int(sys.byteorder == "big")
    # Only array.array is stored as it is; bytes and ndarrays are taken apart element by element.
    data = array.array("B")
    data.frombytes(memoryview(pixels).cast("B"))
    message.data = data
    return message


def message_from_camera(camera: PinholeCamera, stamp_ns: int, frame_id: str) -> CameraInfo:
    fx, fy, cx, cy = (float(value) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
    none = camera.distortion_model == "none"
    return CameraInfo(
        header=header_of(stamp_ns, frame_id),
        width=int(camera.width),
        height=int(camera.height),
        distortion_model="plumb_bob" if none else camera.distortion_model,
        d=[0.0] * 5 if none else list(camera.distortion),
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )
