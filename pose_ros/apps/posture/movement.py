"""One person's movement, freed of place, heading and size: what two movements can be compared by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose_ros.apps.posture.angles import ANGLES, CAMERA_UP, joint_angles, over_time
from pose_ros.errors import PoseError, unknown
from pose_ros.shapes import check_shape
from pose_ros.types import People, Person, TrackState

SIDES = ("left", "right")
# Segment -> from and to which point; points are joints or the middles of two.
SEGMENTS = {
    "trunk": ("hips", "shoulders"), "head": ("shoulders", "ears"),
    "shoulder_line": ("right_shoulder", "left_shoulder"), "hip_line": ("right_hip", "left_hip"),
    **{f"{side}_{segment}": (f"{side}_{a}", f"{side}_{b}") for side in SIDES for segment, a, b in (
        ("upper_arm", "shoulder", "elbow"), ("forearm", "elbow", "wrist"), ("thigh", "hip", "knee"),
        ("shank", "knee", "ankle"))},
}  # fmt: skip
# Short segments' directions are less certain, and arms and legs are what an exercise is about.
WEIGHT = np.array([0.5 if name in ("head", "shoulder_line", "hip_line") else 1.0 for name in SEGMENTS])
POINTS = ("hips", "shoulders", "ears", *(f"{side}_{joint}" for side in SIDES for joint in (
    "shoulder", "elbow", "wrist", "hip", "knee", "ankle")))  # fmt: skip
_FROM, _TO = (np.array([POINTS.index(pair[n]) for pair in SEGMENTS.values()]) for n in (0, 1))
RATE = 15.0  # Hz


@dataclass(frozen=True)
class Movement:
    """T frames at RATE. times (T,) s from the start. points (T,P,3) from mid-hip in the body's heading (x
    forward, y left, z up), in lengths of trunk and leg. angles, sigma (T,A) rad by ANGLES. NaN = unknown."""

    times: np.ndarray
    points: np.ndarray
    angles: np.ndarray
    sigma: np.ndarray

    def __post_init__(self) -> None:
        check_shape("points", self.points, (len(self.times), len(POINTS), 3))
        check_shape("angles", self.angles, (len(self.times), len(ANGLES)))

    def __len__(self) -> int:
        return len(self.times)

    @property
    def directions(self) -> np.ndarray:
        """(T,S,3) unit vectors along SEGMENTS."""
        way = self.points[:, _TO] - self.points[:, _FROM]
        length = np.linalg.norm(way, axis=-1, keepdims=True)
        return way / np.where(length > 1e-6, length, np.nan)


def take_of(sequence: Sequence[People], id: str | None = None) -> tuple[str, list[tuple[int, Person]]]:
    """Stamps (ns) and persons of one id, by default of who was seen most. PoseError where there is none."""
    takes: dict[str, list[tuple[int, Person]]] = {}
    for people in sequence:
        for person in people:
            if person.state is TrackState.TRACKED:
                takes.setdefault(person.id, []).append((people.stamp_ns, person))
    if not takes:
        raise PoseError("nobody was seen: there is no movement")
    if id is not None and id not in takes:
        raise PoseError(unknown("person", id, takes))
    chosen = id or max(takes, key=lambda name: len(takes[name]))
    return chosen, takes[chosen]


def movement_of(take: Sequence[tuple[int, Person]], up: np.ndarray = CAMERA_UP) -> Movement:
    """The movement of one person from stamps (ns) and persons. up (3,): against gravity, in their frame.

    What is unknown for less than half a second is filled evenly. Raises PoseError for less than two frames.
    """
    stamps, order = np.unique([stamp for stamp, _ in take], return_index=True)
    if len(stamps) < 2:
        raise PoseError(f"a movement needs two frames or more, there are {len(stamps)}")
    persons = [take[n][1] for n in order]
    seconds = (stamps - stamps[0]) * 1e-9
    points = np.array([_heading_points(person, np.asarray(up, float)) for person in persons])
    angles, sigma = over_time([joint_angles(person, up) for person in persons])
    even = np.arange(0, seconds[-1] + 1e-6, 1 / RATE)
    flat = _resampled(points.reshape(len(points), -1), seconds, even)
    return Movement(
        even,
        flat.reshape(len(even), len(POINTS), 3) / _size(points),
        _resampled(angles, seconds, even),
        _resampled(sigma, seconds, even),
    )


def _heading_points(person: Person, up: np.ndarray) -> np.ndarray:
    """(P,3) m from mid-hip; all NaN where hips and shoulders are unknown."""
    keypoints = person.keypoints3d
    at = dict(zip(keypoints.skeleton.joints, keypoints.xyz[0], strict=True))
    for name in ("hip", "shoulder", "ear"):
        at[f"{name}s"] = (at[f"left_{name}"] + at[f"right_{name}"]) / 2
    up = up / np.linalg.norm(up)
    across = at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"]
    left = across - (across @ up) * up
    if np.linalg.norm(left) < 0.35 * np.linalg.norm(across):
        # Who lies on a side looks along the floor: left is where the head points, turned by a quarter.
        trunk = at["shoulders"] - at["hips"]
        left = np.cross(trunk, up)
    left = left / np.linalg.norm(left)
    axes = np.stack([np.cross(left, up), left, up])
    return np.stack([at[name] - at["hips"] for name in POINTS]) @ axes.T


def _size(points: np.ndarray) -> float:
    """Trunk, thigh and shank, m: medians over time (T,P,3)."""
    parts = [("hips", "shoulders"), *((f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (
        ("hip", "knee"), ("knee", "ankle")))]  # fmt: skip
    way = np.stack([points[:, POINTS.index(b)] - points[:, POINTS.index(a)] for a, b in parts], axis=1)
    lengths = np.linalg.norm(way, axis=-1)
    if not np.isfinite(lengths[:, 0]).any():
        raise PoseError("hips and shoulders are never known: there is no movement")
    trunk = float(np.nanmedian(lengths[:, 0]))
    thigh, shank = (
        float(np.nanmedian(both)) if np.isfinite(both).any() else 0.8 * trunk
        for both in (lengths[:, 1::2], lengths[:, 2::2])
    )
    return trunk + thigh + shank


def _resampled(values: np.ndarray, seconds: np.ndarray, even: np.ndarray) -> np.ndarray:
    """Columns (T,C) at the times `even`; NaN farther than a quarter of a second from a known one."""
    out = np.full((len(even), values.shape[1]), np.nan)
    for n, column in enumerate(values.T):
        known = np.isfinite(column)
        if not known.any():
            continue
        times = seconds[known]
        near = np.abs(even[:, None] - times).min(axis=1) <= 0.25
        out[near, n] = np.interp(even[near], times, column[known])
    return out
