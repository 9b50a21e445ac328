"""Image bytes as cameras send them to rgb and metres, in numpy and OpenCV only (no ROS).

The names and meanings are those of sensor_msgs/image_encodings and cv_bridge. Where nothing has to change
the result is a read-only view of the message's own bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.errors import EncodingError, unknown

MILLIMETRE = np.float32(1e-3)


@dataclass(frozen=True)
class Encoding:
    """How one pixel lies in memory: `channels` values of `dtype`; `to_rgb` None = it is rgb already."""

    dtype: str  # numpy kind and bytes, without byte order
    channels: int
    to_rgb: int | None = None  # code of cv2.cvtColor

    @property
    def bytes_per_pixel(self) -> int:
        return int(self.dtype[1:]) * self.channels


_PACKED = {"mono": (1, cv2.COLOR_GRAY2RGB), "rgb": (3, None), "bgr": (3, cv2.COLOR_BGR2RGB),
           "rgba": (4, cv2.COLOR_RGBA2RGB), "bgra": (4, cv2.COLOR_BGRA2RGB)}  # fmt: skip
# OpenCV names a Bayer pattern by its second row: ROS's rggb is OpenCV's BG.
_BAYER = {"rggb": cv2.COLOR_BayerBG2RGB, "bggr": cv2.COLOR_BayerRG2RGB,
          "gbrg": cv2.COLOR_BayerGR2RGB, "grbg": cv2.COLOR_BayerGB2RGB}  # fmt: skip
_UYVY, _YUYV = Encoding("u1", 2, cv2.COLOR_YUV2RGB_UYVY), Encoding("u1", 2, cv2.COLOR_YUV2RGB_YUY2)

COLOUR_ENCODINGS: dict[str, Encoding] = {
    **{f"{name}8": Encoding("u1", channels, code) for name, (channels, code) in _PACKED.items()},
    **{f"{name}16": Encoding("u2", channels, code) for name, (channels, code) in _PACKED.items()},
    **{f"bayer_{name}8": Encoding("u1", 1, code) for name, code in _BAYER.items()},
    **{f"bayer_{name}16": Encoding("u2", 1, code) for name, code in _BAYER.items()},
    **{"yuv422": _UYVY, "uyvy": _UYVY, "yuv422_yuy2": _YUYV, "yuyv": _YUYV},
    # The generic types do not name their colours: OpenCV's own order is taken.
    "8UC1": Encoding("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC3": Encoding("u1", 3, cv2.COLOR_BGR2RGB),
    "8UC4": Encoding("u1", 4, cv2.COLOR_BGRA2RGB),
}
DEPTH_ENCODINGS: dict[str, Encoding] = {
    "16UC1": Encoding("u2", 1),
    "mono16": Encoding("u2", 1),
    "32FC1": Encoding("f4", 1),
}


def decode_image(
    data: object, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> np.ndarray:
    """Bytes of a colour or grey image to rgb (H,W,3) uint8; 16-bit values are scaled as 65535 -> 255.

    data: anything with the buffer protocol. step: bytes of a row, padding included.
    """
    layout = _layout(encoding, COLOUR_ENCODINGS, "colour")
    return _to_rgb(_pixels(data, height, width, encoding, layout, step, is_bigendian), layout.to_rgb)


def decode_depth(
    data: object, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> np.ndarray:
    """Bytes of a depth image to metres (H,W) float32, NaN = none (REP-118).

    16UC1 and mono16 are millimetres with 0 = none; 32FC1 is metres, where only finite positive values count.
    """
    layout = _layout(encoding, DEPTH_ENCODINGS, "depth")
    return _to_metres(_pixels(data, height, width, encoding, layout, step, is_bigendian)[..., 0])


def decode_compressed_image(data: object, format: str = "") -> np.ndarray:
    """A sensor_msgs/CompressedImage's `data` (jpeg, png, …) and `format` to rgb (H,W,3) uint8.

    compressed_image_transport writes "<encoding>; <codec> compressed <payload encoding>", drivers write
    "jpeg". Two things in it matter: a png of a Bayer image is still mosaic, and "compressed rgb" means that
    the channels were stored in swapped order.
    """
    image = _imdecode(data, format)
    encoding, _, payload = format.partition(";")
    if encoding.startswith("bayer_") and "png" in payload:
        return _to_rgb(image, _layout(encoding, COLOUR_ENCODINGS, "colour").to_rgb)
    channels = 1 if image.ndim == 2 else image.shape[2]
    swapped = "compressed rgb" in payload
    codes = {1: cv2.COLOR_GRAY2RGB, 3: None if swapped else cv2.COLOR_BGR2RGB,
             4: cv2.COLOR_RGBA2RGB if swapped else cv2.COLOR_BGRA2RGB}  # fmt: skip
    return _to_rgb(image, codes[channels])


def decode_compressed_depth(data: object, format: str) -> np.ndarray:
    """A CompressedImage of compressed_depth_image_transport to metres (H,W) float32, NaN = none.

    `format` is "16UC1; compressedDepth [png|rvl]" or "32FC1; …". `data` starts with an enum (int32) and two
    float32 a, b; for 32FC1 the stored integers q (0 = none) are inverse depth: z = a / (q - b).
    """
    encoding, _, codec = (part.strip() for part in format.partition(";"))
    _layout(encoding, DEPTH_ENCODINGS, "depth")
    codecs = {"": _png_depth, "compressedDepth": _png_depth,
              "compressedDepth png": _png_depth, "compressedDepth rvl": _rvl_depth}  # fmt: skip
    if codec not in codecs:
        raise EncodingError(unknown("compressed depth codec", codec, codecs))
    raw = _bytes(data)
    if raw.size <= _DEPTH_HEADER.size:
        raise EncodingError(f"compressed depth has {raw.size} bytes, its header alone {_DEPTH_HEADER.size}")
    _, a, b = _DEPTH_HEADER.unpack(raw[: _DEPTH_HEADER.size].tobytes())
    stored = codecs[codec](raw[_DEPTH_HEADER.size :], format)
    if encoding != "32FC1":
        return _to_metres(stored)
    with np.errstate(divide="ignore"):
        return _to_metres(np.where(stored > 0, np.float32(a) / (stored - np.float32(b)), np.nan))


_DEPTH_HEADER = struct.Struct("<iff")


def _layout(encoding: str, known: dict[str, Encoding], kind: str) -> Encoding:
    if encoding not in known:
        raise EncodingError(unknown(f"{kind} encoding", encoding, known))
    return known[encoding]


def _bytes(data: object) -> np.ndarray:
    try:
        return np.frombuffer(data, np.uint8)
    except (TypeError, ValueError) as error:
        raise EncodingError(f"image data cannot be read as bytes: {error}") from error


def _pixels(
    data: object, height: int, width: int, encoding: str, layout: Encoding, step: int, is_bigendian: bool
) -> np.ndarray:
    """View (H,W,C) of the bytes in native byte order (swapped into a copy only where it must be)."""
    raw, row = _bytes(data), width * layout.bytes_per_pixel
    if height <= 0 or width <= 0:
        raise EncodingError(f"image has size {width}x{height}; both must be positive")
    if step < row:
        raise EncodingError(f"step is {step} bytes, but a row of {width} {encoding} pixels has {row}")
    if raw.size != height * step:
        raise EncodingError(f"image has {raw.size} bytes, but {height} rows x step {step} = {height * step}")
    stored = np.dtype(layout.dtype).newbyteorder(">" if is_bigendian else "<")
    pixels = raw.reshape(height, step)[:, :row]
    if step % stored.itemsize:  # rows that start between two values cannot be viewed
        pixels = np.ascontiguousarray(pixels)
    pixels = pixels.view(stored).reshape(height, width, layout.channels)
    return pixels.astype(stored.newbyteorder("="), copy=False)


def _to_rgb(pixels: np.ndarray, code: int | None) -> np.ndarray:
    if code is not None:
        pixels = _checked(lambda: cv2.cvtColor(pixels, code), "colours cannot be converted")
    return pixels if pixels.dtype == np.uint8 else cv2.convertScaleAbs(pixels, alpha=255 / 65535)


def _to_metres(depth: np.ndarray) -> np.ndarray:
    # 0/0 writes the NaN: four times as fast as a mask, whose branches a processor cannot foresee.
    with np.errstate(invalid="ignore"):
        if depth.dtype == np.uint16:
            metres, valid = np.multiply(depth, MILLIMETRE, dtype=np.float32), depth > 0
        else:
            valid = (depth > 0) & (depth < np.inf)
            metres = np.multiply(depth, valid, dtype=np.float32)
        return np.divide(metres, valid, out=metres)


def _imdecode(data: object, format: str) -> np.ndarray:
    raw = _bytes(data)
    image = _checked(lambda: cv2.imdecode(raw, cv2.IMREAD_UNCHANGED), "image cannot be decoded")
    if image is None or image.dtype not in (np.uint8, np.uint16):
        raise EncodingError(f"{raw.size} bytes of format {format!r} are no whole 8 or 16-bit image")
    return image


def _checked(work: Callable[[], np.ndarray], message: str) -> np.ndarray:
    try:
        return work()
    except cv2.error as error:
        raise EncodingError(f"{message}: {error.err}") from error


def _png_depth(raw: np.ndarray, format: str) -> np.ndarray:
    image = _imdecode(raw, format)
    if image.ndim != 2 or image.dtype != np.uint16:
        raise EncodingError(f"compressed depth is {image.dtype} {image.shape}, expected one 16-bit channel")
    return image


def _rvl_depth(raw: np.ndarray, format: str) -> np.ndarray:
    """Wilson, "Fast Lossless Depth Image Compression", ISS 2017: runs of zeros and of zigzag differences.

    int32 width and height, then little-endian 32-bit words of eight nibbles, the highest first; a value
    is 3 bits a nibble, the lowest first, the fourth bit says that more follow.
    """
    if raw.size < 8 or raw.size % 4:
        raise EncodingError(f"rvl depth has {raw.size} bytes: truncated")
    width, height = (int(size) for size in raw[:8].view("<u4"))
    if width <= 0 or height <= 0 or width * height > 5 * raw.size:  # its best is four pixels a byte
        raise EncodingError(f"rvl depth says {width}x{height} but has {raw.size} bytes: corrupt or truncated")
    words = raw[8:].view("<u4")
    nibbles = ((words[:, None] >> np.arange(28, -1, -4, dtype=np.uint32)) & 15).ravel()
    starts = np.flatnonzero(np.r_[True, nibbles[:-1] < 8]) if nibbles.size else np.zeros(0, int)
    place = np.arange(nibbles.size) - np.repeat(starts, np.diff(np.r_[starts, nibbles.size]))
    values = np.add.reduceat((nibbles & 7).astype(np.int64) << (3 * place), starts) if starts.size else starts

    pixels, differences = width * height, []
    at, done = 0, 0
    while done < pixels:
        run = values[at : at + 2]  # so many zeros, then so many differences
        if len(run) == 2:
            differences.append((done + run[0], values[at + 2 : at + 2 + run[1]]))
            done, at = done + run.sum(), at + 2 + run[1]
        if len(run) < 2 or run.sum() == 0 or done > pixels or len(differences[-1][1]) < run[1]:
            raise EncodingError(f"rvl depth of {width}x{height} is truncated or corrupt")
    zigzag = np.concatenate([values for _, values in differences]) if differences else np.zeros(0, np.int64)
    levels = np.cumsum((zigzag >> 1) ^ -(zigzag & 1)).astype(np.uint16)
    depth = np.zeros(pixels, np.uint16)
    at = 0
    for start, values in differences:
        depth[start : start + len(values)] = levels[at : at + len(values)]
        at += len(values)
    return depth.reshape(height, width)
