"""rosbag2 recordings (MCAP or sqlite) without ROS, through `rosbags`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.interfaces import Connection
from rosbags.rosbag2 import ReaderError
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from pose_ros.config import option
from pose_ros.encodings import decode_compressed_depth, decode_compressed_image, decode_depth, decode_image
from pose_ros.errors import SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.source import Source
from pose_ros.types import RGBDFrame

SLOP_NS = 20_000_000  # an image and a depth within it are of the same instant
IMAGES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
# Words in the topics of common drivers, the likelier the earlier; registered depth says so in its name.
COLOUR_WORDS = ("color", "rgb", "image")
DEPTH_WORDS = ("aligned_depth", "depth_registered", "depth_to_rgb", "registered", "depth")
_STAMP = struct.Struct("<4xiI")  # CDR: encapsulation, then header.stamp of every message here
# What rosbags and its parsers raise at a damaged bag.
_BROKEN = (
    AnyReaderError,
    ReaderError,
    SerdeError,
    OSError,
    ValueError,
    KeyError,
    struct.error,
    AssertionError,
)


@dataclass(frozen=True)
class BagOptions:
    image: str = option("", "colour topic, raw or compressed; found by its name where empty")
    depth: str = option("", "depth topic, registered to it, raw or compressedDepth; likewise")
    camera_info: str = option("", "its camera_info; the image's neighbour where empty")


class Bag(Source):
    """The pairs of colour and depth in a bag, in the order and with the stamps of the images."""

    def __init__(self, path: Path | str, options: BagOptions = BagOptions()) -> None:
        self.path = Path(path)
        self.name = self.path.name
        if not self.path.exists():
            raise SourceError(f"{self.path} does not exist")
        if self.path.is_file() and (self.path.parent / "metadata.yaml").exists():
            self.path = self.path.parent
        try:
            self._reader = AnyReader([self.path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
            self._reader.open()
        except _BROKEN as error:
            raise SourceError(f"{self.path} is no bag that can be read: {error}") from error
        self._image = self._topic(IMAGES, "image", options.image, COLOUR_WORDS, avoid="depth")
        self._depth = self._topic(IMAGES, "depth", options.depth, DEPTH_WORDS)
        beside = (_stem(self._image.topic).rpartition("/")[0] + "/",)
        info = self._topic((CAMERA_INFO,), "camera_info", options.camera_info, beside)
        try:
            self.camera = _camera(self._first(info), rectified="rect" in _stem(self._image.topic))
            self._pairs = self._find_pairs()
        except _BROKEN as error:
            raise SourceError(f"{self.path} is broken: {type(error).__name__} {error}") from error
        self._check_registered()

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[RGBDFrame]:
        waiting: dict[tuple[str, int], bytes] = {}
        pairs = iter(self._pairs)
        wanted = next(pairs, None)
        try:
            for connection, _, data in self._reader.messages([self._image, self._depth]):
                waiting[connection.topic, _stamp(data)] = data
                while wanted and all(key in waiting for key in self._keys_of(wanted)):
                    yield self._frame(*(waiting[key] for key in self._keys_of(wanted)))
                    # What is older than this pair was left without a partner.
                    waiting = {key: data for key, data in waiting.items() if key[1] > min(wanted)}
                    wanted = next(pairs, None)
        except _BROKEN as error:
            raise SourceError(f"{self.path} is broken: {type(error).__name__} {error}") from error

    def close(self) -> None:
        self._reader.close()

    def _keys_of(self, pair: tuple[int, int]) -> tuple[tuple[str, int], tuple[str, int]]:
        return (self._image.topic, pair[0]), (self._depth.topic, pair[1])

    def _frame(self, image_data: bytes, depth_data: bytes) -> RGBDFrame:
        image, depth = self._read(self._image, image_data), self._read(self._depth, depth_data)
        stamp = image.header.stamp.sec * 10**9 + image.header.stamp.nanosec
        return RGBDFrame(_rgb(image), _metres(depth), self.camera, stamp, image.header.frame_id)

    def _read(self, connection: Connection, data: bytes):
        return self._reader.deserialize(data, connection.msgtype)

    def _first(self, connection: Connection):
        for _, _, data in self._reader.messages([connection]):
            return self._read(connection, data)
        raise SourceError(f"{self.path} has no message on {connection.topic}")

    def _topic(
        self, types: tuple[str, ...], kind: str, chosen: str, words: tuple[str, ...], avoid: str = ""
    ) -> Connection:
        """The topic asked for, else the one whose name has the first of the words; SourceError lists them."""
        topics = {c.topic: c for c in self._reader.connections if c.msgtype in types and c.msgcount}
        names = [topic for topic in sorted(topics) if not (avoid and avoid in topic)]
        found = [topic for word in words for topic in names if word in topic]
        if chosen in topics or (not chosen and found):
            return topics[chosen or found[0]]
        raise SourceError(
            f"{self.path} has no {kind} topic {chosen or 'of a known name'}; its topics of that type: "
            f"{', '.join(sorted(topics)) or 'none'}. Name one as {self.name}:{kind}=/topic"
        )

    def _find_pairs(self) -> list[tuple[int, int]]:
        """(stamp of the image, stamp of the nearest depth) in ns, no depth used twice."""
        stamps: dict[str, list[int]] = {self._image.topic: [], self._depth.topic: []}
        for connection, _, data in self._reader.messages([self._image, self._depth]):
            stamps[connection.topic].append(_stamp(data))
        images, depths = (np.unique(stamps[c.topic]) for c in (self._image, self._depth))
        depth_of = _nearest(depths, images)
        apart = np.abs(depth_of - images)
        mutual = (apart <= SLOP_NS) & (_nearest(images, depth_of) == images)
        pairs = list(zip(images[mutual].tolist(), depth_of[mutual].tolist(), strict=True))
        if not pairs:
            raise SourceError(
                f"no image of {self._image.topic} has a depth of {self._depth.topic} within "
                f"{SLOP_NS // 10**6} ms ({len(images)} images, {len(depths)} depths)"
            )
        return pairs

    def _check_registered(self) -> None:
        image, depth = self._first(self._image), self._first(self._depth)
        frames = image.header.frame_id, depth.header.frame_id
        shape = _metres(depth).shape
        if frames[0] != frames[1] or shape != (self.camera.height, self.camera.width):
            raise SourceError(
                f"{self._depth.topic} ({shape[1]}x{shape[0]} in {frames[1]!r}) is not registered to "
                f"{self._image.topic} ({self.camera.width}x{self.camera.height} in {frames[0]!r}): "
                "record the driver's aligned depth, or name its topic as depth=/topic"
            )
        self.frame_id = frames[0]


def _stamp(data: bytes) -> int:
    seconds, nanoseconds = _STAMP.unpack_from(data)
    return seconds * 10**9 + nanoseconds


def _nearest(choices: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each of `values` (N,) the nearest of the sorted `choices`."""
    above = choices[np.searchsorted(choices, values).clip(max=len(choices) - 1)]
    below = choices[(np.searchsorted(choices, values) - 1).clip(min=0)]
    return np.where(np.abs(above - values) < np.abs(values - below), above, below)


def _stem(topic: str) -> str:
    """The topic without the transport's suffix: /a/image_raw/compressed -> /a/image_raw."""
    head, _, tail = topic.rpartition("/")
    return head if tail in ("compressed", "compressedDepth") else topic


def _camera(info, rectified: bool) -> PinholeCamera:
    """From CameraInfo: K and D for a raw image, P for a rectified one (REP-104)."""
    k = np.reshape(info.p, (3, 4))[:, :3] if rectified else np.reshape(info.k, (3, 3))
    distortion = () if rectified or not len(info.d) else tuple(info.d)
    model = info.distortion_model if distortion else "none"
    return PinholeCamera(k[0, 0], k[1, 1], k[0, 2], k[1, 2], info.width, info.height, model, distortion)


def _rgb(message) -> np.ndarray:
    if hasattr(message, "format"):
        return decode_compressed_image(message.data, message.format)
    m = message
    return decode_image(m.data, m.height, m.width, m.encoding, m.step, bool(m.is_bigendian))


def _metres(message) -> np.ndarray:
    if hasattr(message, "format"):
        return decode_compressed_depth(message.data, message.format)
    m = message
    return decode_depth(m.data, m.height, m.width, m.encoding, m.step, bool(m.is_bigendian))
