"""The nouns that travel down the street: frozen, shapes checked on construction, empty() for nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from pose_ros.errors import FrameError, ShapeError, unknown
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.facing import yaw_pitch_roll
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.shapes import check_shape
from pose_ros.skeleton import HAND_21, Skeleton


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


class TrackState(IntEnum):
    TENTATIVE = 0  # seen too few times to be believed
    TRACKED = 1  # seen in this frame
    LOST = 2  # not seen in this frame, kept for re-entry


@dataclass(frozen=True)
class Hand:
    """One hand of one person: HAND_21's joints, of exactly this hand (N = 1).

    side: left or right, of the person. score: in [0,1], of there being one. camera_from_palm: None where no
    depth is known; its origin is halfway from the wrist to the middle finger's knuckle, -z points along the
    palm to that knuckle, x from the little finger's side to the index finger's: so it has the axes of a wrist
    of REP-155's human_description, and a palm's inner side looks along -y (left) or y (right).
    """

    side: str
    score: float
    keypoints2d: Keypoints2D
    keypoints3d: Keypoints3D
    camera_from_palm: RigidTransform | None

    def __post_init__(self) -> None:
        if self.side not in ("left", "right"):
            raise ShapeError(unknown("side of a hand", self.side, ("left", "right")))
        for keypoints in (self.keypoints2d, self.keypoints3d):
            if keypoints.skeleton != HAND_21 or len(keypoints) != 1:
                skeleton, n = keypoints.skeleton.name, len(keypoints)
                raise ShapeError(f"a hand has one {HAND_21.name}, got {n} of {skeleton}")


@dataclass(frozen=True)
class Face:
    """One person's face, where faces are asked for; NaN is what was not seen in this picture.

    score: in [0,1], of there being a face. pixels: (468,2) px and xyz: (468,3) m, MediaPipe's face mesh.
    iris_pixels: (2,5,2) px, the left eye's (the person's own) first: its middle and four points of its rim.
    iris_xyz: (2,3) m, their middles. camera_from_head: between the ears, x forward, y left, z up; head_sigma:
    rad, error of how it is turned. camera_from_gaze: at the sellion, z along the gaze, x to the person's
    right, y down, as REP-155's ``gaze_<id>``, None where nobody asks; gaze_sigma: rad.
    """

    score: float
    pixels: np.ndarray
    xyz: np.ndarray
    iris_pixels: np.ndarray
    iris_xyz: np.ndarray
    camera_from_head: RigidTransform
    head_sigma: float
    camera_from_gaze: RigidTransform | None = None
    gaze_sigma: float = float("nan")

    def __post_init__(self) -> None:
        check_shape("pixels", self.pixels, (468, 2))
        check_shape("xyz", self.xyz, (468, 3))
        check_shape("iris_pixels", self.iris_pixels, (2, 5, 2))
        check_shape("iris_xyz", self.iris_xyz, (2, 3))

    @property
    def is_seen(self) -> bool:
        """Whether it was looked at in this picture: between looks there is only its pose."""
        return bool(np.isfinite(self.pixels).all())

    @property
    def yaw_pitch_roll(self) -> np.ndarray:
        """(3,) deg of the head against the camera: positive to its own left, down, to its right shoulder."""
        return yaw_pitch_roll(self.camera_from_head.rotation)


@dataclass(frozen=True)
class Person:
    """One tracked person.

    keypoints2d, keypoints3d: of exactly this person (N = 1). camera_from_joint: frame name
    (e.g. ``body``, ``left_elbow``) -> pose in the optical frame, axes as REP-155's
    human_description. twist_unobservable: names of the frames whose rotation about their own bone
    cannot be seen. hands: those that were found, at most one a side, where hands are asked for.
    face: where faces are asked for and it is known where the head is.
    """

    id: str
    state: TrackState
    age: int
    keypoints2d: Keypoints2D
    keypoints3d: Keypoints3D
    camera_from_joint: dict[str, RigidTransform]
    twist_unobservable: frozenset[str] = frozenset()
    hands: tuple[Hand, ...] = ()
    face: Face | None = None


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


@dataclass(frozen=True)
class Detections2D:
    """Regions of one image that may hold an object, N of them.

    mask: (N,H,W) bool. label: N names, "" where nobody says what it is. score: (N,) in [0,1].
    """

    mask: np.ndarray
    label: tuple[str, ...]
    score: np.ndarray

    def __post_init__(self) -> None:
        check_shape("mask", self.mask, (len(self.label), "H", "W"))
        check_shape("score", self.score, (len(self.label),))

    @classmethod
    def empty(cls, height: int, width: int) -> Detections2D:
        return cls(np.zeros((0, height, width), bool), (), np.zeros(0))

    @classmethod
    def unnamed(cls, mask: np.ndarray) -> Detections2D:
        """Regions (N,H,W) of which nothing more is known."""
        return cls(np.asarray(mask, bool), ("",) * len(mask), np.ones(len(mask)))

    def __len__(self) -> int:
        return len(self.label)

    @property
    def box_xyxy(self) -> np.ndarray:
        """(N,4) px: outermost pixels of each mask; NaN for an empty one."""
        boxes = np.full((len(self), 4), np.nan)
        for n, mask in enumerate(self.mask):
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            if len(rows):
                boxes[n] = columns[0], rows[0], columns[-1], rows[-1]
        return boxes


@dataclass(frozen=True)
class Symmetries:
    """Motions of an object onto itself, in its own frame.

    discrete: object_from_object (S,), the identity first. axis: (3,) unit direction about which every turn is
    a symmetry, None where there is none. is_sphere: every turn about `center` (3,) m is one. The axis goes
    through `center`. A discrete motion followed by a continuous one is a symmetry, too.
    """

    discrete: RigidTransform
    axis: np.ndarray | None = None
    is_sphere: bool = False
    center: np.ndarray = field(default_factory=lambda: np.zeros(3))

    @classmethod
    def none(cls) -> Symmetries:
        return cls(RigidTransform(np.eye(3)[None], np.zeros((1, 3))))

    def __len__(self) -> int:
        return len(self.discrete.rotation)

    @property
    def is_continuous(self) -> bool:
        return self.axis is not None or self.is_sphere

    def shifted(self, offset: np.ndarray) -> Symmetries:
        """The same in a frame where everything lies `offset` (3,) farther along."""
        turns = self.discrete.rotation
        moves = self.discrete.translation + offset - turns @ offset
        return Symmetries(RigidTransform(turns, moves), self.axis, self.is_sphere, self.center + offset)

    def sampled(self, steps: int = 36) -> RigidTransform:
        """All symmetries as (M,) transforms, a continuous axis in `steps` equal turns.

        A sphere is sampled by the turns about three axes in `steps` / 3 each: enough to compare poses by
        points, not to enumerate SO(3).
        """
        motions = self.discrete
        if self.axis is not None:
            motions = _each(motions, _turns(self.axis, self.center, steps))
        elif self.is_sphere:
            for axis in np.eye(3):
                motions = _each(motions, _turns(axis, self.center, max(steps // 3, 1)))
        return motions


def _turns(axis: np.ndarray, center: np.ndarray, steps: int) -> RigidTransform:
    rotation = rotation_exp(np.arange(steps)[:, None] * (2 * np.pi / steps) * np.asarray(axis))
    return RigidTransform(rotation, center - rotation @ center)


def _each(first: RigidTransform, then: RigidTransform) -> RigidTransform:
    """Every motion of `first` followed by every one of `then`."""
    both = RigidTransform(then.rotation[:, None], then.translation[:, None]) @ first
    return RigidTransform(both.rotation.reshape(-1, 3, 3), both.translation.reshape(-1, 3))


@dataclass(frozen=True)
class ObjectPoses:
    """N registered objects of one frame, each at the origin of its own mesh.

    camera_from_object: (N,) in the optical frame. label: N names of models. score: (N,) probability that the
    pose is right. covariance: (N,6,6) as geometry_msgs/PoseWithCovariance has it: translation (m), then
    rotation about the camera's fixed axes (rad). visible: (N,) share of the object's outline that is in
    sight. mask: (N,H,W) bool, the pixels that are the object's; no pixel has two.
    """

    camera_from_object: RigidTransform
    label: tuple[str, ...]
    score: np.ndarray
    covariance: np.ndarray
    visible: np.ndarray
    mask: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.label)
        check_shape("rotation", self.camera_from_object.rotation, (n, 3, 3))
        check_shape("score", self.score, (n,))
        check_shape("covariance", self.covariance, (n, 6, 6))
        check_shape("visible", self.visible, (n,))
        check_shape("mask", self.mask, (n, "H", "W"))

    @classmethod
    def empty(cls, height: int, width: int) -> ObjectPoses:
        nowhere = RigidTransform(np.zeros((0, 3, 3)), np.zeros((0, 3)))
        mask = np.zeros((0, height, width), bool)
        return cls(nowhere, (), np.zeros(0), np.zeros((0, 6, 6)), np.zeros(0), mask)

    def __len__(self) -> int:
        return len(self.label)


@dataclass(frozen=True)
class TrackedObject:
    """One object that is followed: `id` is stable and unique among all labels, e.g. ``mug_1``.

    covariance (6,6), visible, score: as in ObjectPoses. distance: of its centre from the camera, m.
    is_textured: its colours helped to tell its pose.
    """

    id: str
    label: str
    state: TrackState
    age: int
    score: float
    camera_from_object: RigidTransform
    covariance: np.ndarray
    visible: float
    distance: float
    is_textured: bool


@dataclass(frozen=True)
class Objects:
    """All the objects of one frame; the stamp and frame are the image's.

    label_image: (H,W) uint8, 0 = none, n = objects[n - 1]. reasons: label -> why no more of it is reported.
    """

    objects: tuple[TrackedObject, ...]
    label_image: np.ndarray
    reasons: dict[str, str]
    stamp_ns: int
    frame_id: str

    def __len__(self) -> int:
        return len(self.objects)

    def __iter__(self):
        return iter(self.objects)
