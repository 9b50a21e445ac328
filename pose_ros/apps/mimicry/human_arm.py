"""The operator's arm and head as a robot needs them: directions in the chest's own frame.

The chest's frame is `neck` (x forward, y left, z up), so that a robot does not follow when the operator turns
or walks about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pose_ros.apps.mimicry.hand import HandPoints
from pose_ros.types import Origin, Person

SIDES = ("left", "right")
ACROSS = np.diag([1.0, -1.0, 1.0])  # left to right and back


@dataclass(frozen=True)
class HumanArm:
    """One arm in the chest's axes. upper, fore: unit (3,), shoulder to elbow, elbow to wrist. hinge: unit
    (3,), y of the upper arm's frame; the elbow bends about its negative. hand (3,3): REP-155's wrist frame,
    -z along the hand. Lengths in m. points: the hand's key points, in the chest's axes."""

    upper: np.ndarray
    fore: np.ndarray
    hinge: np.ndarray
    hand: np.ndarray
    upper_length: float
    fore_length: float
    points: HandPoints | None = None

    def mirrored(self) -> HumanArm:
        """As in a mirror across the body: a left arm from a right one."""
        # A hinge is an axis of rotation: it mirrors with the opposite sign of a direction.
        return replace(
            self, upper=ACROSS @ self.upper, fore=ACROSS @ self.fore, hinge=-ACROSS @ self.hinge,
            hand=ACROSS @ self.hand @ ACROSS,
            points=None if self.points is None else self.points.mirrored(),
        )  # fmt: skip


def human_arm(person: Person, side: str, min_score: float = 0.0) -> HumanArm | str:
    """The arm of a side, or in words why it is not known. The hand turns with the forearm."""
    frames = person.camera_from_joint
    names = ["neck", *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist"))]
    if missing := [name for name in names if name not in frames]:
        return f"unknown: {', '.join(missing)}"
    chest, shoulder, elbow, wrist = (frames[name] for name in names)
    values = [part for f in (chest, shoulder, elbow, wrist) for part in (f.rotation, f.translation)]
    if not all(np.isfinite(part).all() for part in values):
        return f"the {side} arm has no finite pose"
    if reason := _doubt(person, side, min_score):
        return reason
    upper, fore = elbow.translation - shoulder.translation, wrist.translation - elbow.translation
    upper_length, fore_length = float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
    if not (0.05 < upper_length < 0.7 and 0.05 < fore_length < 0.7):
        return f"a {side} arm of {upper_length:.2f} + {fore_length:.2f} m is nobody's"
    into = chest.rotation.T
    points = HandPoints.of(person, side, into)
    hand = into @ wrist.rotation
    return HumanArm(
        into @ upper / upper_length, into @ fore / fore_length, into @ shoulder.rotation[:, 1], hand,
        upper_length, fore_length, points,
    )  # fmt: skip


def faceless(person: Person, min_score: float) -> str:
    """Why nobody can tell whether the person faces the camera, "" where nose or an eye is seen."""
    points = person.keypoints3d
    score = points.score[0, points.skeleton.indices("nose", "left_eye", "right_eye")]
    best = float(np.nan_to_num(score).max())
    return "" if best >= min_score else f"the face is not seen (score {best:.2f}, below {min_score:.2f})"


def _doubt(person: Person, side: str, min_score: float) -> str | None:
    """Why the key points of an arm cannot be relied on, None if they can."""
    points = person.keypoints3d
    rows = points.skeleton.indices(*(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist")))
    for row in rows:
        name = points.skeleton.joints[row]
        if points.origin[0, row] in (Origin.UNKNOWN, Origin.PREDICTED):
            return f"{name} is {Origin(int(points.origin[0, row])).name.lower()}"
        if not points.score[0, row] >= min_score:
            return f"{name} has score {points.score[0, row]:.2f}, below {min_score:.2f}"
    return None


def head_angles(person: Person) -> np.ndarray | None:
    """Yaw (left), pitch (down), roll (right) of the head against the chest (3,) rad; None where unknown."""
    frames = person.camera_from_joint
    if "neck" not in frames or "head" not in frames:
        return None
    r = frames["neck"].rotation.T @ frames["head"].rotation
    if not np.isfinite(r).all():
        return None
    return np.array([np.arctan2(r[1, 0], r[0, 0]), -np.arcsin(np.clip(r[2, 0], -1, 1)),
                     np.arctan2(r[2, 1], r[2, 2])])  # fmt: skip
