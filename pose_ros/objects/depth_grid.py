"""What is seen, as inverse depth on a coarse grid: jumps, normals, folds.

Inverse depth suits depth cameras: their error in it is the same at any distance (in depth it grows with
z squared), and a plane is linear in it: points X with ``plane @ X = 1`` have ``1 / z = plane @ ray``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pose_ros.types import RGBDFrame

COLUMNS = 320  # of the grid, about
WINDOW = 7  # cells over which a slope is averaged
SLOPE_NOISE = 0.06  # sigma of such a slope where that of a cell is 1
FOLD_REACH = 4  # cells to either side between which a fold is measured
LEAST_JUMP = 0.008  # m
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True)
class DepthGrid:
    """Every `step`-th pixel of a frame, h x w cells.

    rays: (h,w,3) with z = 1. inverse: (h,w) 1/m, 0 = none. noise: sigma of inverse depth, 1/m.
    focal: px of the grid.
    """

    rays: np.ndarray
    inverse: np.ndarray
    step: int
    focal: float
    noise: float

    @classmethod
    def of(cls, frame: RGBDFrame, noise: float, far: float) -> DepthGrid:
        step = max(1, round(frame.camera.width / COLUMNS))
        inverse = inverse_of(frame.depth, far)
        coarse = inverse[::step, ::step].copy()
        # A hole of one pixel is bridged by its neighbour.
        for dv, du in ((0, 1), (1, 0), (1, 1)) if step > 1 else ():
            other = inverse[dv::step, du::step]
            part = coarse[: other.shape[0], : other.shape[1]]
            np.copyto(part, other, where=part == 0)
        coarse = _bridged(coarse, noise)
        rays = np.ascontiguousarray(frame.camera.ray_grid[::step, ::step])
        return cls(rays, coarse, step, frame.camera.fx / step, noise)

    @property
    def shape(self) -> tuple[int, int]:
        return self.inverse.shape

    @cached_property
    def valid(self) -> np.ndarray:
        return self.inverse > 0

    @cached_property
    def depth(self) -> np.ndarray:
        """(h,w) m, 0 = none."""
        return np.divide(1, self.inverse, out=np.zeros_like(self.inverse), where=self.valid)

    @cached_property
    def points(self) -> np.ndarray:
        """(h,w,3) m; the camera's own place where there is none."""
        return self.rays * self.depth[..., None]

    @cached_property
    def _steps(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Along columns and along rows: difference to the next cell, and whether it is no jump."""
        found = []
        for axis in (1, 0):
            here, there = _pair(self.inverse, axis)
            both = (here > 0) & (there > 0)
            difference = np.where(both, there - here, 0)
            bound = LEAST_JUMP * np.maximum(here, there) ** 2 + 4 * self.noise
            # A slope goes on before or behind for two more steps. A jump goes on in neither, nor does one in
            # two steps, with a pixel that saw half of each side in the middle.
            after = np.maximum(*(_change(difference, both, reach, axis) for reach in (1, 2)))
            before = np.maximum(*(_change(difference, both, -reach, axis) for reach in (1, 2)))
            bend = np.minimum(before, after)
            jump = (np.abs(difference) > bound) & (bend > bound)
            found.append((difference, both & ~jump))
        return tuple(found)

    @cached_property
    def linked(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether a cell's surface goes on in the next column (h,w-1), and in the next row (h-1,w)."""
        return self._steps[0][1], self._steps[1][1]

    @cached_property
    def normals(self) -> np.ndarray:
        """(h,w,3) unit, towards the camera; zero where there is none."""
        h, w = self.shape
        slopes = np.zeros((2, h, w), np.float32)
        for axis, ((difference, linked), slope) in enumerate(zip(self._steps, slopes, strict=True)):
            sums = np.zeros((h, w), np.float32)
            counts = np.zeros((h, w), np.float32)
            place = (slice(None), slice(0, w - 1)) if axis == 0 else (slice(0, h - 1), slice(None))
            sums[place], counts[place] = difference * linked, linked
            sums, counts = (cv2.boxFilter(a, -1, (WINDOW, WINDOW), normalize=False) for a in (sums, counts))
            np.divide(sums, counts, out=slope, where=counts > 0)
        # From slopes a cell to slopes a unit of ray.
        gx, gy = slopes * self.focal
        normals = np.stack(
            [-gx, -gy, gx * self.rays[..., 0] + gy * self.rays[..., 1] - self.inverse], axis=-1
        )
        length = np.sqrt(np.einsum("hwc,hwc->hw", normals, normals))
        normals /= np.maximum(length, 1e-9)[..., None]
        normals[~self.valid] = 0
        return normals

    def folds(self, least_angle: float) -> np.ndarray:
        """(h,w) bool: cells where the surface folds inwards (towards the camera) by more than the angle, rad.

        That is where one thing stands on or against another.
        """
        h, w = self.shape
        found = np.zeros((h, w), np.uint8)
        k = FOLD_REACH
        # Noise tilts normals, the more the farther away: six sigma, for errors of neighbours are alike.
        tilt = 6 * SLOPE_NOISE * self.noise * self.focal * self.depth
        least = np.cos(np.minimum(least_angle + tilt, 1.4)).astype(np.float32)
        points, normals, inverse = self.points, self.normals, self.inverse
        for dv, du in _DIRECTIONS:
            here = _shifted(h, w, dv * k, du * k)
            there = _shifted(h, w, -dv * k, -du * k)
            middle = _shifted(h, w, 0, 0, abs(dv * k), abs(du * k))
            a, b, m = inverse[here], inverse[there], inverse[middle]
            na, nb = normals[here], normals[there]
            turned = np.einsum("hwc,hwc->hw", na, nb) < least[middle]
            inward = np.einsum("hwc,hwc->hw", na - nb, points[here] - points[there]) < 0
            # Not across a jump: the middle lies between the sides, and the sides near each other.
            near = np.abs(a - b) < 2 * k * 3.0 / self.focal * m + 6 * self.noise
            found[middle] |= (turned & inward & near & (a > 0) & (b > 0) & (m > 0)).view(np.uint8)
        return found.view(bool)

    def areas(self, normal: np.ndarray) -> np.ndarray:
        """(h,w) m² of surface with this normal (3,) in each cell; at most 10 times that of a frontal one."""
        cosine = np.abs(self.rays @ normal.astype(np.float32))
        return (self.depth / np.float32(self.focal)) ** 2 / np.maximum(cosine, np.float32(0.1))


def inverse_of(depth: np.ndarray, far: float) -> np.ndarray:
    """Inverse depth float32, 1/m, of metres; 0 where there is none or it is beyond `far`."""
    with np.errstate(invalid="ignore"):
        usable = (depth > 0.05) & (depth < far)
    return np.divide(np.float32(1), depth, out=np.zeros(depth.shape, np.float32), where=usable)


def _bridged(inverse: np.ndarray, noise: float) -> np.ndarray:
    """Holes of a cell or two within one surface take the mean around them; those at jumps stay."""
    kernel = np.ones((5, 5), np.uint8)
    valid = (inverse > 0).astype(np.float32)
    count = cv2.boxFilter(valid, -1, (5, 5))
    high = cv2.dilate(inverse, kernel)
    low = cv2.erode(np.where(inverse > 0, inverse, np.float32(1e3)), kernel)
    fill = (inverse == 0) & (count > 0.5) & (high - low < 0.02 * high**2 + 6 * noise)
    return np.where(fill, cv2.boxFilter(inverse, -1, (5, 5)) / np.maximum(count, 0.1), inverse)


def _change(steps: np.ndarray, known: np.ndarray, reach: int, axis: int) -> np.ndarray:
    """How much the step so far on differs from each; infinite where either is not known."""
    size = steps.shape[axis]
    here, there = [slice(None)] * 2, [slice(None)] * 2
    here[axis] = slice(max(-reach, 0), size - max(reach, 0))
    there[axis] = slice(max(reach, 0), size + min(reach, 0))
    here, there = tuple(here), tuple(there)
    change = np.full(steps.shape, np.inf, np.float32)
    change[here] = np.where(known[here] & known[there], np.abs(steps[there] - steps[here]), np.inf)
    return change


def _pair(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    return (values[:-1], values[1:]) if axis == 0 else (values[:, :-1], values[:, 1:])


def _shifted(h: int, w: int, dv: int, du: int, pad_v: int | None = None, pad_u: int | None = None):
    """The part of an image that lies (dv, du) from the cells at least |dv|, |du| inside of it."""
    pad_v, pad_u = abs(dv) if pad_v is None else pad_v, abs(du) if pad_u is None else pad_u
    return slice(pad_v + dv, max(h - pad_v + dv, 0)), slice(pad_u + du, max(w - pad_u + du, 0))
