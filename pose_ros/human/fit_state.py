"""What the kinematic fit is told to do, and what it remembers of one person."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.config import option
from pose_ros.human.flesh import FAMILIES, FAMILY_SIGMA, FITTED, GIRTH_SIGMA, GIRTHS, SHAPE_SIGMA, SIZE_SIGMA

K, S, G = len(FITTED), len(FAMILIES), len(GIRTHS)


@dataclass(frozen=True)
class FitConfig:
    iterations: int = option(3, "Gauss-Newton steps a frame", range=(1, 50))
    surface_sigma: float = option(0.015, "of the skin about its capsule", unit="m", range=(0.001, 0.1))
    surface_points: float = option(
        2.0, "points that say as much as all of one part: neighbours err alike", range=(0.1, 1000.0)
    )
    surface_reach: float = option(
        0.05, "surfaces much farther off than this are something else", unit="m", range=(0.01, 0.5)
    )
    keypoint_sigma: float = option(0.025, "of a key point, at the person", unit="m", range=(0.001, 0.5))
    shape_sigma: float = option(0.08, "of the network's shape, a bone", unit="m", range=(0.001, 1.0))
    rough_sigma: float = option(0.25, "of the lifted key points", unit="m", range=(0.001, 5.0))
    motion_sigma: float = option(
        1.5, "of how much a joint's velocity changes from frame to frame", unit="m/s", range=(0.01, 50.0)
    )
    learn: float = option(
        30.0, "frames that say as much of a person's size as one whose errors were its own", range=(1.0, 1e6)
    )


@dataclass
class BodyState:
    """What is remembered of one person. xyz (21,3) m, velocity (21,3) m/s, sizes (S+G,): lengths by family
    and girths, 1 = usual, with their covariance."""

    xyz: np.ndarray | None = None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros((K, 3)))
    stamp: float = 0.0
    sizes: np.ndarray = field(default_factory=lambda: np.ones(S + G))
    sizes_covariance: np.ndarray = field(default_factory=lambda: _usual_sizes())


def _usual_sizes() -> np.ndarray:
    covariance = np.zeros((S + G, S + G))
    covariance[:S, :S] = SIZE_SIGMA**2 + FAMILY_SIGMA**2 * np.eye(S)
    covariance[S:, S:] = GIRTH_SIGMA**2 + SHAPE_SIGMA**2 * np.eye(G)
    return covariance
