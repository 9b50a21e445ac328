"""People who are followed, and their hands and faces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.errors import ShapeError, unknown
from pose_ros.geometry.facing import yaw_pitch_roll
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.shapes import check_shape
from pose_ros.skeleton import HAND_21
from pose_ros.types.keypoints import Keypoints2D, Keypoints3D
from pose_ros.types.track_state import TrackState


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
