"""One person as one frame shows them: what identity compares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.human.clothes import clothes_of
from pose_ros.human.similarity import similarity
from pose_ros.types import Keypoints2D, Keypoints3D, RGBDFrame

SAME_BODY = 0.15  # m, median distance of joints below which two skeletons are on one body
SAME_IMAGE = 0.5  # OKS of two skeletons on one body where depth does not tell


@dataclass(frozen=True)
class Sighting:
    """place (3,) m of the torso, xyz (K,3) m, xy (K,2) px, box (4,) px, clothes: histogram; NaN = unknown."""

    place: np.ndarray
    xyz: np.ndarray
    xy: np.ndarray
    box: np.ndarray
    clothes: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        """(2,) px, of the box."""
        return (self.box[:2] + self.box[2:]) / 2

    def is_on_body_of(self, other: Sighting) -> bool:
        """Are these two skeletons on one body? In metres, where depth is known, else by OKS."""
        if np.linalg.norm(self.place - other.place) > 1.0:
            return False
        apart = np.linalg.norm(self.xyz - other.xyz, axis=-1)
        apart = apart[np.isfinite(apart)]
        if len(apart) >= 4:
            return bool(np.median(apart) < SAME_BODY)
        return bool(similarity(self.xy[None], other.xy[None], self.box[None])[0, 0] > SAME_IMAGE)


def sightings_of(frame: RGBDFrame, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D) -> list[Sighting]:
    """The people of a frame, in the order of their key points."""
    torso = keypoints3d.skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    places = keypoints3d.xyz[:, torso].mean(axis=1)
    clothes = clothes_of(frame, keypoints2d, places[:, 2])
    rows = zip(places, keypoints3d.xyz, keypoints2d.xy, keypoints2d.box_xyxy, clothes, strict=True)
    return [Sighting(*row) for row in rows]
