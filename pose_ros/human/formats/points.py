"""Key points of one skeleton as those of another, 2D and 3D alike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pose_ros.errors import ConfigError, unknown
from pose_ros.human.formats.skeletons import POINT_FORMATS
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin


def convert_2d(keypoints: Keypoints2D, name: str) -> Keypoints2D:
    """The same people in the skeleton `name`; what the estimator does not see is NaN with score 0.

    A mean of pixels stands for a mean of points: exact as far as the joints are at one depth.
    """
    weights = _weights(name, keypoints.skeleton)
    known = _known(~np.isnan(keypoints.xy).any(axis=-1), weights)
    root = keypoints.xyz_root
    return Keypoints2D(
        _mean(keypoints.xy, weights, known),
        _least(keypoints.score, weights, known),
        keypoints.box_xyxy,
        POINT_FORMATS[name].skeleton,
        None if root is None else _mean(root, weights, known),
    )


def convert_3d(keypoints: Keypoints3D, name: str) -> Keypoints3D:
    """The same people in the skeleton `name`; a joint that lacks one of its sources is UNKNOWN.

    A mean has the least score of its sources and the least direct of their origins. Its covariance is the
    bound that holds however their errors are correlated, Σ|w| · Σ |w| C: in depth, neighbours are mostly
    wrong together, so that averaging does not better them.
    """
    weights = _weights(name, keypoints.skeleton)
    known = _known(keypoints.origin != Origin.UNKNOWN, weights)
    size = np.abs(weights) * np.abs(weights).sum(axis=1, keepdims=True)
    covariance = np.einsum("jk,nkab->njab", size, np.nan_to_num(keypoints.covariance))
    origin = np.where(weights != 0, keypoints.origin[:, None], 0).max(axis=-1)
    return Keypoints3D(
        _mean(keypoints.xyz, weights, known),
        _least(keypoints.score, weights, known),
        np.where(known[..., None, None], covariance, np.nan),
        np.where(known, origin, Origin.UNKNOWN),
        POINT_FORMATS[name].skeleton,
    )


def missing(keypoints: Keypoints2D | Keypoints3D) -> dict[str, int]:
    """{joint: of how many of these people it is unknown}, of the joints of which it is."""
    places = keypoints.xyz if isinstance(keypoints, Keypoints3D) else keypoints.xy
    counts = np.isnan(places).any(axis=-1).sum(axis=0).tolist()
    return {joint: n for joint, n in zip(keypoints.skeleton.joints, counts, strict=True) if n}


@lru_cache
def _weights(name: str, skeleton: Skeleton) -> np.ndarray:
    """(J,K): the format's joints as means of those of `skeleton`; a row of zeros for what that lacks."""
    if name not in POINT_FORMATS:
        raise ConfigError(unknown("skeleton", name, POINT_FORMATS))
    format = POINT_FORMATS[name]
    weights = np.zeros((len(format.skeleton), len(skeleton)))
    for row, joint in zip(weights, format.joints, strict=True):
        sources = format.sources(joint)
        if all(source in skeleton.joints for source in sources):
            row[skeleton.indices(*sources)] = list(sources.values())
    return weights


def _known(is_known: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(N,J): has the joint sources, and are they all known (N,K)?"""
    used = weights != 0
    return used.any(axis=-1) & ~(used & ~is_known[:, None]).any(axis=-1)


def _mean(points: np.ndarray, weights: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known[..., None], weights @ np.nan_to_num(points), np.nan)


def _least(score: np.ndarray, weights: np.ndarray, known: np.ndarray) -> np.ndarray:
    return np.where(known, np.where(weights != 0, score[:, None], np.inf).min(axis=-1), 0.0)
