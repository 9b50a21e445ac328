"""Segmentation of things from depth alone: what sticks out of the planes that things stand on."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from pose_ros.config import option
from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.pieces import absorbed, cut_apart, openness, unions
from pose_ros.objects.planes import Plane, find_planes
from pose_ros.types import Detections2D, RGBDFrame

LEAST_CELLS = 25  # of the coarse grid, for a thing
CARRIES = 0.5  # share of a plane's outline that makes it something to stand on
LEVEL = 0.006  # m: a smaller step into a hole is none
SMALL = 40  # cells at which the score is halved
SAME = 0.9  # intersection over union at which two candidates are one
BESIDE = 31  # cells: half of it is as far as a plane explains what lies beside it
CLOSING = 7  # cells: gaps without depth that are closed


@dataclass(frozen=True)
class SegmentConfig:
    far: float = option(3.0, "Nothing beyond this depth is segmented", unit="m", range=(0.3, 20.0))
    noise: float = option(
        0.0015, "Depth noise (sigma) at 1 m; it grows with depth squared", unit="m", range=(0.0001, 0.05)
    )
    min_size: float = option(0.02, "Least length of a thing", unit="m", range=(0.003, 1.0))
    max_size: float = option(0.5, "Greatest length of a thing", unit="m", range=(0.02, 5.0))
    min_support_area: float = option(
        0.03, "A plane with less in sight is no table, floor or wall", unit="m²", range=(0.001, 10.0)
    )
    max_planes: int = option(8, "Planes looked for", range=(0, 30))
    fold_angle: float = option(
        40.0, "An inward fold sharper than this parts touching things", unit="degrees", range=(5.0, 80.0)
    )
    min_score: float = option(0.1, "Candidates that score less are left out", range=(0.0, 1.0))
    max_candidates: int = option(40, "Best candidates kept", range=(1, 200))


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
        return _at_full_size(frame, grid, pieces, candidates)

    def _support(self, grid: DepthGrid, plane: Plane) -> Plane:
        """The plane without parts that are faces of things.

        A part is kept that is too large for a thing, or that what is around it stands on or against.
        """
        count, parts = cv2.connectedComponents(plane.region.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
        boxes = _boxes(parts, count - 1)
        height, tolerance = plane.height(grid), plane.tolerance(grid)
        region = np.zeros(grid.shape, bool)
        for number in range(1, count):
            place = _part(boxes[number : number + 1], grid.shape, 0)
            part = parts[place] == number
            if _extent(grid.points[place][part]) <= self.config.max_size:
                wide = _part(boxes[number : number + 1], grid.shape, 4)
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
        boxes = _boxes(pieces, count)
        found = []
        for union, fit in unions(grid, pieces).items():
            chosen = np.zeros(count + 1, bool)
            chosen[list(union)] = True
            size = cells[chosen].sum()
            if size < LEAST_CELLS:
                continue
            part = _part(boxes[chosen], grid.shape, 3)
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


def _boxes(pieces: np.ndarray, count: int) -> np.ndarray:
    """(count + 1,4): first and last row, first and last column of each piece; row 0 is of no piece."""
    boxes = np.zeros((count + 1, 4), int)
    for number, found in enumerate(ndimage.find_objects(pieces, count), 1):
        if found is not None:
            boxes[number] = found[0].start, found[0].stop - 1, found[1].start, found[1].stop - 1
    return boxes


def _part(boxes: np.ndarray, shape: tuple[int, int], margin: int) -> tuple[slice, slice]:
    """The part of an image that holds all the boxes and a margin."""
    top, left = boxes[:, 0].min() - margin, boxes[:, 2].min() - margin
    bottom, right = boxes[:, 1].max() + margin + 1, boxes[:, 3].max() + margin + 1
    return slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1]))


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


def _at_full_size(
    frame: RGBDFrame, grid: DepthGrid, pieces: np.ndarray, candidates: list[tuple[np.ndarray, float]]
) -> Detections2D:
    """Masks at the frame's own size, their holes and gaps without depth filled."""
    height, width = frame.depth.shape
    if not candidates:
        return Detections2D.empty(height, width)
    step = grid.step
    size = CLOSING * grid.shape[1] // 320 | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    boxes = _boxes(pieces, int(pieces.max()))
    known = frame.depth > 0  # NaN compares false
    masks = np.zeros((len(candidates), height, width), bool)
    for mask, (chosen, _) in zip(masks, candidates, strict=True):
        part = _part(boxes[chosen], grid.shape, size)
        own = chosen[pieces[part]].view(np.uint8)
        wide = cv2.copyMakeBorder(own, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
        closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, kernel)[size:-size, size:-size]
        filled = _without_holes(own | (closed & ~grid.valid[part]), grid.depth[part])
        place = tuple(slice(s.start * step, s.stop * step) for s in part)
        target = mask[place]
        own, filled = (_enlarged(a, step, target.shape) for a in (own > 0, filled))
        # Of what was closed, nothing that is seen; of the thing itself, what a coarser cell did not see.
        target[:] = own | filled & ~known[place] | filled & _enlarged(grid.valid[part], step, target.shape)
    return Detections2D(masks, ("",) * len(masks), np.array([score for _, score in candidates]))


def _enlarged(mask: np.ndarray, step: int, shape: tuple[int, int]) -> np.ndarray:
    return np.repeat(np.repeat(mask, step, axis=0), step, axis=1)[: shape[0], : shape[1]]


def _without_holes(mask: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Holes are closed if they are small or what is seen in them goes on from around them, as in a bowl.

    What is seen through a mug's handle is farther away, and not the mug.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    filled = mask > 0
    total = int(mask.sum())
    for hole in range(1, count):
        left, top, width, height, area = stats[hole]
        inner = left > 0 and top > 0 and left + width < mask.shape[1] and top + height < mask.shape[0]
        if not inner or area > 2 * total:
            continue
        part = slice(max(top - 2, 0), top + height + 2), slice(max(left - 2, 0), left + width + 2)
        cells = labels[part] == hole
        if area < 0.01 * total or _goes_on(cells, mask[part] > 0, depth[part]):
            filled[part] |= cells
    return filled


def _goes_on(hole: np.ndarray, mask: np.ndarray, depth: np.ndarray) -> bool:
    """Along enough of its edge, what is seen in a hole is as far as what is around it.

    The bottom of a bowl meets its far wall; behind a handle there is a jump on all sides.
    """
    kernel = np.ones((5, 5), np.uint8)
    own = mask & (depth > 0)
    far = cv2.dilate(np.where(own, depth, 0), kernel)
    near = cv2.erode(np.where(own, depth, np.float32(1e3)), kernel)
    edge = hole & (far > 0)
    known = edge & (depth > 0)
    if known.sum() < 0.3 * edge.sum():
        return True  # nothing is known of it: where a camera sees nothing there is more often a thing
    level = known & (depth > near - LEVEL) & (depth < far + LEVEL)
    return bool(level.sum() > 0.3 * known.sum())
