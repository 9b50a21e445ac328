"""Which turns about given axes do what is asked: the subproblems of Paden and Kahan, batched.

Source: Murray, Li & Sastry, "A Mathematical Introduction to Robotic Manipulation", 3.2.3. Angles in rad;
axes are unit vectors (3,); what can be answered twice is answered with a trailing axis of two.
"""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import skew

PARALLEL = 1e-3  # sine below which two axes leave only the sum of their turns defined


def turn(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rotations (…,3,3) by angles (…) about an axis (3,)."""
    cross, angle = skew(axis), np.asarray(angle)[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def angle_onto(axis: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Angle (…) that turns `start` (…,3) about `axis` as far as `end` (…,3); 0 where either lies on it."""
    along = (start @ axis) * (end @ axis)
    return np.arctan2(np.cross(start, end) @ axis, np.sum(start * end, axis=-1) - along)


def angles_to_height(
    axis: np.ndarray, vector: np.ndarray, direction: np.ndarray, height: np.ndarray
) -> np.ndarray:
    """Angles (…,2) by which `vector` (…,3), turned about `axis`, has `direction` · vector = `height` (…).

    Where no angle does, both are the one that comes nearest.
    """
    along = (direction @ axis) * (vector @ axis)
    cosine = np.sum(direction * vector, axis=-1) - along
    sine = np.sum(direction * np.cross(axis, vector), axis=-1)
    size = np.hypot(cosine, sine)
    ratio = np.clip((height - along) / np.maximum(size, 1e-12), -1, 1)
    middle, half = np.arctan2(sine, cosine), np.arccos(ratio)
    return np.stack([middle + half, middle - half], axis=-1)


def angles_to_distance(
    axis: np.ndarray, through: np.ndarray, moved: np.ndarray, fixed: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    """Angles (…,2) about the line `through` (3,) along `axis` that bring `moved` (3,) to `distance` (…) of
    `fixed` (3,); where none does, both are the one that comes nearest."""
    a, b = moved - through, fixed - through
    height = (a @ a + b @ b - np.square(distance)) / 2
    return angles_to_height(axis, np.broadcast_to(a, (*np.shape(height), 3)), b, height)


def three_turns(
    rotation: np.ndarray, first: np.ndarray, second: np.ndarray, third: np.ndarray, held: float
) -> np.ndarray:
    """Angles (…,2,3) whose turns about three axes, one after the other, make `rotation` (…,3,3).

    Exact where `second` stands across the other two. Where first and third end up parallel only their sum is
    defined: the first is then `held`.
    """
    goal = rotation @ third
    middle = angles_to_height(second, np.broadcast_to(third, goal.shape), first, goal @ first)
    turned, goal = turn(second, middle) @ third, goal[..., None, :]
    one = angle_onto(first, turned, np.broadcast_to(goal, turned.shape))
    one = np.where(np.linalg.norm(np.cross(first, turned), axis=-1) < PARALLEL, held, one)
    rest = turn(second, -middle) @ turn(first, -one) @ rotation[..., None, :, :]
    across = np.cross(third, np.eye(3)[np.argmin(np.abs(third))])
    last = angle_onto(third, np.broadcast_to(across, (*rest.shape[:-2], 3)), rest @ across)
    return np.stack([one, middle, last], axis=-1)
