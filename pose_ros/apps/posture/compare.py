"""A movement against a reference take: a score, and which joint deviates when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.posture.angles import ANGLES
from pose_ros.apps.posture.movement import WEIGHT, Movement
from pose_ros.apps.posture.warping import warp
from pose_ros.errors import PoseError

# Mean angle between segments after alignment, rad, and how steeply the score falls about it: see `score_of`.
EVEN, STEEP = np.radians(15.0), 4.0
# What it costs to let one movement wait for the other, rad a frame: nobody matches by standing still.
STALL = np.radians(5.0)
UNKNOWN_COST = np.radians(30.0)  # of frames of which nothing is known
LEAST_KNOWN = 0.5  # share of segments


@dataclass(frozen=True)
class Comparison:
    """score 0 to 100 (`score_of`). distance rad: mean angle between segments, both movements aligned.
    path (L,2): frames of the reference and of the take that belong together. apart (N,S) rad, by frame of the
    reference and SEGMENTS; deviation (N,A) rad, take less reference, by ANGLES; NaN = unknown. tempo: how
    many times as fast as the reference the take is."""

    score: float
    distance: float
    path: np.ndarray
    apart: np.ndarray
    deviation: np.ndarray
    tempo: float

    def worst(self, count: int = 4, least_known: float = 0.8) -> list[tuple[str, float]]:
        """The angles that deviate most, and by how much (RMS, rad)."""
        known = np.isfinite(self.deviation).mean(axis=0) >= least_known
        rms = np.full(len(ANGLES), -1.0)
        rms[known] = np.sqrt(np.nanmean(self.deviation[:, known] ** 2, axis=0))
        order = np.argsort(-rms, kind="stable")[:count]
        return [(ANGLES[n], float(rms[n])) for n in order if rms[n] >= 0]

    @property
    def worst_moment(self) -> int:
        """The frame of the reference at which both are farthest apart."""
        return int(np.argmax(np.nan_to_num(mean_apart(self.apart), nan=-1.0)))


def compare(reference: Movement, take: Movement, open_ends: bool = True) -> Comparison:
    """open_ends: the take may begin before and end after what is the reference. Raises PoseError where
    hardly anything of either is known."""
    for name, movement in (("reference", reference), ("take", take)):
        known = np.isfinite(movement.directions).all(-1).mean() if len(movement) else 0.0
        if known < LEAST_KNOWN:
            raise PoseError(f"only {known:.0%} of the {name}'s segments are known: it cannot be compared")
    apart = angles_between(reference.directions, take.directions)
    cost = mean_apart(apart)
    path, _ = warp(np.where(np.isfinite(cost), cost, UNKNOWN_COST), open_ends, STALL)
    rows = len(reference)
    matched = apart[path[:, 0], path[:, 1]]
    differences = take.angles[path[:, 1]] - reference.angles[path[:, 0]]
    differences = np.angle(np.exp(1j * differences))
    by_frame = _mean_by(path[:, 0], matched, rows)
    distance = float(np.nanmean(mean_apart(by_frame)))
    start, end = path[0, 1], path[-1, 1]
    tempo = (rows - 1) / max(end - start, 1)
    deviation = _mean_by(path[:, 0], differences, rows)
    return Comparison(score_of(distance), distance, path, by_frame, deviation, float(tempo))


def score_of(distance: float) -> float:
    """0 to 100 from the mean angle between segments, rad.

    50 at EVEN, which tells synthetic people who repeat a movement from those who do another
    (`bench/motion.py`); 84 at two thirds of it, 24 at four thirds.
    """
    return float(100 / (1 + (distance / EVEN) ** STEEP))


def angles_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,M,S) rad between directions (N,S,3) and (M,S,3)."""
    cosine = np.einsum("nsi,msi->nms", first, second)
    return np.arccos(np.clip(cosine, -1, 1))


def mean_apart(apart: np.ndarray) -> np.ndarray:
    """(…,) weighted mean over the known of (…,S); NaN where less than half of them are known."""
    known = np.isfinite(apart)
    weight = WEIGHT * known
    total = weight.sum(-1)
    mean = np.sum(np.where(known, apart, 0.0) * weight, axis=-1) / np.where(total > 0, total, np.nan)
    return np.where(total >= LEAST_KNOWN * WEIGHT.sum(), mean, np.nan)


def _mean_by(rows: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """(count,C) mean of the known values (L,C) of each row."""
    known = np.isfinite(values)
    total, number = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(total, rows, np.where(known, values, 0.0))
    np.add.at(number, rows, known)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)
