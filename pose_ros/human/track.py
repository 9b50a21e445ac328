"""What is remembered of each person from frame to frame, and how a person is put together from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.human.fit_state import BodyState
from pose_ros.human.identity import Track
from pose_ros.human.mirror import MirrorState
from pose_ros.human.orient import Orientation
from pose_ros.human.smooth import SmoothState
from pose_ros.types import Face, Hand, Keypoints2D, Keypoints3D, Person, RGBDFrame


@dataclass
class Memory:
    """Of one person: which side is left, the body as it was fitted, the filter's state."""

    mirror: MirrorState = field(default_factory=MirrorState)
    body: BodyState = field(default_factory=BodyState)
    smooth: SmoothState = field(default_factory=SmoothState)


def as_seen(keypoints: Keypoints3D, frame: RGBDFrame) -> Keypoints2D:
    """Where people who are only predicted would be in the image; score 0, for nothing of them was seen."""
    xy = frame.camera.project(keypoints.xyz)
    known = np.where(np.isfinite(xy), xy, np.nan)
    with np.errstate(all="ignore"):
        low, high = np.nanmin(known, axis=1, initial=np.inf), np.nanmax(known, axis=1, initial=-np.inf)
    box = np.nan_to_num(np.concatenate([low, high], axis=-1), posinf=0.0, neginf=0.0)
    return Keypoints2D(np.nan_to_num(xy), np.zeros(xy.shape[:2]), box, keypoints.skeleton)


def person_of(
    track: Track[Memory],
    n: int,
    keypoints2d: Keypoints2D,
    keypoints3d: Keypoints3D,
    orientation: Orientation,
    hands: tuple[Hand, ...] = (),
    face: Face | None = None,
) -> Person:
    """The n-th of these people, whose track this is."""
    return Person(
        id=track.id,
        state=track.state,
        age=track.age,
        keypoints2d=keypoints2d.select([n]),
        keypoints3d=keypoints3d.select([n]),
        camera_from_joint=orientation.camera_from_joint,
        twist_unobservable=orientation.twist_unobservable,
        hands=hands,
        face=face,
    )
