"""Which person the robot follows: chosen once, never exchanged by itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.types import People, Person, TrackState

FAR = 0.25  # s: at the highest speed, how far from the last place the operator may come back


@dataclass(frozen=True)
class LockConfig:
    choose: str = option(
        "nearest", "who becomes the operator when engaged: who is nearest to the camera, or who has a hand "
        "above the head", choices=("nearest", "raised_hand"),
    )  # fmt: skip
    operator: str = option("", "id of the operator, e.g. p1, instead of choosing")
    max_speed: float = option(
        4.0, "speed of the chest beyond which this cannot be the same person", unit="m/s", range=(0.5, 20.0)
    )
    slack: float = option(0.15, "jump of the chest that is always believed", unit="m", range=(0.0, 1.0))
    width_change: float = option(
        0.3, "part by which the shoulders' width may differ from before", range=(0.05, 1.0)
    )
    forget: float = option(
        3.0, "time out of sight after which the operator is given up and must be engaged anew; less than the "
        "time after which human_pose gives the id to others (track.keep_lost)", unit="s", range=(0.1, 60.0),
    )  # fmt: skip


class OperatorLock:
    """Follows one id, as long as it can be the same person.

    An id whose chest leaps or whose shoulders change is somebody else's: it counts as lost, and whoever
    has it now is not believed, until it leaps back to where the operator can be. No other id is ever followed
    without being chosen anew.
    """

    def __init__(self, config: LockConfig | None = None) -> None:
        self.config = config or LockConfig()
        self.rejected = 0  # times that an id was not believed
        self.release()

    def release(self) -> None:
        """Nobody is the operator."""
        self.id: str | None = None
        self._chest: np.ndarray | None = None
        self._stamp = 0.0
        self._widths: deque[float] = deque(maxlen=60)
        self._other: tuple[np.ndarray, float] | None = None  # where and when somebody else had the id

    def choose(self, people: People) -> Person | str:
        """The operator from now on, or why nobody can be."""
        able = [p for p in people if p.state is TrackState.TRACKED and _chest(p) is not None]
        if not able:
            return "nobody is seen well enough to be the operator"
        if self.config.operator:
            able = [p for p in able if p.id == self.config.operator]
            if not able:
                return f"{self.config.operator} is not seen: {', '.join(p.id for p in people)} is there"
        elif self.config.choose == "raised_hand":
            able = [p for p in able if hand_is_raised(p)]
            if not able:
                return "nobody raises a hand"
        person = min(able, key=lambda p: float(np.linalg.norm(_chest(p))))
        self.release()
        self.id = person.id
        self._remember(person, people.stamp_ns * 1e-9)
        return person

    def find(self, people: People) -> Person | str:
        """The operator among people, or why they are lost; a predicted one is lost."""
        if self.id is None:
            return "nobody is the operator"
        person = next((p for p in people if p.id == self.id), None)
        if person is None:
            return f"operator {self.id} is lost"
        if person.state is not TrackState.TRACKED:
            return f"operator {self.id} is out of sight"
        stamp = people.stamp_ns * 1e-9
        if reason := self._doubt(person, stamp):
            self.rejected += 1
            return reason
        self._remember(person, stamp)
        return person

    def _doubt(self, person: Person, stamp: float) -> str | None:
        chest, width = _chest(person), _width(person)
        if chest is None:
            return f"the chest of operator {self.id} is unknown"
        other, self._other = self._other, (chest, stamp)
        if other is not None and self._may_move(*other, chest, stamp):
            return f"{self.id} is somebody else's now"
        if not self._may_move(self._chest, self._stamp, chest, stamp):
            leap = np.linalg.norm(chest - self._chest)
            return f"{self.id} leapt {leap:.2f} m: this is somebody else"
        self._other = None
        usual = float(np.median(self._widths)) if self._widths else width
        if width is not None and usual and abs(width - usual) > self.config.width_change * usual:
            return (
                f"the shoulders of {self.id} are {width:.2f} m wide, not {usual:.2f} m: this is somebody else"
            )
        return None

    def _may_move(self, start: np.ndarray, since: float, end: np.ndarray, until: float) -> bool:
        # After a while out of sight one could be anywhere; yet nobody is believed who comes from far.
        seconds = min(max(until - since, 0.0), FAR)
        return bool(np.linalg.norm(end - start) <= self.config.slack + self.config.max_speed * seconds)

    def _remember(self, person: Person, stamp: float) -> None:
        self._chest, self._stamp = _chest(person), stamp
        if (width := _width(person)) is not None:
            self._widths.append(width)


def hand_is_raised(person: Person) -> bool:
    """A wrist is above the head, along the body's own up."""
    frames = person.camera_from_joint
    if "neck" not in frames or "head" not in frames:
        return False
    up = frames["neck"].rotation[:, 2]
    wrists = [frames[f"{side}_wrist"] for side in ("left", "right") if f"{side}_wrist" in frames]
    return any(bool((w.translation - frames["head"].translation) @ up > 0) for w in wrists)


def _chest(person: Person) -> np.ndarray | None:
    frame = person.camera_from_joint.get("neck")
    return frame.translation if frame is not None and np.isfinite(frame.translation).all() else None


def _width(person: Person) -> float | None:
    shoulders = [person.camera_from_joint.get(f"{side}_shoulder") for side in ("left", "right")]
    if any(frame is None for frame in shoulders):
        return None
    width = float(np.linalg.norm(shoulders[0].translation - shoulders[1].translation))
    return width if np.isfinite(width) else None
