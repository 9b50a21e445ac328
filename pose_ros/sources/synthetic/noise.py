"""What a depth camera makes of true depth: an active stereo pair (RealSense, Orbbec, Kinect v1 kind)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

NONE = np.float32(np.nan)


@dataclass(frozen=True)
class DepthSensor:
    """focal px, baseline m (projector to the right of the camera), subpixel: disparity steps in a pixel.

    sigma: of disparity, px. near, far: m. dropout: share of pixels lost on easy surfaces.
    """

    focal: float
    baseline: float = 0.055
    subpixel: int = 32
    sigma: float = 0.045
    near: float = 0.3
    far: float = 7.0
    dropout: float = 0.002

    def measure(
        self, depth: np.ndarray, cosine: np.ndarray, brightness: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """True depth (H,W) m to measured depth (H,W) float32 m, NaN = none.

        cosine: of the angle at which the surface is seen. brightness: light it returns, about [0,1].
        """
        depth = _ragged(depth.astype(np.float32), rng)
        disparity = self.focal * self.baseline / depth
        shadowed = self._shadowed(disparity)
        # Stereo matches windows, so that neighbours err together; darkness and slant make matching worse.
        error = cv2.GaussianBlur(rng.standard_normal(depth.shape, dtype=np.float32), (0, 0), 1.0) * 3.5
        weak = 1 + 1.5 * np.clip(0.35 - cosine, 0, None) + np.clip(0.12 - brightness, 0, None) * 5
        disparity = disparity + error * (self.sigma * weak).astype(np.float32)
        disparity = np.rint(disparity * self.subpixel) / self.subpixel
        with np.errstate(divide="ignore"):
            measured = np.float32(self.focal * self.baseline) / disparity
        lost = shadowed | ~(cosine > 0.06) | (depth < self.near) | (depth > self.far) | (measured > self.far)
        chance = self.dropout + 0.5 * np.clip(0.22 - cosine, 0, None) / 0.22
        chance += 0.25 * np.clip(depth / 4 - 0.6, 0, 1) * np.clip(0.08 - brightness, 0, None) / 0.08
        lost |= _patches(rng, depth.shape) < chance
        jump, mixed = self._edges(depth)
        lost |= jump & (rng.random(depth.shape, dtype=np.float32) < 0.45)
        flying = jump & (rng.random(depth.shape, dtype=np.float32) < 0.2)
        measured = np.where(flying, mixed, measured)
        return np.where(lost | ~(measured > 0), NONE, measured).astype(np.float32)

    @staticmethod
    def _shadowed(disparity: np.ndarray) -> np.ndarray:
        """Pixels that the projector, to the camera's right, cannot reach: a nearer one is in its way."""
        columns = np.arange(disparity.shape[1], dtype=np.float32)
        place = columns - disparity
        covered = np.minimum.accumulate(place[:, ::-1], axis=1)[:, ::-1]
        shadowed = np.zeros(disparity.shape, bool)
        shadowed[:, :-1] = covered[:, 1:] < place[:, :-1]
        return shadowed

    @staticmethod
    def _edges(depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels beside a jump of more than 3 %, and the mean of near and far there."""
        kernel = np.ones((3, 3), np.uint8)
        finite = np.where(np.isfinite(depth), depth, 1e3).astype(np.float32)
        near, far = cv2.erode(finite, kernel), cv2.dilate(finite, kernel)
        return far > near * 1.03 + 0.02, (near + far) / 2


def _ragged(depth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Outlines are never pixel-sharp: every pixel takes the depth of one a pixel or so away."""
    height, width = depth.shape
    wander = cv2.GaussianBlur(
        rng.standard_normal((2, height, width), dtype=np.float32).transpose(1, 2, 0), (0, 0), 1.5
    )
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(
        depth,
        x + 4 * wander[..., 0],
        y + 4 * wander[..., 1],
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )


def _patches(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Uniform numbers in [0,1) that neighbouring pixels share: what is lost is lost in patches."""
    height, width = shape
    coarse = rng.random((height // 3 + 1, width // 3 + 1), dtype=np.float32)
    fine = rng.random(shape, dtype=np.float32)
    large = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.where(fine < 0.7, large, fine)
