"""What a camera gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera


@dataclass(frozen=True)
class RGBDFrame:
    """One colour image with its depth.

    rgb: (H,W,3) uint8. depth: (H,W) float32 metres along the optical axis, NaN = none, registered
    to rgb. stamp_ns: the exposure's own time. frame_id: the optical frame (REP-103).
    """

    rgb: np.ndarray
    depth: np.ndarray
    camera: PinholeCamera
    stamp_ns: int
    frame_id: str

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        if self.rgb.shape != (*size, 3) or self.rgb.dtype != np.uint8:
            raise FrameError(
                f"rgb is {self.rgb.dtype} {self.rgb.shape}, the camera says uint8 {(*size, 3)}: "
                "is this camera_info of another stream or resolution?"
            )
        if self.depth.shape != size or self.depth.dtype != np.float32:
            raise FrameError(
                f"depth is {self.depth.dtype} {self.depth.shape}, the camera says float32 {size}: "
                "depth must be in metres and registered to rgb"
            )
