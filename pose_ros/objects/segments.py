"""Regions of an image as registration needs them: points, and how far each pixel is from the region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pose_ros.objects.view import View
from pose_ros.types import Detections2D, RGBDFrame

POINTS = 512  # of a segment that are kept
LEAST_POINTS = 30  # a segment with fewer measured pixels says nothing
HALVED = 2  # distances to a segment are kept at half resolution
FAR = 40.0  # px; farther from the segment is as bad
STRAY = 3.0  # times the median distance from the middle: no part of the thing (a rod's ends are at twice)


@dataclass(frozen=True)
class Outline:
    """How far pixels are from each of N regions: away (N,h,w) px at half resolution, 0 within, for the part
    of the image whose upper left pixel is `corner` (N,2).
    """

    away: torch.Tensor
    corner: torch.Tensor

    def select(self, chosen: torch.Tensor) -> Outline:
        return Outline(self.away[chosen], self.corner[chosen])

    def outside(self, pixel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Distance (N,S) px of pixels (N,S,2) to the regions, and its slope (N,S,2)."""
        count, height, width = self.away.shape
        column, row = ((pixel - self.corner[:, None]) / HALVED).unbind(-1)
        nearest_column = column.round().long().clamp(1, width - 2)
        nearest_row = row.round().long().clamp(1, height - 2)
        place = nearest_row * width + nearest_column
        around = torch.stack([place, place - 1, place + 1, place - width, place + width], 1)
        values = self.away.reshape(count, -1).gather(1, around.reshape(count, -1)).reshape(count, 5, -1)
        middle, left, right, up, down = values.unbind(1)
        slope = torch.stack([right - left, down - up], -1) / (2 * HALVED)
        beside = torch.stack([column - nearest_column, row - nearest_row], -1) * HALVED
        return (middle + (beside * slope).sum(-1)).clamp_min(0) * (middle > 0), slope


@dataclass(frozen=True)
class Segments:
    """N segments of one view. points (N,P,3) m in random order; mask (N,H*W) bool; their outlines;
    extent (N,) m; label, score (N,) and index: of the detection.
    """

    points: torch.Tensor
    mask: torch.Tensor
    outline: Outline
    extent: np.ndarray
    label: tuple[str, ...]
    score: np.ndarray
    index: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.label)


def segments_of(frame: RGBDFrame, detections: Detections2D, view: View) -> Segments:
    """Those of the detections that have enough depth."""
    depth, rays = frame.depth, frame.camera.ray_grid
    points, away, extent, kept = [], [], [], []
    rng = np.random.default_rng(0)
    for index, mask in enumerate(detections.mask):
        place = np.flatnonzero(mask & (depth > 0))
        if len(place) < LEAST_POINTS:
            continue
        place = place[rng.permutation(len(place))]
        place = np.resize(place, POINTS)
        cloud = rays.reshape(-1, 3)[place] * depth.reshape(-1)[place, None]
        points.append(cloud)
        extent.append(_extent(cloud))
        away.append(distance_to(mask))
        kept.append(index)
    height, width = depth.shape
    device = view.depth.device

    def tensor(values: Sequence[np.ndarray], empty: tuple[int, ...]) -> torch.Tensor:
        stacked = np.stack(values) if len(values) else np.zeros(empty, np.float32)
        return torch.as_tensor(stacked, device=device)

    return Segments(
        tensor(points, (0, POINTS, 3)),
        tensor([detections.mask[index].reshape(-1) for index in kept], (0, height * width)).bool(),
        Outline(
            tensor(away, (0, (height + 1) // HALVED, (width + 1) // HALVED)),
            torch.zeros(len(kept), 2, device=device),
        ),
        np.array(extent),
        tuple(detections.label[index] for index in kept),
        detections.score[kept],
        tuple(kept),
    )


def distance_to(mask: np.ndarray, step: int = HALVED) -> np.ndarray:
    """Distance (h,w) float32 px from every `step`th pixel to the mask, at most FAR.

    A step of one means that the mask is at half resolution already.
    """
    small = np.ascontiguousarray(mask[::step, ::step]).astype(np.uint8)
    if not small.any():
        return np.full(small.shape, FAR, np.float32)
    return np.minimum(cv2.distanceTransform(1 - small, cv2.DIST_L2, 3) * HALVED, FAR)


def _extent(cloud: np.ndarray) -> float:
    """Length of the cloud (P,3) along its longest direction, without the outermost points."""
    centered = cloud - np.median(cloud, axis=0)
    # A few pixels at the border show the wall far behind: alone they would set the direction.
    away = np.linalg.norm(centered, axis=1)
    near = centered[away <= STRAY * np.median(away)]
    direction = np.linalg.eigh(near.T @ near)[1][:, -1]
    low, high = np.percentile(centered @ direction, [3, 97])
    return float(high - low) / 0.94
