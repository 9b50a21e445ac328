"""Whose motion is recorded, and the sign they give to begin and to end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.types import People, Person, TrackState

SIDES = ("left", "right")
HANDS = ("none", *SIDES)


class Operator:
    """One person, kept as long as they are there: `wanted`, an id, or whoever is nearest at first."""

    def __init__(self, wanted: str = "") -> None:
        self._wanted, self._kept = wanted, ""

    def of(self, people: People) -> Person | None:
        there = {person.id: person for person in people if person.state is not TrackState.TENTATIVE}
        if self._wanted:
            return there.get(self._wanted)
        if self._kept not in there:
            near = {
                id: distance for id, person in there.items() if np.isfinite(distance := _distance(person))
            }
            self._kept = min(near, key=near.get, default="")
        return there.get(self._kept)


def _distance(person: Person) -> float:
    """From the frame's origin to the middle of what is known, m; NaN where nothing is."""
    xyz = person.keypoints3d.xyz[0]
    known = xyz[np.isfinite(xyz).all(axis=1)]
    return float(np.linalg.norm(known.mean(axis=0))) if len(known) else np.nan


def opening(person: Person, side: str) -> float:
    """Distance of the tips of thumb and index finger, m: near zero with a closed hand. NaN where unknown."""
    joints = person.keypoints3d
    names = (f"{side}_thumb", f"{side}_index")
    if any(name not in joints.skeleton.joints for name in names):
        return np.nan
    thumb, index = joints.xyz[0, joints.skeleton.indices(*names)]
    return float(np.linalg.norm(thumb - index))


@dataclass(frozen=True)
class GestureConfig:
    hand: str = option(
        "none", "hand that begins and ends an episode when raised above the head", choices=HANDS
    )
    hold: float = option(0.7, "how long it must be up", unit="s", range=(0.1, 10.0))


class RaisedHand:
    """Since when the hand has been up, once it has been long enough; it must come down before the next time.

    Up is against gravity along the body: from the hips to the head, so that no frame needs to be upright.
    Neither a glimpse nor a gap in between counts: a hand that is not seen is not up.
    """

    def __init__(self, config: GestureConfig) -> None:
        self._config = config
        self._since_ns: int | None = None
        self._given = False

    def __call__(self, person: Person | None, stamp_ns: int) -> int | None:
        if self._config.hand == "none":
            return None
        up = person is not None and person.state is TrackState.TRACKED and is_up(person, self._config.hand)
        if not up or (self._since_ns is not None and stamp_ns < self._since_ns):
            self._since_ns, self._given = None, False
            return None
        if self._since_ns is None:
            self._since_ns = stamp_ns
        long_enough = stamp_ns - self._since_ns >= self._config.hold * 1e9
        given, self._given = self._given, self._given or long_enough
        return self._since_ns if long_enough and not given else None


def is_up(person: Person, side: str) -> bool:
    """The wrist is above the head: farther along the trunk than nose and ears."""
    joints = person.keypoints3d
    names = joints.skeleton.joints

    def mean(*wanted: str) -> np.ndarray:
        there = [name for name in wanted if name in names]
        xyz = joints.xyz[0, joints.skeleton.indices(*there)] if there else np.zeros((0, 3))
        known = xyz[np.isfinite(xyz).all(axis=1)]
        return known.mean(axis=0) if len(known) else np.full(3, np.nan)

    hips, shoulders = mean("left_hip", "right_hip"), mean("left_shoulder", "right_shoulder")
    head, wrist = mean("nose", "left_ear", "right_ear"), mean(f"{side}_wrist")
    trunk = shoulders - hips
    height = (wrist - head) @ trunk / np.linalg.norm(trunk)
    return bool(height > 0)  # not where anything is unknown
