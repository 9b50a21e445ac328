"""The light of a scene, guessed from one picture and its depth, so that virtual things look lit by it.

What shines back from a dull surface is its albedo times an ambient part plus a directed part that falls with
the cosine to the light (Lambert 1760). Albedos are unknown; they are taken to be the same on the average
whichever way a surface is turned, and grey (Buchsbaum, "A spatial processor model for object colour
perception", 1980). So the medians of surfaces that are turned alike tell how light depends on the normal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np

from pose_ros.apps.ar.colour import to_light
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import rotation_exp

CELL = 8  # px: picture and depth are averaged over squares of this size
FILLED = 0.6  # of a square must have depth
STEEP = 0.08  # relative difference of neighbours' depth that is an edge, no surface
CLIPPED = 250  # brighter or (at most 4) darker says nothing of the light
BINS, LEAST_BINS, FULL_BIN = 12, 4, 60  # a side of the grid of normals; bins needed; squares of a sure bin
ALBEDO = 0.18  # of an average scene, which cameras are set to
USUAL_AMBIENT, USUAL_DIRECTED = 0.5, 0.8  # of a scene's mean, where the picture does not tell
# A scene has about so many surfaces whose albedos are independent, and light comes from above so surely.
SURFACES, ABOVENESS = 8.0, 4.0
PERFECT = 2e-4  # variance of a fit, relative to the mean light squared, that is as good as exact
STRENGTH, TINT = (0.15, 1.6), (0.75, 1.33)  # what is believed of brightness and of colour
ABOVE = np.array([-0.35, -0.75, -0.55]) / np.linalg.norm([-0.35, -0.75, -0.55])  # over the camera's shoulder


@dataclass(frozen=True)
class Light:
    """direction (3,): unit, towards the light, optical frame. ambient, directed (3,): what a white surface
    sends back, rgb, linear, 1 = the picture's white.
    """

    direction: np.ndarray
    ambient: np.ndarray
    directed: np.ndarray

    @classmethod
    def usual(cls) -> Light:
        return cls(ABOVE, np.full(3, USUAL_AMBIENT), np.full(3, USUAL_DIRECTED))

    def on(self, normals: np.ndarray) -> np.ndarray:
        """Light (…,3) that white surfaces of unit normals (…,3) send back."""
        cosine = (normals @ self.direction).clip(0, None)
        return self.ambient + cosine[..., None] * self.directed

    def turned(self, rotation: np.ndarray) -> Light:
        """The same in other axes."""
        return Light(rotation @ self.direction, self.ambient, self.directed)

    def towards(self, other: Light, share: float) -> Light:
        direction = (1 - share) * self.direction + share * other.direction
        length = np.linalg.norm(direction)
        return Light(
            direction / length if length > 1e-3 else other.direction,
            (1 - share) * self.ambient + share * other.ambient,
            (1 - share) * self.directed + share * other.directed,
        )


def estimate_light(rgb: np.ndarray, depth: np.ndarray, camera: PinholeCamera) -> Light:
    """Of a picture (H,W,3) uint8 with depth (H,W) m, NaN = none. Where it tells nothing: the usual light, as
    bright and as coloured as the picture.
    """
    colours, light, normals = _surfaces(rgb, depth, camera)
    mean = to_light(colours).mean((0, 1)).astype(float)
    normal, light, weight = _binned(normals, light)
    if len(normal) < LEAST_BINS:
        usual = Light(ABOVE, np.full(3, USUAL_AMBIENT), np.full(3, USUAL_DIRECTED))
        return _scaled(usual, 0.5, mean)
    scale = np.average(light.mean(1), weights=weight)
    direction, weight, misfit = _direction(normal, light.mean(1) / scale, weight)
    ambient, directed = _amounts(direction[None], normal, light / scale, weight, misfit)[0]
    cosine = np.average((normal @ direction).clip(0, None), weights=weight)
    return _scaled(Light(direction, ambient, directed), cosine, mean)


def _scaled(light: Light, cosine: float, mean: np.ndarray) -> Light:
    """As it must be for surfaces that have `cosine` to it on the average to make a picture whose `mean` (3,)
    is that, within bounds of brightness and colour.
    """
    grey = max(mean.mean(), 1e-4)
    wanted = np.clip(grey / ALBEDO, *STRENGTH) * (mean / grey).clip(*TINT)
    factor = wanted / np.maximum(light.ambient + cosine * light.directed, 1e-6)
    return Light(light.direction, light.ambient * factor, light.directed * factor)


def _surfaces(
    rgb: np.ndarray, depth: np.ndarray, camera: PinholeCamera
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picture in small squares (h,w,3) uint8; light (M,3) and unit normals (M,3) towards the camera of
    those that are smooth surface.
    """
    size = camera.width // CELL, camera.height // CELL
    known = np.isfinite(depth) & (depth > 0)
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(np.where(known, depth, np.float32(0)), size, interpolation=cv2.INTER_AREA)
    z = np.where(share > FILLED, total / np.maximum(share, 1e-6), np.nan)
    row, column = (np.arange(n) for n in z.shape)
    step = np.array([camera.width / size[0], camera.height / size[1]])
    middle = (np.stack(np.meshgrid(column, row), axis=-1) + 0.5) * step - 0.5
    points = camera.rays(middle) * z[..., None]
    across, down = points[1:-1, 2:] - points[1:-1, :-2], points[2:, 1:-1] - points[:-2, 1:-1]
    normals = np.cross(down, across)
    length = np.linalg.norm(normals, axis=-1)
    z = z[1:-1, 1:-1]
    with np.errstate(invalid="ignore"):
        smooth = (np.maximum(np.abs(across[..., 2]), np.abs(down[..., 2])) < 2 * STEEP * z) & (length > 0)
    colours = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    inner = colours[1:-1, 1:-1]
    good = smooth & (inner.max(-1) < CLIPPED) & (inner.max(-1) > 255 - CLIPPED)
    return colours, to_light(inner[good]).astype(float), normals[good] / length[good][:, None]


