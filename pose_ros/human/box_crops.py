"""People cut out by their boxes, upright, for networks that look at one person at a time."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class BoxCrops:
    """N upright windows of one shape: center (N,2), height (N,) px of the image; width = height * aspect.

    A point p of the image is at (p - center) / height of its window: 0 in the middle, ±0.5 at the upper and
    lower edge.
    """

    center: np.ndarray
    height: np.ndarray
    aspect: float

    @classmethod
    def around(cls, box_xyxy: np.ndarray, aspect: float, margin: float) -> BoxCrops:
        """About boxes (N,4) px, `margin` times as large, widened or heightened to the aspect."""
        box = np.asarray(box_xyxy, float).reshape(-1, 4)
        width, height = np.maximum(box[:, 2:] - box[:, :2], 1).T
        return cls((box[:, :2] + box[:, 2:]) / 2, margin * np.maximum(height, width / aspect), aspect)

    def __len__(self) -> int:
        return len(self.height)

    def crop_from_image(self, rows: int) -> np.ndarray:
        """(N,2,3) affine maps px -> px into windows `rows` px high, pixel centres at integers in both."""
        scale = rows / self.height
        middle = np.array([round(rows * self.aspect) - 1, rows - 1]) / 2
        linear = scale[:, None, None] * np.eye(2)
        return np.concatenate([linear, (middle - scale[:, None] * self.center)[..., None]], axis=-1)

    def cut(self, rgb: np.ndarray, rows: int) -> np.ndarray:
        """(N,rows,columns,3) uint8, black outside the image."""
        columns = round(rows * self.aspect)
        crops = np.empty((len(self), rows, columns, 3), np.uint8)
        shrunk = {1: rgb}  # who is large is averaged over areas first, or thin limbs would break up into dots
        for matrix, crop in zip(self.crop_from_image(rows), crops, strict=True):
            shrink = max(1, int(1 / matrix[0, 0]))
            if shrink not in shrunk:
                shrunk[shrink] = _averaged(rgb, shrink)
            lens = np.column_stack([matrix[:, :2] * shrink, matrix @ [(shrink - 1) / 2, (shrink - 1) / 2, 1]])
            cv2.warpAffine(shrunk[shrink], lens, (columns, rows), dst=crop, flags=cv2.INTER_LINEAR)
        return crops

    def to_image(self, unit: np.ndarray) -> np.ndarray:
        """Points (N,K,2) in heights about the middle to px of the image."""
        return self.center[:, None] + unit * self.height[:, None, None]


def _averaged(rgb: np.ndarray, shrink: int) -> np.ndarray:
    """Means over squares of so many pixels; what is left over at the right and below is lost."""
    height, width = (side // shrink for side in rgb.shape[:2])
    whole = rgb[: height * shrink, : width * shrink]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
