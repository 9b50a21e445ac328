"""Key points of people: in the image, and in space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pose_ros.errors import ShapeError
from pose_ros.shapes import check_shape
from pose_ros.skeleton import Skeleton


@dataclass(frozen=True)
class Keypoints2D:
    """What an estimator sees in one image, N people of K joints.

    xy: (N,K,2) px of the input image. score: (N,K) in [0,1]. box_xyxy: (N,4) px.
    xyz_root: optional (N,K,3) m relative to the mid-hip, axes of the optical frame.
    mask: optional (N,H,W) bool, the pixels of each person that are in sight.
    """

    xy: np.ndarray
    score: np.ndarray
    box_xyxy: np.ndarray
    skeleton: Skeleton
    xyz_root: np.ndarray | None = None
    mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        people, joints = len(self.xy), len(self.skeleton)
        check_shape("xy", self.xy, (people, joints, 2))
        check_shape("score", self.score, (people, joints))
        check_shape("box_xyxy", self.box_xyxy, (people, 4))
        if self.xyz_root is not None:
            check_shape("xyz_root", self.xyz_root, (people, joints, 3))
        if self.mask is not None:
            check_shape("mask", self.mask, (people, "H", "W"))

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Keypoints2D:
        k = len(skeleton)
        return cls(np.zeros((0, k, 2)), np.zeros((0, k)), np.zeros((0, 4)), skeleton, np.zeros((0, k, 3)))

    def __len__(self) -> int:
        return len(self.xy)

    def joined(self, other: Keypoints2D) -> Keypoints2D:
        """These people and then the others, who must be of the same skeleton and kind."""
        return Keypoints2D(
            np.concatenate([self.xy, other.xy]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.box_xyxy, other.box_xyxy]),
            self.skeleton,
            _both(self.xyz_root, other.xyz_root),
            _both(self.mask, other.mask),
        )

    def select(self, chosen: np.ndarray | list[int]) -> Keypoints2D:
        """The people at these positions, in this order."""
        chosen = np.asarray(chosen, dtype=int)
        root = None if self.xyz_root is None else self.xyz_root[chosen]
        mask = None if self.mask is None else self.mask[chosen]
        return Keypoints2D(
            self.xy[chosen], self.score[chosen], self.box_xyxy[chosen], self.skeleton, root, mask
        )


def _both(first: np.ndarray | None, then: np.ndarray | None) -> np.ndarray | None:
    return None if first is None or then is None else np.concatenate([first, then])


class Origin(IntEnum):
    """Where a 3D joint comes from."""

    UNKNOWN = 0  # no position: xyz is NaN
    MEASURED = 1  # depth on the joint itself
    INFERRED = 2  # from the other joints and the network's root-relative shape
    PREDICTED = 3  # from earlier frames


@dataclass(frozen=True)
class Keypoints3D:
    """N people of K joints in the camera's optical frame.

    xyz: (N,K,3) m, NaN = unknown. score: (N,K) in [0,1]. covariance: (N,K,3,3) m².
    origin: (N,K) of Origin; UNKNOWN exactly where xyz is NaN.
    """

    xyz: np.ndarray
    score: np.ndarray
    covariance: np.ndarray
    origin: np.ndarray
    skeleton: Skeleton

    def __post_init__(self) -> None:
        people, joints = len(self.xyz), len(self.skeleton)
        check_shape("xyz", self.xyz, (people, joints, 3))
        check_shape("score", self.score, (people, joints))
        check_shape("covariance", self.covariance, (people, joints, 3, 3))
        check_shape("origin", self.origin, (people, joints))
        if np.any(np.isnan(self.xyz).any(-1) != (self.origin == Origin.UNKNOWN)):
            raise ShapeError("origin must be UNKNOWN exactly where xyz is NaN")

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Keypoints3D:
        k = len(skeleton)
        return cls(
            np.zeros((0, k, 3)),
            np.zeros((0, k)),
            np.zeros((0, k, 3, 3)),
            np.zeros((0, k), np.uint8),
            skeleton,
        )

    def __len__(self) -> int:
        return len(self.xyz)

    def select(self, chosen: np.ndarray | list[int]) -> Keypoints3D:
        """The people at these positions, in this order."""
        chosen = np.asarray(chosen, dtype=int)
        return Keypoints3D(
            self.xyz[chosen], self.score[chosen], self.covariance[chosen], self.origin[chosen], self.skeleton
        )
