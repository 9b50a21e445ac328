"""What an open or closed hand does to a gripper.

BlazePose gives three points of a hand beside the wrist: the knuckles of index and pinky and the tip of the
thumb. Fingertips are not among them, so a fist and a flat hand differ only by where the thumb is. That is
coarse: enough for open and closed, not for a width in millimetres. A hand's rotation is not taken from them:
on rendered people it was 42 degrees off (median), the forearm's 14.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.types import Person

MIRROR = np.array([1.0, -1.0, 1.0])


@dataclass(frozen=True)
class HandPoints:
    """Index, pinky and thumb (3,) m from the wrist, in the chest's axes. score: the least of theirs."""

    index: np.ndarray
    pinky: np.ndarray
    thumb: np.ndarray
    score: float

    @classmethod
    def of(cls, person: Person, side: str, chest_from_camera: np.ndarray) -> HandPoints | None:
        """None where the skeleton has no hands or a point is unknown."""
        points = person.keypoints3d
        names = [f"{side}_{part}" for part in ("index", "pinky", "thumb", "wrist")]
        if not set(names) <= set(points.skeleton.joints):
            return None
        rows = points.skeleton.indices(*names)
        index, pinky, thumb, wrist = points.xyz[0, rows] @ chest_from_camera.T
        score = float(points.score[0, rows].min())
        if not np.isfinite([index, pinky, thumb, wrist]).all():
            return None
        return cls(index - wrist, pinky - wrist, thumb - wrist, score)

    def mirrored(self) -> HandPoints:
        return HandPoints(self.index * MIRROR, self.pinky * MIRROR, self.thumb * MIRROR, self.score)

    @property
    def opening(self) -> float:
        """How far the thumb is from the index' knuckle, over the palm's length; no unit, NaN for no palm."""
        palm = np.linalg.norm((self.index + self.pinky) / 2)
        return float(np.linalg.norm(self.thumb - self.index) / palm) if palm > 0.02 else float("nan")


@dataclass(frozen=True)
class GripConfig:
    closed_at: float = option(0.2, "opening of the hand at which the gripper is closed", range=(0.0, 2.0))
    open_at: float = option(0.45, "and at which it is open", range=(0.0, 3.0))
    dead_band: float = option(
        0.15, "change of the gripper's width, as a part of all, that is too small to act on", range=(0.0, 0.9)
    )
    smoothing: float = option(0.15, "time over which the opening is averaged", unit="s", range=(0.0, 2.0))
    min_score: float = option(0.3, "score of the hand's points below which it keeps", range=(0.0, 1.0))


class Grip:
    """Opening of a hand to opening of a gripper in [0,1], which is 1 = open until a hand was seen."""

    def __init__(self, config: GripConfig | None = None) -> None:
        self.config = config or GripConfig()
        self.value = 1.0
        self._mean: float | None = None
        self._stamp = 0.0

    def __call__(self, points: HandPoints | None, stamp: float) -> float:
        """The gripper's opening after a look at the hand at `stamp` s; a hand unseen changes nothing."""
        c = self.config
        if points is None or not points.score >= c.min_score or not np.isfinite(points.opening):
            return self.value
        seconds, self._stamp = stamp - self._stamp, stamp
        if self._mean is None or not 0 <= seconds < 1.0:
            self._mean = points.opening
        else:
            self._mean += (points.opening - self._mean) * seconds / (seconds + c.smoothing + 1e-9)
        wanted = float(np.clip((self._mean - c.closed_at) / max(c.open_at - c.closed_at, 1e-6), 0, 1))
        # The ends are always reached: a gripper that stays a little open does not hold.
        if abs(wanted - self.value) > c.dead_band or wanted in (0.0, 1.0):
            self.value = wanted
        return self.value
