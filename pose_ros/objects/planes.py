"""Planes that things stand on or against: tables, floors, shelves, walls, the inside of bins.

Blocks of cells are fitted by least squares in inverse depth, where planes are linear; the block whose plane
explains the largest area wins, takes its cells, and the next is sought. No chance is involved.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from pose_ros.objects.depth_grid import DepthGrid

BLOCK = 8  # cells
MOST_GUESSES = 160
SAMPLES = 4000  # cells that a plane is fitted to
SAME_NORMAL = 0.94  # cosine of about 20 degrees


@dataclass(frozen=True)
class Plane:
    """Points X with ``plane @ X = 1``. plane: (3,) 1/m. region: (h,w) bool cells that lie on it.

    bend: (h,w) 1/m that the camera sees it nearer than flat: depth cameras bend large planes a little.
    noise: sigma of inverse depth as found on it, 1/m.
    """

    plane: np.ndarray
    region: np.ndarray
    bend: np.ndarray
    noise: float

    @property
    def normal(self) -> np.ndarray:
        """(3,) unit, towards the camera."""
        return -self.plane / np.linalg.norm(self.plane)

    def height(self, grid: DepthGrid) -> np.ndarray:
        """Metres (h,w) above the plane, positive towards the camera; meaningless where there is no depth."""
        above = grid.inverse - grid.rays @ self.plane.astype(np.float32) - self.bend
        return above * grid.depth * np.float32(1 / np.linalg.norm(self.plane))

    def tolerance(self, grid: DepthGrid) -> np.ndarray:
        """Metres (h,w) above or below it that a point of the plane may seem to lie."""
        return np.float32(0.004) + grid.depth * np.float32(3 * self.noise / np.linalg.norm(self.plane))


def find_planes(grid: DepthGrid, least_area: float, most: int) -> list[Plane]:
    """Planes of at least `least_area` m² in sight, largest first."""
    if min(grid.shape) < BLOCK:
        return []
    blocks = _Blocks.of(grid)
    planes: list[Plane] = []
    rest = grid.valid
    free = blocks.is_flat.copy()
    fits = blocks.agreement()
    weights = fits.astype(np.float32)
    for _ in range(most):
        gain = weights @ (blocks.area * free).astype(np.float32)
        if not len(gain) or gain.max() < least_area / 3:
            break
        chosen = fits[gain.argmax()] & free
        plane = blocks.fit(chosen)
        for _ in range(4):
            chosen = blocks.on_plane(plane) & free
            if chosen.sum() < 3:
                break
            plane = blocks.fit(chosen)
        free &= ~blocks.on_plane(plane, 2.5) & ~fits[gain.argmax()]
        if blocks.area[chosen].sum() < least_area / 3:
            continue
        found = _on_cells(grid, rest, plane, least_area)
        if found is not None:
            planes.append(found)
            rest = rest & ~found.region
    return planes


@dataclass(frozen=True)
class _Blocks:
    """B blocks: normal equations (B,3,3), (B,3), (B,) of 1/z over the rays; middle (B,3) ray; plane (B,3)."""

    gram: np.ndarray
    moment: np.ndarray
    middle: np.ndarray
    inverse: np.ndarray
    plane: np.ndarray
    wide_plane: np.ndarray
    is_flat: np.ndarray
    is_wide_flat: np.ndarray
    area: np.ndarray
    noise: float

    @classmethod
    def of(cls, grid: DepthGrid) -> _Blocks:
        h, w = (size // BLOCK for size in grid.shape)
        cut = slice(0, h * BLOCK), slice(0, w * BLOCK)
        valid = grid.valid[cut]
        rays, inverse = grid.rays[cut].astype(np.float64), grid.inverse[cut].astype(np.float64)
        x, y, one = rays[..., 0] * valid, rays[..., 1] * valid, valid.astype(float)
        sums = np.stack([_sums(a) for a in (x * x, x * y, x, y * y, y, one,
                                            x * inverse, y * inverse, inverse, inverse**2)])  # fmt: skip
        # Three by three blocks together tell a plane better, for the guess.
        wide = np.stack([cv2.boxFilter(a, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
                         for a in sums])  # fmt: skip
        gram, moment, plane, rms, count = _solved(sums.reshape(10, -1))
        _, _, wide_plane, wide_rms, wide_count = _solved(wide.reshape(10, -1))
        bound = 1.7 * grid.noise + 0.0015 * (moment[:, 2] / np.maximum(count, 1)) ** 2
        is_flat = (count > 0.5 * BLOCK**2) & (rms < bound)
        is_wide_flat = is_flat & (wide_count > 4 * BLOCK**2) & (wide_rms < bound)
        middle = gram[:, 2] / np.maximum(count, 1)[:, None]
        middle_inverse = moment[:, 2] / np.maximum(count, 1)
        cosine = np.abs((plane * middle).sum(1)) / np.maximum(np.linalg.norm(plane, axis=1), 1e-9)
        side = 1 / (np.maximum(middle_inverse, 1e-3) * grid.focal)
        area = count * side**2 / np.maximum(cosine, 0.1)
        return cls(gram, moment, middle, middle_inverse, plane, wide_plane, is_flat, is_wide_flat, area,
                   grid.noise)  # fmt: skip

    def agreement(self) -> np.ndarray:
        """(G,B) bool: blocks that lie on the planes of the guesses."""
        guesses = np.flatnonzero(self.is_wide_flat)
        guesses = guesses[:: max(1, -(-len(guesses) // MOST_GUESSES))]
        return self.on_plane(self.wide_plane[guesses])

    def on_plane(self, plane: np.ndarray, slack: float = 1.0) -> np.ndarray:
        """(…,B) bool for planes (…,3); `slack` widens what counts as on it."""
        error = np.abs(plane @ self.middle.T - self.inverse)
        size, own = np.linalg.norm(plane, axis=-1, keepdims=True), np.linalg.norm(self.plane, axis=1)
        cosine = (plane @ self.plane.T) / np.maximum(size * own, 1e-9)
        near = error < slack * (3 * self.noise + 0.005 * self.inverse * size)
        return near & (cosine > 1 - slack * (1 - SAME_NORMAL)) & self.is_flat

    def fit(self, chosen: np.ndarray) -> np.ndarray:
        return np.linalg.lstsq(self.gram[chosen].sum(0), self.moment[chosen].sum(0), rcond=None)[0]


def _sums(values: np.ndarray) -> np.ndarray:
    h, w = values.shape
    return values.reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).sum((1, 3))


def _solved(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """Least squares from sums (10,B): normal equations, solutions, rms residual and count."""
    xx, xy, x, yy, y, count, xw, yw, w, ww = sums
    gram = np.stack([np.stack([xx, xy, x]), np.stack([xy, yy, y]), np.stack([x, y, count])])
    gram, moment = np.moveaxis(gram, -1, 0), np.stack([xw, yw, w], axis=-1)
    plane = np.linalg.solve(gram + 1e-9 * np.eye(3), moment[..., None])[..., 0]
    squares = np.maximum(ww - (plane * moment).sum(1), 0)
    return gram, moment, plane, np.sqrt(squares / np.maximum(count, 1)), count


def _on_cells(grid: DepthGrid, rest: np.ndarray, plane: np.ndarray, least_area: float) -> Plane | None:
    """The plane fitted once more, to those of the cells `rest` on it; None where too few hang together."""
    flat = np.zeros((1, 1), np.float32)
    found = Plane(plane, grid.valid, flat, 2 * grid.noise)
    upright = rest & (grid.normals @ found.normal.astype(np.float32) > SAME_NORMAL - 0.08)
    for _ in range(2):
        region = upright & (np.abs(found.height(grid)) < found.tolerance(grid))
        if region.sum() < 30:
            return None
        cells = np.flatnonzero(region)
        cells = cells[:: len(cells) // SAMPLES + 1]
        rays = grid.rays.reshape(-1, 3)[cells].astype(float)
        inverse = grid.inverse.ravel()[cells].astype(float)
        plane = np.linalg.lstsq(rays.T @ rays, rays.T @ inverse, rcond=None)[0]
        if np.linalg.norm(plane) < 1e-6:
            return None
        spread = 1.48 * np.median(np.abs(inverse - rays @ plane))
        found = Plane(plane, region, flat, float(np.clip(1.3 * spread, grid.noise, 2.5 * grid.noise)))
    residual = np.where(region, grid.inverse - grid.rays @ plane.astype(np.float32), 0)
    size = (grid.shape[1] // 10 | 1,) * 2
    weight = cv2.boxFilter(region.astype(np.float32), -1, size)
    bend = cv2.boxFilter(residual, -1, size) / np.maximum(weight, 0.05)
    found = Plane(plane, region, np.clip(bend, -2 * found.noise, 2 * found.noise), found.noise)
    height, tolerance = np.abs(found.height(grid)), found.tolerance(grid)
    region = rest & ((height < 0.5 * tolerance) | upright & (height < tolerance))
    areas = grid.areas(found.normal)
    region = _large_parts(region, areas, least_area / 4)
    return dataclasses.replace(found, region=region) if areas[region].sum() >= least_area else None


def _large_parts(region: np.ndarray, areas: np.ndarray, least_area: float) -> np.ndarray:
    """Without parts that hang together over less than an area: things that the plane only cuts."""
    count, labels = cv2.connectedComponents(region.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    area = np.bincount(labels[region], areas[region], minlength=count)
    return (area >= least_area)[labels] & region
