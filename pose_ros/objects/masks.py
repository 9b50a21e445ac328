"""Masks at the size of the frame, from pieces on the coarse grid."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.types import Detections2D, RGBDFrame

CLOSING = 7  # cells: gaps without depth that are closed
LEVEL = 0.006  # m: a smaller step into a hole is none


def at_full_size(
    frame: RGBDFrame, grid: DepthGrid, pieces: np.ndarray, candidates: list[tuple[np.ndarray, float]]
) -> Detections2D:
    """Masks at the frame's own size, their holes and gaps without depth filled."""
    height, width = frame.depth.shape
    if not candidates:
        return Detections2D.empty(height, width)
    step = grid.step
    size = CLOSING * grid.shape[1] // 320 | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    boxes = boxes_of(pieces, int(pieces.max()))
    known = frame.depth > 0  # NaN compares false
    masks = np.zeros((len(candidates), height, width), bool)
    for mask, (chosen, _) in zip(masks, candidates, strict=True):
        part = part_of(boxes[chosen], grid.shape, size)
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


def boxes_of(pieces: np.ndarray, count: int) -> np.ndarray:
    """(count + 1,4): first and last row, first and last column of each piece; row 0 is of no piece."""
    boxes = np.zeros((count + 1, 4), int)
    for number, found in enumerate(ndimage.find_objects(pieces, count), 1):
        if found is not None:
            boxes[number] = found[0].start, found[0].stop - 1, found[1].start, found[1].stop - 1
    return boxes


def part_of(boxes: np.ndarray, shape: tuple[int, int], margin: int) -> tuple[slice, slice]:
    """The part of an image that holds all the boxes and a margin."""
    top, left = boxes[:, 0].min() - margin, boxes[:, 2].min() - margin
    bottom, right = boxes[:, 1].max() + margin + 1, boxes[:, 3].max() + margin + 1
    return slice(max(top, 0), min(bottom, shape[0])), slice(max(left, 0), min(right, shape[1]))
