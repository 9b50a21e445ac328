"""A camera that the operating system knows by number: colour only, endless, stamped on arrival."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import cv2

from pose_ros.errors import SourceError
from pose_ros.sources.source import Source
from pose_ros.sources.video import VideoOptions, camera_of_fov, colour_frame
from pose_ros.types import RGBDFrame


@dataclass(frozen=True)
class WebcamOptions(VideoOptions):
    pass


class Webcam(Source):
    """Frames until the camera is unplugged. Its intrinsics are guessed from `fov`."""

    def __init__(self, index: int, options: WebcamOptions = WebcamOptions()) -> None:
        self.name = f"webcam {index}"
        self._capture = cv2.VideoCapture(index)
        bgr = self._capture.read()[1] if self._capture.isOpened() else None
        if bgr is None:
            self.close()
            raise SourceError(f"{self.name} gives no picture: is it plugged in, free and readable?")
        self.camera = camera_of_fov(bgr.shape[1], bgr.shape[0], options.fov)

    def __iter__(self) -> Iterator[RGBDFrame]:
        while (bgr := self._capture.read()[1]) is not None:
            yield colour_frame(bgr, self, time.time_ns())

    def close(self) -> None:
        self._capture.release()
