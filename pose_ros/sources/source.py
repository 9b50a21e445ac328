"""Where frames come from off the robot: one interface, one spec string."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pose_ros.config import option_of, update
from pose_ros.errors import ConfigError, SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.truth import PeopleTruth
from pose_ros.types import RGBDFrame

FRAME_ID = "camera_color_optical_frame"
# A stamp of zero means "no time" to ROS: sources that have no clock start here.
FIRST_STAMP_NS = 1_000_000_000
VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg")
BAG_SUFFIXES = (".mcap", ".db3")
KINDS = (
    "synthetic[:seed=1,frames=90,people=2,…]; objects[:scene=table,seed=1,frames=10,…]; "
    "an RGB-D folder (with camera.json); a BOP scene (with scene_camera.json) or a folder that holds one; "
    f"a rosbag2 folder or file ({', '.join(BAG_SUFFIXES)})[:image=/…,depth=/…,camera_info=/…]; "
    f"a video ({', '.join(VIDEO_SUFFIXES)})[:fov=60]; a webcam's number[:fov=60]"
)

Options = TypeVar("Options")


class Source(ABC):
    """An iterable of frames that can be iterated again, and a context manager.

    truth: what is known of the people in them, by `keys()`; None where nothing is.
    """

    name: str
    camera: PinholeCamera
    frame_id: str = FRAME_ID
    truth: PeopleTruth | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[RGBDFrame]: ...

    def __len__(self) -> int:
        raise TypeError(f"{self.name} does not know how many frames will come")

    def keys(self) -> list[str]:
        """The name of every frame, in order: its key in truth."""
        return [f"{index:05d}" for index in range(len(self))]

    def close(self) -> None:  # noqa: B027  most sources hold nothing open
        pass

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_source(spec: str) -> Source:
    """The source a spec names: a path, a webcam's number or "synthetic", with options as "spec:key=value,…".

    SourceError lists the kinds where nothing fits; ConfigError the options where one is unknown.
    """
    # Imported here so that a folder of pictures needs no torch, Open3D or rosbags.
    target, options = split_spec(spec)
    path = Path(target).expanduser()
    if target == "synthetic":
        from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource

        return SyntheticSource(parse_options(SyntheticConfig(), options))
    if target == "objects":
        from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, SyntheticObjects

        return SyntheticObjects(parse_options(ObjectSceneConfig(), options))
    if target.isdecimal():
        from pose_ros.sources.webcam import Webcam, WebcamOptions

        return Webcam(int(target), parse_options(WebcamOptions(), options))
    if path.suffix.lower() in VIDEO_SUFFIXES:
        from pose_ros.sources.video import Video, VideoOptions

        return Video(path, parse_options(VideoOptions(), options))
    if path.suffix.lower() in BAG_SUFFIXES or (path / "metadata.yaml").exists():
        from pose_ros.sources.bag import Bag, BagOptions

        return Bag(path, parse_options(BagOptions(), options))
    if (path / "camera.json").exists() or (path / "color").is_dir():
        from pose_ros.sources.rgbd_folder import RGBDFolder

        if options:
            raise SourceError(f"an RGB-D folder takes no options, got {options!r}")
        return RGBDFolder(path)
    if path.is_dir():
        from pose_ros.sources.bop import find_scenes, open_bop

        if find_scenes(path):
            if options:
                raise SourceError(f"a BOP scene takes no options, got {options!r}")
            return open_bop(path)
    reason = "is none of the known kinds" if path.exists() else "does not exist"
    raise SourceError(f"source {spec!r} {reason}; valid: {KINDS}")


def split_spec(spec: str) -> tuple[str, str]:
    """("target", "key=value,…"); a colon that is no start of options belongs to the path."""
    target, colon, options = spec.rpartition(":")
    return (target, options) if colon and "=" in options and not Path(spec).exists() else (spec, "")


def parse_options(defaults: Options, text: str) -> Options:
    """`defaults` (a config dataclass) with "key=value,…" applied; ConfigError lists the valid keys."""
    values = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        if not equals:
            names = ", ".join(field.name for field in dataclasses.fields(defaults))
            raise ConfigError(f"option {item!r} is not of the form key=value; valid keys: {names}")
        kind = type(option_of(defaults, name).default)
        try:
            values[name] = _bool(value) if kind is bool else kind(value)
        except ValueError as error:
            raise ConfigError(f"{name} takes {kind.__name__}, got {value!r}") from error
    return update(defaults, values)


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
