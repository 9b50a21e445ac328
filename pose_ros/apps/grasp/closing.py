"""What happens when the fingers close on an object that lies where it is thought to, or a little beside.

The object's surface is a set of points. The pads close along y until each touches; what they touch within the
depth of soft pads is the contact patch. The grasp holds if no finger came down on the object, the surface of
both patches faces its pad within the friction cone, and so does the line from patch to patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.grasp.gripper import Gripper, inside_any
from pose_ros.apps.grasp.skin import Skin
from pose_ros.geometry.rigid import RigidTransform

SOFT = 0.0008  # m that a pad gives way
REACH = 0.015  # m around the fingers that may come between them when the pose is wrong
MOST_NEAR = 1000  # points of the surface that one grasp is tried on


@dataclass(frozen=True)
class Closing:
    """Of K tries: holds (K,); depth (K,) in [0,1]: how far from the edge of the friction cone, 0 where it
    does not hold; patch (K,) m² of the smaller contact; width (K,) m between contacts, NaN if none."""

    holds: np.ndarray
    depth: np.ndarray
    patch: np.ndarray
    width: np.ndarray


@dataclass(frozen=True)
class Nearby:
    """The part of a surface that one grasp can meet: points, normals (n,3) in its frame, area of each, m²."""

    points: np.ndarray
    normals: np.ndarray
    area: float
    opening: float


def nearby(skin: Skin, pose: RigidTransform, opening: float, gripper: Gripper) -> Nearby:
    """Of the grasp frame `pose` in the skin's frame, with the pads `opening` m apart."""
    points = (skin.points - pose.translation) @ pose.rotation
    side = max(gripper.pad_width, gripper.root_width) / 2 + REACH
    near = np.abs(points[:, 0]) < side
    near &= np.abs(points[:, 1]) < opening / 2 + gripper.root_thickness + REACH
    near &= (points[:, 2] > -gripper.palm) & (points[:, 2] < gripper.tip + REACH)
    chosen = np.flatnonzero(near)
    step = len(chosen) // MOST_NEAR + 1
    chosen = chosen[::step]
    normals = skin.normals[chosen] @ pose.rotation
    return Nearby(
        points[chosen].astype(np.float32), normals.astype(np.float32), float(skin.area) * step, float(opening)
    )


def close(there: Nearby, moved: RigidTransform, gripper: Gripper, friction_angle: float) -> Closing:
    """Close on the object after each of K motions `moved` (K,) of it in the grasp frame; angle in rad."""
    count = len(moved.translation)
    if not len(there.points):
        none = np.zeros(count)
        return Closing(none > 0, none, none, none * np.nan)
    turn, shift = moved.rotation.astype(np.float32), moved.translation.astype(np.float32)
    points = turn @ there.points.T + shift[:, :, None]  # (K,3,n): numpy is faster along long rows
    fingers = gripper.boxes(np.full(count, there.opening))[:, :4].astype(np.float32)
    blocked = inside_any(points.transpose(0, 2, 1), fingers).any(1)

    middle = gripper.tip - gripper.pad_length / 2
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    between = (np.abs(x) < gripper.pad_width / 2) & (np.abs(z - middle) < gripper.pad_length / 2)
    between &= np.abs(y) < there.opening / 2
    highest = np.where(between, y, -np.inf).max(1)
    lowest = np.where(between, y, np.inf).min(1)
    met = highest > lowest
    tilt = np.arccos(np.clip(turn[:, 1] @ there.normals.T, -1, 1))
    upper = _Patch.of(points, between & (y > highest[:, None] - SOFT), tilt)
    lower = _Patch.of(points, between & (y < lowest[:, None] + SOFT), np.float32(np.pi) - tilt)

    line = upper.middle - lower.middle
    # Where patches are wide the forces may act anywhere in them: that much the line may be straightened.
    aside = np.maximum(np.hypot(line[:, 0], line[:, 2]) - upper.radius - lower.radius, 0)
    slant = np.arctan2(aside, np.maximum(line[:, 1], 1e-6))
    worst = np.maximum(np.maximum(upper.angle, lower.angle), slant)
    width = np.where(met, highest - lowest, np.nan)
    holds = met & ~blocked & (worst < friction_angle) & ~(width < gripper.min_width)
    depth = np.where(holds, 1 - worst / friction_angle, 0.0)
    patch = np.where(met, np.minimum(upper.count, lower.count) * there.area, 0.0)
    return Closing(holds, depth, patch, width)


@dataclass(frozen=True)
class _Patch:
    """Of K patches: middle (K,3), radius (K,) m (RMS in the pad), angle (K,) rad of its surface to the pad
    (mean of its points': an edge between two faces is as slanted as they are), count (K,) of points."""

    middle: np.ndarray
    radius: np.ndarray
    angle: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, touched: np.ndarray, tilt: np.ndarray) -> _Patch:
        """points (K,3,n); which of them are touched (K,n); tilt (K,n) rad of the surface there to the pad."""
        count = touched.sum(1)
        weight = (touched / np.maximum(count, 1)[:, None]).astype(np.float32)[..., None]
        middle = (points @ weight)[..., 0]
        flat = points[:, ::2]
        spread = np.maximum((flat**2 @ weight)[..., 0] - middle[:, ::2] ** 2, 0)
        return cls(middle, np.sqrt(spread.sum(1)), (tilt[:, None] @ weight)[:, 0, 0], count)
