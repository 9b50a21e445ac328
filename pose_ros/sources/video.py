"""A video file: colour only, so depth is all NaN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.errors import SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.types import RGBDFrame


@dataclass(frozen=True)
class VideoOptions:
    fov: float = option(60.0, "assumed horizontal field of view", unit="deg", range=(1, 179))


class Video(Source):
    """The frames of a video, stamped at its own rate. Its camera is unknown and guessed from `fov`."""

    def __init__(self, path: Path | str, options: VideoOptions = VideoOptions()) -> None:
        self.path = Path(path)
        self.name = self.path.name
        if not self.path.exists():
            raise SourceError(f"{self.path} does not exist")
        capture, bgr = self._open()
        height, width = bgr.shape[:2]
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._rate = rate if 0 < rate < 1000 else 30.0  # some containers know no rate
        self._count = max(int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        capture.release()
        self.camera = camera_of_fov(width, height, options.fov)

    def __len__(self) -> int:
        if not self._count:  # a stream without an index
            return super().__len__()
        return self._count

    def __iter__(self) -> Iterator[RGBDFrame]:
        capture, bgr = self._open()
        try:
            n = 0
            while bgr is not None:
                yield colour_frame(bgr, self, FIRST_STAMP_NS + round(n * 1e9 / self._rate))
                n += 1
                bgr = capture.read()[1]
        finally:
            capture.release()

    def _open(self) -> tuple[cv2.VideoCapture, np.ndarray]:
        capture = cv2.VideoCapture(str(self.path))
        bgr = capture.read()[1] if capture.isOpened() else None
        if bgr is None:
            raise SourceError(f"{self.path} holds no frame that OpenCV can decode: empty, broken or no video")
        return capture, bgr


def camera_of_fov(width: int, height: int, fov: float) -> PinholeCamera:
    """A camera without distortion that sees `fov` degrees from its left to its right edge."""
    focal = width / 2 / np.tan(np.radians(fov) / 2)
    return PinholeCamera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


def colour_frame(bgr: np.ndarray, source: Source, stamp_ns: int) -> RGBDFrame:
    """An OpenCV picture as a frame without depth."""
    depth = np.full(bgr.shape[:2], np.nan, np.float32)
    return RGBDFrame(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), depth, source.camera, stamp_ns, source.frame_id)
