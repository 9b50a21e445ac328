"""Segmentation of things from depth alone: what sticks out of the planes that things stand on."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.pieces import cut_apart, openness, unions
from pose_ros.objects.planes import Plane, find_planes
from pose_ros.types import Detections2D, RGBDFrame

LEAST_CELLS = 25  # of the coarse grid, for a thing
SMALL = 40  # cells at which the score is halved
SAME = 0.9  # intersection over union at which two candidates are one
CLOSING = 15  # px of a 640 px wide picture: gaps without depth that are closed


@dataclass(frozen=True)
class SegmentConfig:
    far: float = option(3.0, "Nothing beyond this depth is segmented", unit="m", range=(0.3, 20.0))
    noise: float = option(
        0.0015, "Depth noise (sigma) at 1 m; it grows with depth squared", unit="m", range=(0.0001, 0.05)
    )
    min_size: float = option(
        0.02, "Least extent of a thing along its longest side", unit="m", range=(0.003, 1.0)
    )
    max_size: float = option(0.5, "Greatest extent of a thing", unit="m", range=(0.02, 5.0))
    min_support_area: float = option(
        0.03, "A plane with less in sight is no table, floor or wall", unit="m²", range=(0.001, 10.0)
    )
    max_planes: int = option(8, "Planes looked for", range=(0, 30))
    fold_angle: float = option(
        28.0, "An inward fold sharper than this parts touching things", unit="degrees", range=(5.0, 80.0)
    )
    max_candidates: int = option(40, "Best candidates kept", range=(1, 200))


class Segmenter:
    """Finds things without knowing any: Detections2D without labels, best first.

    Candidates overlap: what touches is returned apart *and* together (a mug and its handle fold inwards as
    two boxes side by side do; who knows the models decides). score in [0,1]: how much of the outline is the
    thing's own, rather than hidden, cut off by the image's border or shared with a neighbour.
    """

    def __init__(self, config: SegmentConfig | None = None) -> None:
        self.config = config or SegmentConfig()

    def __call__(self, frame: RGBDFrame) -> Detections2D:
        c = self.config
        grid = DepthGrid.of(frame, c.noise, c.far)
        planes = find_planes(grid, c.min_support_area, c.max_planes)
        supports = [plane for plane in planes if self._is_support(grid, plane)]
        above, maybe, clear = _above(grid, supports)
        pieces = cut_apart(grid, above, maybe, grid.folds(np.radians(c.fold_angle)))
        candidates = self._candidates(grid, pieces, clear)
        return _at_full_size(frame, grid, pieces, candidates)

    def _is_support(self, grid: DepthGrid, plane: Plane) -> bool:
        """Too large for a thing, or what is around it stands on it, rather than it being the face of a thing."""
        if _extent(grid.points[plane.region]) > self.config.max_size:
            return True
        return _carries(grid, plane) > 0.5

    def _candidates(
        self, grid: DepthGrid, pieces: np.ndarray, clear: np.ndarray
    ) -> list[tuple[np.ndarray, float]]:
        """Sets of pieces that may be a thing, (K + 1,) bool each, with their scores; best first."""
        c, count = self.config, int(pieces.max())
        if count == 0:
            return []
        cells = np.bincount(pieces.ravel(), minlength=count + 1)
        found = []
        for union in unions(grid, pieces):
            chosen = np.zeros(count + 1, bool)
            chosen[list(union)] = True
            size = cells[chosen].sum()
            mask = chosen[pieces]
            if size < LEAST_CELLS or not c.min_size <= _extent(grid.points[mask]) <= c.max_size:
                continue
            sure = np.clip(np.percentile(clear[mask], 90) - 1, 0, 1) * size / (size + SMALL)
            found.append((chosen, float(openness(grid, mask, pieces > 0) * sure)))
        best = sorted(found, key=lambda candidate: -candidate[1])
        return _distinct(best, cells)[: c.max_candidates]


def _above(grid: DepthGrid, supports: list[Plane]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells (h,w) that lie on none of the planes; less strictly, those that may not; and how clear of them.

    The last is the distance from the nearest plane as a multiple of what noise explains.
    """
    above, maybe = grid.valid.copy(), grid.valid.copy()
    clear = np.full(grid.shape, 10.0, np.float32)
    for plane in supports:
        height = np.abs(plane.height(grid)) / plane.tolerance(grid)
        above &= ~plane.region
        maybe &= ~plane.region | (height > 0.5)
        np.minimum(clear, height, out=clear)
    return above, maybe, clear


def _carries(grid: DepthGrid, plane: Plane) -> float:
    """Share of a plane's outline where something stands in front of it or the image ends."""
    kernel = np.ones((5, 5), np.uint8)
    region = cv2.morphologyEx(plane.region.view(np.uint8), cv2.MORPH_CLOSE, kernel)
    wide = cv2.copyMakeBorder(region, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    ring = (cv2.dilate(wide, np.ones((7, 7), np.uint8)) > 0) & (wide == 0)
    inner = ring[3:-3, 3:-3]
    height, tolerance = plane.height(grid), plane.tolerance(grid)
    known = inner & grid.valid
    front, behind = (known & (height > tolerance)).sum(), (known & (height < -tolerance)).sum()
    border = ring.sum() - inner.sum()
    return float((front + border) / max(front + behind + border, 1))


def _extent(points: np.ndarray) -> float:
    """m along the longest of the principal directions, without the outermost hundredths."""
    if len(points) < 3:
        return 0.0
    points = points[:: max(len(points) // 2000, 1)].astype(float)
    axes = np.linalg.eigh(np.cov(points.T))[1]
    low, high = np.percentile(points @ axes, [1.5, 98.5], axis=0)
    return float((high - low).max() / 0.97)


def _distinct(
    candidates: list[tuple[np.ndarray, float]], cells: np.ndarray
) -> list[tuple[np.ndarray, float]]:
    kept: list[tuple[np.ndarray, float]] = []
    for chosen, score in candidates:
        same = any(cells[chosen & other].sum() > SAME * cells[chosen | other].sum() for other, _ in kept)
        if not same:
            kept.append((chosen, score))
    return kept


def _at_full_size(frame, grid: DepthGrid, pieces: np.ndarray, candidates) -> Detections2D:
    """Masks at the frame's own size, their holes and gaps without depth filled."""
    height, width = frame.depth.shape
    if not candidates:
        return Detections2D.empty(height, width)
    step = grid.step
    full = np.repeat(np.repeat(pieces, step, axis=0), step, axis=1)[:height, :width]
    known = np.isfinite(frame.depth) & (frame.depth > 0)
    size = CLOSING * width // 640 | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    masks = np.zeros((len(candidates), height, width), bool)
    for mask, (chosen, _) in zip(masks, candidates, strict=True):
        own = chosen[full]
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        part = (
            slice(max(rows[0] - size, 0), rows[-1] + size + 1),
            slice(max(columns[0] - size, 0), columns[-1] + size + 1),
        )
        own = own[part].view(np.uint8)
        wide = cv2.copyMakeBorder(own, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
        closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)[size:-size, size:-size]
        filled = _without_holes(own | (closed & ~known[part]))
        mask[part] = filled > 0
    return Detections2D(masks, ("",) * len(masks), np.array([score for _, score in candidates]))


def _without_holes(mask: np.ndarray) -> np.ndarray:
    """Small holes are closed, whatever is seen through them; large ones (a mug's handle) stay."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    small = stats[:, cv2.CC_STAT_AREA] < 0.01 * mask.sum()
    small[0] = False
    return mask | small[labels]
