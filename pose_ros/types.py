"""The nouns that travel down the street: frozen, shapes checked on construction, empty() for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pose_ros.errors import FrameError, ShapeError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.shapes import check_shape
from pose_ros.skeleton import Skeleton


@dataclass(frozen=True)
class RGBDFrame:
    """One colour image with its depth.

    rgb: (H,W,3) uint8. depth: (H,W) float32 metres along the optical axis, NaN = none, registered
    to rgb. stamp_ns: the exposure's own time. frame_id: the optical frame (REP-103).
    """

    rgb: np.ndarray
    depth: np.ndarray
    camera: PinholeCamera
    stamp_ns: int
    frame_id: str

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        if self.rgb.shape != (*size, 3) or self.rgb.dtype != np.uint8:
            raise FrameError(
                f"rgb is {self.rgb.dtype} {self.rgb.shape}, the camera says uint8 {(*size, 3)}: "
                "is this camera_info of another stream or resolution?"
            )
        if self.depth.shape != size or self.depth.dtype != np.float32:
            raise FrameError(
                f"depth is {self.depth.dtype} {self.depth.shape}, the camera says float32 {size}: "
                "depth must be in metres and registered to rgb"
            )


@dataclass(frozen=True)
class Keypoints2D:
    """What an estimator sees in one image, N people of K joints.

    xy: (N,K,2) px of the input image. score: (N,K) in [0,1]. box_xyxy: (N,4) px.
    xyz_root: optional (N,K,3) m relative to the mid-hip, axes of the optical frame.
    """

    xy: np.ndarray
    score: np.ndarray
    box_xyxy: np.ndarray
    skeleton: Skeleton
    xyz_root: np.ndarray | None = None

    def __post_init__(self) -> None:
        people, joints = len(self.xy), len(self.skeleton)
        check_shape("xy", self.xy, (people, joints, 2))
        check_shape("score", self.score, (people, joints))
        check_shape("box_xyxy", self.box_xyxy, (people, 4))
        if self.xyz_root is not None:
            check_shape("xyz_root", self.xyz_root, (people, joints, 3))

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Keypoints2D:
        k = len(skeleton)
        return cls(np.zeros((0, k, 2)), np.zeros((0, k)), np.zeros((0, 4)), skeleton, np.zeros((0, k, 3)))

    def __len__(self) -> int:
        return len(self.xy)

    def joined(self, other: Keypoints2D) -> Keypoints2D:
        """These people and then the others, who must be of the same skeleton and kind."""
        both = self.xyz_root is not None and other.xyz_root is not None
        return Keypoints2D(
            np.concatenate([self.xy, other.xy]),
            np.concatenate([self.score, other.score]),
            np.concatenate([self.box_xyxy, other.box_xyxy]),
            self.skeleton,
            np.concatenate([self.xyz_root, other.xyz_root]) if both else None,
        )

    def select(self, chosen: np.ndarray | list[int]) -> Keypoints2D:
        """The people at these positions, in this order."""
        chosen = np.asarray(chosen, dtype=int)
        root = None if self.xyz_root is None else self.xyz_root[chosen]
        return Keypoints2D(self.xy[chosen], self.score[chosen], self.box_xyxy[chosen], self.skeleton, root)


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


class TrackState(IntEnum):
    TENTATIVE = 0  # seen too few times to be believed
    TRACKED = 1  # seen in this frame
    LOST = 2  # not seen in this frame, kept for re-entry


@dataclass(frozen=True)
class Person:
    """One tracked person.

    keypoints2d, keypoints3d: of exactly this person (N = 1). camera_from_joint: frame name
    (e.g. ``body``, ``left_elbow``) -> pose in the optical frame, axes as REP-155's
    human_description. twist_unobservable: names of the frames whose rotation about their own bone
    cannot be seen.
    """

    id: str
    state: TrackState
    age: int
    keypoints2d: Keypoints2D
    keypoints3d: Keypoints3D
    camera_from_joint: dict[str, RigidTransform]
    twist_unobservable: frozenset[str] = frozenset()


@dataclass(frozen=True)
class People:
    """All the people of one frame; the stamp and frame are the image's."""

    people: tuple[Person, ...]
    stamp_ns: int
    frame_id: str

    def __len__(self) -> int:
        return len(self.people)

    def __iter__(self):
        return iter(self.people)
