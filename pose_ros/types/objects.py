"""Objects: where they may be, where they are, how they look the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.shapes import check_shape
from pose_ros.types.track_state import TrackState


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
