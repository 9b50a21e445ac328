"""Segmentation of things from depth alone: what sticks out of the planes that things stand on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.masks import at_full_size, boxes_of, part_of
from pose_ros.objects.pieces import absorbed, cut_apart, openness, unions
from pose_ros.objects.planes import Plane, find_planes
from pose_ros.types import Detections2D, RGBDFrame

LEAST_CELLS = 25  # of the coarse grid, for a thing
CARRIES = 0.5  # share of a plane's outline that makes it something to stand on
SMALL = 40  # cells at which the score is halved
SAME = 0.9  # intersection over union at which two candidates are one
BESIDE = 31  # cells: half of it is as far as a plane explains what lies beside it


@dataclass(frozen=True)
class SegmentConfig:
    far: float = option(3.0, "nothing beyond this depth is segmented", unit="m", range=(0.3, 20.0))
    noise: float = option(
        0.0015, "depth noise (sigma) at 1 m; it grows with depth squared", unit="m", range=(0.0001, 0.05)
    )
    min_size: float = option(0.02, "least length of a thing", unit="m", range=(0.003, 1.0))
    max_size: float = option(0.5, "greatest length of a thing", unit="m", range=(0.02, 5.0))
    min_support_area: float = option(
        0.03, "a plane with less in sight is no table, floor or wall", unit="m²", range=(0.001, 10.0)
    )
    max_planes: int = option(8, "planes looked for", range=(0, 30))
    fold_angle: float = option(
        36.0, "an inward fold sharper than this parts touching things", unit="degrees", range=(5.0, 80.0)
    )
    min_score: float = option(0.1, "candidates that score less are left out", range=(0.0, 1.0))
    max_candidates: int = option(40, "best candidates kept", range=(1, 200))


class Segmenter:
    """Finds things without knowing any: Detections2D without labels, best first.

    Candidates overlap: what touches is returned apart *and* together (a mug and its handle fold inwards as
    two boxes side by side do; who knows the models decides). score in [0,1]: how much of the outline is the
    thing's own, rather than hidden, cut off by the image's border or shared with a neighbour; less where its
    parts fold inwards where they meet.
    """

    def __init__(self, config: SegmentConfig | None = None) -> None:
        self.config = config or SegmentConfig()

    def __call__(self, frame: RGBDFrame) -> Detections2D:
        c = self.config
        grid = DepthGrid.of(frame, c.noise, c.far)
        planes = find_planes(grid, c.min_support_area, c.max_planes)
        supports = [self._support(grid, plane) for plane in planes]
        above, maybe, clear = _above(grid, supports)
        pieces = cut_apart(grid, above, maybe, grid.folds(np.radians(c.fold_angle)))
        pieces = absorbed(grid, pieces)
        candidates = self._candidates(grid, pieces, clear)
        return at_full_size(frame, grid, pieces, candidates)

    def _support(self, grid: DepthGrid, plane: Plane) -> Plane:
        """The plane without parts that are faces of things.

        A part is kept that is too large for a thing, or that what is around it stands on or against.
        """
        count, parts = cv2.connectedComponents(plane.region.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        boxes = boxes_of(parts, count - 1)
        height, tolerance = plane.height(grid), plane.tolerance(grid)
        region = np.zeros(grid.shape, bool)
        for number in range(1, count):
            place = part_of(boxes[number : number + 1], grid.shape, 0)
            part = parts[place] == number
            if _extent(grid.points[place][part]) <= self.config.max_size:
                wide = part_of(boxes[number : number + 1], grid.shape, 4)
                share = _carries(parts[wide] == number, height[wide], tolerance[wide], grid.valid[wide])
                if share < CARRIES:
                    continue
            region[place] |= part
        return dataclasses.replace(plane, region=region)

    def _candidates(
        self, grid: DepthGrid, pieces: np.ndarray, clear: np.ndarray
    ) -> list[tuple[np.ndarray, float]]:
        """Sets of pieces that may be a thing, (K + 1,) bool each, with their scores; best first."""
        c, count = self.config, int(pieces.max())
        if count == 0:
            return []
        cells = np.bincount(pieces.ravel(), minlength=count + 1)
        boxes = boxes_of(pieces, count)
        found = []
        for union, fit in unions(grid, pieces).items():
            chosen = np.zeros(count + 1, bool)
            chosen[list(union)] = True
            size = cells[chosen].sum()
            if size < LEAST_CELLS:
                continue
            part = part_of(boxes[chosen], grid.shape, 3)
            mask = chosen[pieces[part]]
            if not c.min_size <= _extent(grid.points[part][mask]) <= c.max_size:
                continue
            sure = np.clip(_high(clear[part][mask]) - 1, 0, 1) * size / (size + SMALL)
            border = _border_length(mask, part, grid.shape)
            own = openness(mask, grid.depth[part], pieces[part] > 0, grid.noise, border)
            if own * sure * fit >= c.min_score:
                found.append((chosen, float(own * sure * fit)))
        found.sort(key=lambda candidate: -candidate[1])
        return [found[k] for k in _distinct(np.array([f[0] for f in found]), cells)][: c.max_candidates]


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
        # A plane says nothing of things that only lie where it would be if it went on.
        near = cv2.dilate(plane.region.view(np.uint8), np.ones((BESIDE, BESIDE), np.uint8)) > 0
        np.minimum(clear, height, out=clear, where=near)
    return above, maybe, clear


def _carries(region: np.ndarray, height: np.ndarray, tolerance: np.ndarray, valid: np.ndarray) -> float:
    """Share of the outline of a part of a plane where something stands in front of it or the image ends.

    All (h,w), the part of an image that holds it; only the image's border comes near its own border.
    """
    region = cv2.morphologyEx(region.view(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    wide = cv2.copyMakeBorder(region, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=0)
    ring = (cv2.dilate(wide, np.ones((7, 7), np.uint8)) > 0) & (wide == 0)
    inner = ring[3:-3, 3:-3]
    known = inner & valid
    front, behind = (known & (height > tolerance)).sum(), (known & (height < -tolerance)).sum()
    border = ring.sum() - inner.sum()
    return float((front + border) / max(front + behind + border, 1))


def _extent(points: np.ndarray) -> float:
    """m along the longest of the principal directions, without the outermost hundredths."""
    if len(points) < 3:
        return 0.0
    points = points[:: len(points) // 600 + 1].astype(float)
    points = points - points.mean(0)
    along = np.sort(points @ np.linalg.eigh(points.T @ points)[1][:, 2])
    outer = int(0.015 * len(along))
    return float((along[-1 - outer] - along[outer]) / 0.97)


def _high(values: np.ndarray) -> float:
    """What a tenth of the values exceed."""
    values = values[:: len(values) // 600 + 1]
    return float(np.partition(values, int(0.9 * len(values)))[int(0.9 * len(values))])


def _border_length(mask: np.ndarray, part: tuple[slice, slice], shape: tuple[int, int]) -> int:
    """Cells of a mask, which is that part of an image, along the image's border."""
    rows, columns = part
    length = mask[0].sum() * (rows.start == 0) + mask[-1].sum() * (rows.stop == shape[0])
    return int(
        length + mask[:, 0].sum() * (columns.start == 0) + mask[:, -1].sum() * (columns.stop == shape[1])
    )


def _distinct(chosen: np.ndarray, cells: np.ndarray) -> list[int]:
    """Positions of candidates (N,K) that are not nearly the same as an earlier one."""
    if not len(chosen):
        return []
    both = (chosen * cells).astype(float) @ chosen.T
    size = np.diag(both)
    same = both > SAME * (size[:, None] + size - both)
    kept: list[int] = []
    for n in range(len(chosen)):
        if not same[n, kept].any():
            kept.append(n)
    return kept
