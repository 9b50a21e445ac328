"""Irises and eyelids in face meshes, by MediaPipe's iris network.

Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry", 2020, and its model
card: a crop of the eye, 2.3 times as wide as the eye, upright between its corners. The network knows eyes
whose outer corner is to the image's left, people's right ones; left eyes are shown to it mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.human.regions import Regions
from pose_ros.nets.tflite import load_tflite
from pose_ros.weights import path_of

SIDE, IRIS = 64, 5
CROP = 2.3  # side of the square about an eye, in widths of the eye
CORNERS = np.array([[362, 263], [33, 133]])  # of the face mesh: left eye, right eye; from the image's left
LOWER, UPPER = slice(0, 9), slice(9, 16)  # of the contour: lids, each from the outer corner to the inner one
DIAMETER = 0.0117  # m, of an iris: within 0.5 mm the same in almost all people


@dataclass(frozen=True)
class Irises:
    """Eyes of M faces, in the second axis the person's left and right one.

    points: (M,2,5,2) px of the image, the iris's middle and four points of its rim. openness: (M,2), how far
    the lids are apart, in widths of the eye: a third when open, next to nothing when closed.
    """

    points: np.ndarray
    openness: np.ndarray

    @classmethod
    def none(cls, faces: int) -> Irises:
        return cls(np.full((faces, 2, IRIS, 2), np.nan), np.full((faces, 2), np.nan))

    @property
    def diameter(self) -> np.ndarray:
        """(M,2) px, along the line from corner to corner, which lids do not hide."""
        return np.linalg.norm(self.points[:, :, 1] - self.points[:, :, 3], axis=-1)


class IrisLooker:
    """Raises WeightsError on construction where the network's weights are not on this machine."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        outputs = ("output_iris", "output_eyes_contours_and_brows")
        self._network = load_tflite(path_of("iris"), outputs).to(device)

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray, meshes: np.ndarray) -> Irises:
        """Eyes of faces whose meshes (M,468,2+) px are known; all in one batch."""
        if not len(meshes):
            return Irises.none(0)
        regions = eye_regions(meshes)
        crops = torch.from_numpy(regions.crop(rgb, SIDE)).to(self.device)
        crops = crops.permute(0, 3, 1, 2).float().div_(255)
        crops[0::2] = crops[0::2].flip(-1)
        iris, contour = (
            points.float().cpu().numpy().reshape(len(crops), -1, 3)[..., :2].astype(float) / SIDE
            for points in self._network(crops)
        )
        for points in (iris, contour):
            points[0::2, :, 0] = 1 - points[0::2, :, 0]
        lids = contour[:, UPPER, 1].mean(1), contour[:, LOWER, 1].mean(1)
        width = np.linalg.norm(contour[:, 0] - contour[:, 8], axis=-1)
        openness = (lids[1] - lids[0]) / np.maximum(width, 1e-6)
        return Irises(regions.to_image(iris).reshape(-1, 2, IRIS, 2), openness.reshape(-1, 2))


def eye_regions(meshes: np.ndarray) -> Regions:
    """Squares (2 M) about the eyes of meshes (M,468,2+) px: left, right, left, …"""
    corners = meshes[:, CORNERS, :2].reshape(-1, 2, 2)
    along = corners[:, 1] - corners[:, 0]
    size = CROP * np.maximum(np.linalg.norm(along, axis=-1), 1.0)
    return Regions(corners.mean(1), size, np.arctan2(along[:, 1], along[:, 0]))
