"""Every encoding against the plain loop over pixels that its definition in sensor_msgs suggests."""

import array
import struct

import cv2
import numpy as np
import pytest

from pose_ros.encodings import (
    COLOUR_ENCODINGS,
    DEPTH_ENCODINGS,
    decode_compressed_depth,
    decode_compressed_image,
    decode_depth,
    decode_image,
)
from pose_ros.errors import EncodingError

HEIGHT, WIDTH = 6, 8
ORDER = {"rgb": "rgb", "bgr": "bgr", "rgba": "rgba", "bgra": "bgra", "mono": "m",
         "8UC1": "m", "8UC3": "bgr", "8UC4": "bgra"}  # fmt: skip


def random_image(encoding: str, seed: int = 0) -> np.ndarray:
    layout = COLOUR_ENCODINGS[encoding]
    top = 256 if layout.dtype == "u1" else 65536
    pixels = np.random.default_rng(seed).integers(0, top, (HEIGHT, WIDTH, layout.channels))
    return pixels.astype(layout.dtype)


def decode(
    pixels: np.ndarray, encoding: str, decoder=decode_image, padding: int = 0, bigendian: bool = False
):
    """Lay the pixels out as a driver would, each row followed by `padding` bytes of rubbish, and decode."""
    rows = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<")).reshape(len(pixels), -1)
    data = b"".join(row.tobytes() + b"\xa5" * padding for row in rows)
    return decoder(data, *pixels.shape[:2], encoding, len(data) // len(pixels), bigendian)


def channels_loop(pixels: np.ndarray, order: str) -> np.ndarray:
    rgb = np.zeros((*pixels.shape[:2], 3), np.uint8)
    for v in range(pixels.shape[0]):
        for u in range(pixels.shape[1]):
            for c, name in enumerate("rgb"):
                value = pixels[v, u, 0 if order == "m" else order.index(name)]
                rgb[v, u, c] = value if pixels.dtype == np.uint8 else round(int(value) * 255 / 65535)
    return rgb


@pytest.mark.parametrize("encoding", [e for e in COLOUR_ENCODINGS if e in ORDER or e.rstrip("168") in ORDER])
@pytest.mark.parametrize(("padding", "bigendian"), [(0, False), (4, False), (3, True)])
def test_packed_encodings_against_loop(encoding, padding, bigendian):
    pixels = random_image(encoding)
    order = ORDER.get(encoding) or ORDER[encoding.rstrip("168")]
    np.testing.assert_array_equal(
        decode(pixels, encoding, padding=padding, bigendian=bigendian), channels_loop(pixels, order)
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_keeps_the_measured_samples(pattern, bits):
    """Demosaicking invents two colours of three; the one that was measured must come out as it was."""
    pixels = random_image(f"bayer_{pattern}{bits}")
    rgb = decode(pixels, f"bayer_{pattern}{bits}", bigendian=True)
    for v in range(1, HEIGHT - 1):
        for u in range(1, WIDTH - 1):
            measured = pattern[2 * (v % 2) + u % 2]
            scale = 1 if bits == 8 else 255 / 65535
            assert rgb[v, u, "rgb".index(measured)] == round(pixels[v, u, 0] * scale)


@pytest.mark.parametrize(
    ("encoding", "order"), [("yuv422", "uyvy"), ("uyvy", "uyvy"), ("yuv422_yuy2", "yuyv"), ("yuyv", "yuyv")]
)
def test_yuv_against_bt601(encoding, order):
    pixels = random_image(encoding)
    flat = pixels.reshape(HEIGHT, WIDTH // 2, 4)
    want = np.zeros((HEIGHT, WIDTH, 3))
    for v in range(HEIGHT):
        for u in range(WIDTH):
            four = dict(zip(("u", "v"), (flat[v, u // 2, order.index(c)] for c in "uv"), strict=True))
            y = float(flat[v, u // 2, [i for i, c in enumerate(order) if c == "y"][u % 2]])
            cb, cr, y = float(four["u"]) - 128, float(four["v"]) - 128, 1.164 * max(y - 16, 0)
            want[v, u] = y + 1.596 * cr, y - 0.813 * cr - 0.391 * cb, y + 2.018 * cb
    np.testing.assert_allclose(decode(pixels, encoding), np.clip(want, 0, 255), atol=2)


def test_rgb8_is_a_free_view():
    data = bytes(HEIGHT * WIDTH * 3)
    assert np.shares_memory(
        decode_image(data, HEIGHT, WIDTH, "rgb8", WIDTH * 3), np.frombuffer(data, np.uint8)
    )


@pytest.mark.parametrize("container", [bytes, bytearray, memoryview, lambda b: array.array("B", b)])
def test_any_buffer_is_read(container):
    data = bytes(range(HEIGHT * WIDTH * 3))
    rgb = decode_image(container(data), HEIGHT, WIDTH, "rgb8", WIDTH * 3)
    np.testing.assert_array_equal(rgb.ravel(), np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("encoding", ["16UC1", "mono16"])
@pytest.mark.parametrize("bigendian", [False, True])
def test_integer_depth_is_millimetres(encoding, bigendian):
    stored = np.random.default_rng(1).integers(0, 4, (HEIGHT, WIDTH)).astype(np.uint16) * 1234
    metres = decode(stored, encoding, decode_depth, padding=2, bigendian=bigendian)
    assert metres.dtype == np.float32
    for value, z in zip(stored.ravel(), metres.ravel(), strict=True):
        assert np.isnan(z) if value == 0 else z == pytest.approx(value / 1000, rel=1e-6)


@pytest.mark.parametrize("bigendian", [False, True])
def test_float_depth_keeps_only_what_can_be_measured(bigendian):
    stored = np.array([[1.5, 0, -2, np.nan, np.inf, -np.inf, 1e-3, 65.0]], np.float32)
    metres = decode(stored, "32FC1", decode_depth, bigendian=bigendian)
    np.testing.assert_array_equal(metres, np.float32([[1.5, *[np.nan] * 5, 1e-3, 65.0]]))


@pytest.mark.parametrize(
    ("decoder", "known"), [(decode_image, COLOUR_ENCODINGS), (decode_depth, DEPTH_ENCODINGS)]
)
def test_unknown_encoding_lists_the_valid_ones(decoder, known):
    with pytest.raises(EncodingError) as refused:
        decoder(b"", 1, 1, "rgb9", 1)
    assert all(name in str(refused.value) for name in known)


@pytest.mark.parametrize(
    ("size", "height", "width", "step", "word"),
    [(71, 4, 6, 18, "bytes"), (73, 4, 6, 18, "bytes"), (68, 4, 6, 17, "step"), (0, 0, 0, 0, "size")],
)
def test_wrong_byte_counts_are_refused(size, height, width, step, word):
    with pytest.raises(EncodingError, match=word):
        decode_image(bytes(size), height, width, "rgb8", step)


def test_not_a_buffer_is_refused():
    with pytest.raises(EncodingError):
        decode_image([1, 2, 3], 1, 1, "rgb8", 3)


RGB = cv2.resize(np.random.default_rng(2).integers(0, 256, (4, 5, 3), np.uint8), (40, 32))


def test_compressed_colour_order():
    bgr = np.ascontiguousarray(RGB[..., ::-1])
    good, swapped = (cv2.imencode(".png", image)[1].tobytes() for image in (bgr, RGB))
    for fmt in ("png", "", "rgb8; png compressed bgr8", "bgr8; png compressed bgr8"):
        np.testing.assert_array_equal(decode_compressed_image(good, fmt), RGB)
    np.testing.assert_array_equal(decode_compressed_image(swapped, "rgb8; png compressed rgb8"), RGB)


def test_compressed_jpeg_grey_alpha_and_16_bit():
    jpeg = cv2.imencode(".jpg", RGB[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1]
    assert np.abs(decode_compressed_image(jpeg.tobytes(), "jpeg").astype(int) - RGB).mean() < 3
    grey = cv2.imencode(".png", RGB[..., 0])[1].tobytes()
    three = RGB[..., :1].repeat(3, 2)
    np.testing.assert_array_equal(decode_compressed_image(grey, "mono8; png compressed "), three)
    alpha = cv2.imencode(".png", np.dstack([RGB[..., ::-1], RGB[..., 0]]))[1].tobytes()
    np.testing.assert_array_equal(decode_compressed_image(alpha, "bgra8; png compressed bgr8"), RGB)
    deep = cv2.imencode(".png", RGB[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    np.testing.assert_array_equal(decode_compressed_image(deep, "rgb16; png compressed bgr16"), RGB)


def test_compressed_bayer_png_is_still_mosaic():
    mosaic = random_image("bayer_grbg8")
    png = cv2.imencode(".png", mosaic)[1].tobytes()
    np.testing.assert_array_equal(
        decode_compressed_image(png, "bayer_grbg8; png compressed "), decode(mosaic, "bayer_grbg8")
    )


DEPTH_MM = np.random.default_rng(3).integers(400, 6000, (HEIGHT, WIDTH)).astype(np.uint16)
DEPTH_MM[:, :3] = 0
DEPTH_MM[2] = 0


def rvl_encode(depth: np.ndarray) -> bytes:
    """The plain loop of Wilson's paper."""
    nibbles, previous, flat, i = [], 0, depth.ravel().tolist(), 0

    def emit(value: int) -> None:
        while value >= 8:
            nibbles.append(value & 7 | 8)
            value >>= 3
        nibbles.append(value)

    while i < len(flat):
        zeros = i
        while i < len(flat) and flat[i] == 0:
            i += 1
        emit(i - zeros)
        first = i
        while i < len(flat) and flat[i]:
            i += 1
        emit(i - first)
        for value in flat[first:i]:
            delta, previous = value - previous, value
            emit(delta * 2 if delta >= 0 else -delta * 2 - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [int("".join(f"{n:x}" for n in nibbles[i : i + 8]), 16) for i in range(0, len(nibbles), 8)]
    return struct.pack("<ii", depth.shape[1], depth.shape[0]) + struct.pack(f"<{len(words)}I", *words)


def png(depth: np.ndarray) -> bytes:
    return cv2.imencode(".png", depth)[1].tobytes()


@pytest.mark.parametrize(("codec", "encode"), [("", png), (" png", png), (" rvl", rvl_encode)])
def test_compressed_integer_depth(codec, encode):
    data = struct.pack("<iff", 0, 0, 0) + encode(DEPTH_MM)
    want = np.where(DEPTH_MM > 0, DEPTH_MM / 1000, np.nan)
    np.testing.assert_allclose(
        decode_compressed_depth(data, f"16UC1; compressedDepth{codec}"), want, rtol=1e-6
    )


@pytest.mark.parametrize("image", [np.zeros((4, 6), np.uint16), np.full((4, 6), 65535, np.uint16), DEPTH_MM])
def test_rvl_extremes(image):
    data = bytes(12) + rvl_encode(image)
    want = np.where(image > 0, image / 1000, np.nan)
    np.testing.assert_allclose(decode_compressed_depth(data, "16UC1; compressedDepth rvl"), want, rtol=1e-6)


@pytest.mark.parametrize(("codec", "encode"), [("png", png), ("rvl", rvl_encode)])
def test_compressed_float_depth_is_inverse_depth(codec, encode):
    """Quantised as compressed_depth_image_transport does by default: z0 = 100, at most 10 m."""
    z = np.where(DEPTH_MM > 0, DEPTH_MM / 1000.0, np.nan)
    a = 100.0 * 101.0
    b = 1 - a / 10
    q = np.nan_to_num(a / z + b).astype(np.uint16)
    header = struct.pack("<iff", 0, a, b)
    metres = decode_compressed_depth(header + encode(q), f"32FC1; compressedDepth {codec}")
    np.testing.assert_array_equal(np.isnan(metres), np.isnan(z))
    step = z**2 / a  # one unit of q at depth z
    assert np.nanmax(np.abs(metres - z) / step) < 1.1


@pytest.mark.parametrize(
    ("data", "format", "word"),
    [
        (b"", "16UC1; compressedDepth png", "bytes"),
        (bytes(12) + png(DEPTH_MM)[:30], "16UC1; compressedDepth png", "no whole"),
        (bytes(12) + png(DEPTH_MM.astype(np.uint8)), "16UC1; compressedDepth png", "16-bit"),
        (bytes(12) + rvl_encode(DEPTH_MM)[:-8], "16UC1; compressedDepth rvl", "truncated"),
        (bytes(12) + struct.pack("<ii", 9, 9), "16UC1; compressedDepth rvl", "truncated"),
        (bytes(64), "16UC1; compressedDepth rvl", "corrupt"),
        (png(DEPTH_MM), "16UC1; png compressed", "codec"),
        (png(DEPTH_MM), "rgb8; compressedDepth png", "32FC1"),
    ],
)
def test_broken_compressed_depth_is_refused(data, format, word):
    with pytest.raises(EncodingError, match=word):
        decode_compressed_depth(data, format)


@pytest.mark.parametrize("data", [b"", b"not an image", cv2.imencode(".jpg", RGB)[1].tobytes()[:20]])
def test_broken_compressed_image_is_refused(data):
    with pytest.raises(EncodingError):
        decode_compressed_image(data, "jpeg")