def _binned(normals: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean normals (B,3) and median light (B,3) of surfaces that are turned alike, and their weights (B,)."""
    if not len(normals):
        return np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0)
    cell = ((normals[:, :2] + 1) / 2 * BINS).astype(int).clip(0, BINS - 1) @ (BINS, 1)
    order = np.argsort(cell, kind="stable")
    edges = np.flatnonzero(np.diff(cell[order], prepend=-1, append=BINS**2))
    mean, median, weight = [], [], []
    for start, end in pairwise(edges):
        rows = order[start:end]
        if len(rows) >= 3:
            mean.append(normals[rows].mean(0))
            median.append(np.median(light[rows], axis=0))
            weight.append(min(len(rows) / FULL_BIN, 1.0))
    mean = np.reshape(mean, (-1, 3))
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    return mean, np.reshape(median, (-1, 3)), np.array(weight)


def _direction(
    normal: np.ndarray, grey: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Direction of the light, weights (B,) of the bins by how far they fit, and the variance of the fit.

    First among directions all around, then twice among nearer ones. What fits badly leaves the word to what
    is usual: the likelihood is that of SURFACES surfaces whose albedos vary as the fit is wrong.
    """
    candidates, fitting, misfit = _sphere(300), weight, None
    best = ABOVE
    for cone in (0.3, 0.08, 0.02):
        amounts = _amounts(candidates, normal, grey[:, None], fitting, misfit or PERFECT)
        error = _predicted(candidates, normal, amounts)[..., 0] - grey
        wrong = error**2 @ fitting / fitting.sum()
        misfit = misfit or wrong.min() + PERFECT
        cost = SURFACES / 2 * wrong / misfit + ABOVENESS * (1 - candidates @ ABOVE)
        best, error = candidates[cost.argmin()], np.abs(error[cost.argmin()])
        # Cauchy's weights: a black coat is no shadow.
        fitting = weight / (1 + (error / max(3 * np.median(error), 0.04)) ** 2)
        candidates = _cone(best, cone)
    return best, fitting, misfit


def _predicted(directions: np.ndarray, normal: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    cosine = (directions @ normal.T).clip(0, None)
    return amounts[:, 0, None] + cosine[..., None] * amounts[:, 1, None]


def _amounts(
    directions: np.ndarray, normal: np.ndarray, light: np.ndarray, weight: np.ndarray, pull: float
) -> np.ndarray:
    """Ambient and directed amounts (L,2,C) that fit light (B,C) best for each direction (L,3), none negative;
    pull: towards the usual ones.
    """
    cosine, weight = (directions @ normal.T).clip(0, None), weight / weight.sum()
    one, c, cc = 1.0 + pull, cosine @ weight, (cosine**2) @ weight + pull
    mean = light.T @ weight
    y = mean + pull * USUAL_AMBIENT * mean
    cy = np.einsum("lb,b,bc->lc", cosine, weight, light) + pull * USUAL_DIRECTED * mean
    determinant = (one * cc - c * c)[:, None]
    ambient = (cc[:, None] * y - c[:, None] * cy) / determinant
    directed = (one * cy - c[:, None] * y) / determinant
    only_directed = ambient < 0
    ambient = np.where(only_directed, 0, np.where(directed < 0, y / one, ambient))
    directed = np.where(only_directed, cy / cc[:, None], directed.clip(0, None))
    return np.stack([ambient, directed], axis=1)


@cache
def _sphere(count: int) -> np.ndarray:
    """Directions (count,3) spread evenly: a Fibonacci lattice."""
    n = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * n / count), np.pi * (1 + 5**0.5) * n
    return np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)


def _cone(axis: np.ndarray, angle: float, count: int = 120) -> np.ndarray:
    """Directions about `axis`, itself first, up to `angle` rad away."""
    side = np.cross(axis, np.eye(3)[np.abs(axis).argmin()])
    side /= np.linalg.norm(side)
    n = np.arange(count)
    turn, away = np.pi * (1 + 5**0.5) * n, angle * np.sqrt(n / count)
    across = np.cos(turn)[:, None] * side + np.sin(turn)[:, None] * np.cross(axis, side)
    return rotation_exp(away[:, None] * across) @ axis


class LightTracker:
    """The light over time: looked at five times a second, followed slowly, so that nothing flickers."""

    EVERY_NS, SETTLES_NS = 200_000_000, 1_000_000_000

    def __init__(self) -> None:
        self.light: Light | None = None
        self._stamp_ns = 0

    def reset(self) -> None:
        self.light = None

    def __call__(self, rgb: np.ndarray, depth: np.ndarray, camera: PinholeCamera, stamp_ns: int) -> Light:
        passed = stamp_ns - self._stamp_ns
        if self.light is None or not 0 <= passed < 5 * self.SETTLES_NS:
            self.light, self._stamp_ns = estimate_light(rgb, depth, camera), stamp_ns
        elif passed >= self.EVERY_NS:
            share = 1 - np.exp(-passed / self.SETTLES_NS)
            self.light = self.light.towards(estimate_light(rgb, depth, camera), share)
            self._stamp_ns = stamp_ns
        return self.light
