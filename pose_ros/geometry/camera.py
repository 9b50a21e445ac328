"""Pinhole camera with lens distortion. Pixel centres lie at integer coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pose_ros.errors import CameraError, unknown

# Coefficient counts that OpenCV and sensor_msgs/CameraInfo give each model (REP-107).
DISTORTION_MODELS = {
    "none": (0,),
    "plumb_bob": (0, 4, 5),
    "rational_polynomial": (8, 12, 14),
    "equidistant": (4,),
}


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics `fx fy cx cy` in pixels, `width height` in pixels, lens `distortion`.

    `distortion_model` is one of DISTORTION_MODELS, its coefficients ordered as in
    sensor_msgs/CameraInfo. Raises CameraError where the numbers cannot be a camera.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    distortion_model: str = "none"
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "distortion", tuple(float(c) for c in self.distortion))
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not np.all(np.isfinite(numbers)):
            raise CameraError(f"camera has values that are not finite: {numbers}")
        if self.fx <= 0 or self.fy <= 0:
            raise CameraError(
                f"camera has focal length fx={self.fx}, fy={self.fy}; both must be positive "
                "(an uncalibrated driver publishes zeros: calibrate it)"
            )
        if self.width <= 0 or self.height <= 0:
            raise CameraError(f"camera has size {self.width}x{self.height}; both must be positive")
        if self.distortion_model not in DISTORTION_MODELS:
            raise CameraError(unknown("distortion model", self.distortion_model, DISTORTION_MODELS))
        counts = DISTORTION_MODELS[self.distortion_model]
        if len(self.distortion) not in counts:
            raise CameraError(
                f"distortion model {self.distortion_model!r} takes {' or '.join(map(str, counts))} "
                f"coefficients, got {len(self.distortion)}"
            )

    @property
    def matrix(self) -> np.ndarray:
        """K (3,3)."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=float)

    @property
    def is_distorted(self) -> bool:
        return any(self.distortion)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (…,3) m in the optical frame to pixels (…,2); NaN where z <= 0 or unknown."""
        points = np.asarray(points, dtype=float)
        flat = points.reshape(-1, 3)
        front = flat[:, 2] > 0
        pixels = np.full((len(flat), 2), np.nan)
        if front.any():
            pixels[front] = self._distort(flat[front, :2] / flat[front, 2:])
        return pixels.reshape(*points.shape[:-1], 2)

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (…,2) to rays (…,3) with z = 1, the distortion undone."""
        pixels = np.asarray(pixels, dtype=float)
        flat = pixels.reshape(-1, 2)
        if self.is_distorted and len(flat):
            normalized = self._undistort(flat)
        else:
            normalized = (flat - (self.cx, self.cy)) / (self.fx, self.fy)
        ones = np.ones((len(flat), 1))
        return np.concatenate([normalized, ones], axis=1).reshape(*pixels.shape[:-1], 3)

    def unproject(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Pixels (…,2) and depth (…) in metres along z to points (…,3) m in the optical frame."""
        return self.rays(pixels) * np.asarray(depth, dtype=float)[..., None]

    @cached_property
    def ray_grid(self) -> np.ndarray:
        """Ray through every pixel, (H,W,3) float32 with z = 1."""
        u, v = np.meshgrid(np.arange(self.width), np.arange(self.height))
        return self.rays(np.stack([u, v], axis=-1)).astype(np.float32)

    def _distort(self, normalized: np.ndarray) -> np.ndarray:
        if not self.is_distorted:
            return normalized * (self.fx, self.fy) + (self.cx, self.cy)
        if self.distortion_model == "equidistant":
            pixels = cv2.fisheye.distortPoints(normalized[:, None], self.matrix, np.array(self.distortion))
        else:
            points = np.concatenate([normalized, np.ones((len(normalized), 1))], axis=1)
            none = np.zeros(3)
            pixels, _ = cv2.projectPoints(points, none, none, self.matrix, np.array(self.distortion))
        return pixels[:, 0]

    def _undistort(self, pixels: np.ndarray) -> np.ndarray:
        # OpenCV stops after five fixed-point steps by default: not enough for a wide lens.
        criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-12)
        coefficients = np.array(self.distortion)
        if self.distortion_model == "equidistant":
            normalized = cv2.fisheye.undistortPoints(
                pixels[:, None], self.matrix, coefficients, criteria=criteria
            )
        else:
            normalized = cv2.undistortPointsIter(
                pixels[:, None], self.matrix, coefficients, None, None, criteria
            )
        return normalized[:, 0]
