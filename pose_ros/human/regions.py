"""Square, turned regions of an image, one a person: what a top-down network looks at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.shapes import check_shape


@dataclass(frozen=True)
class Regions:
    """center (N,2) px, size (N,) px side length, angle (N,) rad: how far "up" is turned clockwise."""

    center: np.ndarray
    size: np.ndarray
    angle: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.center)
        check_shape("center", self.center, (n, 2))
        check_shape("size", self.size, (n,))
        check_shape("angle", self.angle, (n,))

    @classmethod
    def empty(cls) -> Regions:
        return cls(np.zeros((0, 2)), np.zeros(0), np.zeros(0))

    @classmethod
    def around(cls, center: np.ndarray, top: np.ndarray, margin: float) -> Regions:
        """Circles about `center` (N,2) through `top` (N,2), the upright point, widened by `margin`."""
        center, up = np.asarray(center, float), np.asarray(top, float) - center
        radius = np.hypot(up[:, 0], up[:, 1])
        return cls(center, 2 * margin * radius, np.arctan2(up[:, 0], -up[:, 1]))

    def __len__(self) -> int:
        return len(self.center)

    def select(self, chosen: np.ndarray) -> Regions:
        return Regions(self.center[chosen], self.size[chosen], self.angle[chosen])

    def joined(self, other: Regions) -> Regions:
        return Regions(
            np.concatenate([self.center, other.center]),
            np.concatenate([self.size, other.size]),
            np.concatenate([self.angle, other.angle]),
        )

    @property
    def image_from_unit(self) -> np.ndarray:
        """(N,2,3) affine maps from the unit square (0,0)-(1,1) to image pixels."""
        cos, sin = np.cos(self.angle) * self.size, np.sin(self.angle) * self.size
        linear = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
        corner = self.center - linear @ np.array([0.5, 0.5])
        return np.concatenate([linear, corner[..., None]], axis=-1)

    def crop(self, rgb: np.ndarray, side: int) -> np.ndarray:
        """(N,side,side,3) uint8, black outside the image."""
        crops = np.empty((len(self), side, side, 3), np.uint8)
        # Pixel centres lie at integers: crop pixel i looks at the unit coordinate (i + 0.5) / side.
        unit_from_crop = np.array([[1 / side, 0, 0.5 / side], [0, 1 / side, 0.5 / side], [0, 0, 1]])
        for affine, crop in zip(self.image_from_unit, crops, strict=True):
            matrix = affine @ unit_from_crop
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            cv2.warpAffine(rgb, matrix, (side, side), dst=crop, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        return crops

    def to_image(self, unit: np.ndarray) -> np.ndarray:
        """Points (N,K,2) of the unit square to image pixels."""
        affine = self.image_from_unit
        return np.einsum("nij,nkj->nki", affine[..., :2], unit) + affine[:, None, :, 2]
