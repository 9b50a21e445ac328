"""How near a robot's links are to each other and to the floor: capsules from joint to joint."""

from __future__ import annotations

import numpy as np

from pose_ros.apps.mimicry.robot import Robot, RobotArm

SHORT = 0.02  # m: joints closer than this share a capsule's end


class Capsules:
    """All capsules of a robot. Pairs that are joined too closely to be told apart are left out.

    Capsules are about the straight lines between joints' origins, so that a link that bulges needs a larger
    `radius`. A head's joints are not among them.
    """

    def __init__(self, robot: Robot) -> None:
        self._robot = robot
        self._ends = [_ends(arm) for arm in robot.arms]
        owner, radius, length = [], [], []
        for n, (arm, ends) in enumerate(zip(robot.arms, self._ends, strict=True)):
            points = _points(arm, ends, robot.home[robot.parts[arm.side]])
            owner += [n] * (len(ends) - 1)
            radius += [arm.radius] * (len(ends) - 1)
            length += np.linalg.norm(np.diff(points, axis=-2), axis=-1).tolist()
        self._radius = np.array(radius)
        pairs = [
            (i, k)
            for i in range(len(owner))
            for k in range(i + 2 if i + 1 < len(owner) and owner[i + 1] == owner[i] else i + 1, len(owner))
            if owner[i] != owner[k] or sum(length[i + 1 : k]) > 2 * (radius[i] + radius[k])
        ]
        self._pairs = np.array(pairs, dtype=int).reshape(-1, 2)
        first = np.unique(owner, return_index=True)[1]
        # The foot of an arm stands on the floor.
        self._above = np.array([k for k in range(len(owner)) if k not in first], dtype=int)
        self._floor = np.array([robot.arms[owner[k]].workspace.floor for k in self._above])
        self._base = [owner[k] for k in self._above]

    def distance(self, q: np.ndarray) -> np.ndarray:
        """Least distance (…) m between two links, or of one from the floor, at q (…,n); below 0 inside."""
        starts, ends, heights = [], [], []
        for arm, chosen in zip(self._robot.arms, self._ends, strict=True):
            points = _points(arm, chosen, q[..., self._robot.parts[arm.side]])
            heights.append(points[..., 1:, 2])
            points = arm.root_from_base.apply(points)
            starts.append(points[..., :-1, :])
            ends.append(points[..., 1:, :])
        start, end = np.concatenate(starts, axis=-2), np.concatenate(ends, axis=-2)
        height = np.concatenate(heights, axis=-1)[..., self._above] - self._radius[self._above] - self._floor
        nearest = height.min(axis=-1, initial=np.inf)
        if len(self._pairs):
            i, k = self._pairs.T
            apart = segment_distance(start[..., i, :], end[..., i, :], start[..., k, :], end[..., k, :])
            nearest = np.minimum(nearest, (apart - self._radius[i] - self._radius[k]).min(axis=-1))
        return nearest


def segment_distance(p: np.ndarray, p_end: np.ndarray, r: np.ndarray, r_end: np.ndarray) -> np.ndarray:
    """Distance (…) between the segments p to p_end and r to r_end (…,3).

    Source: Ericson, "Real-Time Collision Detection", 5.1.9.
    """
    u, v, w = p_end - p, r_end - r, p - r
    a, b, c = _dot(u, u), _dot(u, v), _dot(v, v)
    d, e = _dot(u, w), _dot(v, w)
    det = a * c - b * b
    parallel = det < 1e-9 * np.maximum(a * c, 1e-12)
    s = np.clip(np.where(parallel, 0.0, (b * e - c * d) / np.where(parallel, 1.0, det)), 0, 1)
    t = (b * s + e) / np.maximum(c, 1e-12)
    clipped = np.clip(t, 0, 1)
    s = np.where(t == clipped, s, np.clip((b * clipped - d) / np.maximum(a, 1e-12), 0, 1))
    return np.linalg.norm(w + s[..., None] * u - clipped[..., None] * v, axis=-1)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sum(a * b, axis=-1)


def _ends(arm: RobotArm) -> list[int]:
    """Which of base (0), joints (1 …) and tip are the ends of capsules: those apart from the one before."""
    points = np.concatenate([np.zeros((1, 3)), arm.chain.frames(np.zeros(len(arm.chain))).translation])
    chosen = [0]
    for k in range(1, len(points)):
        if np.linalg.norm(points[k] - points[chosen[-1]]) > SHORT:
            chosen.append(k)
    return chosen


def _points(arm: RobotArm, chosen: list[int], q: np.ndarray) -> np.ndarray:
    """Ends of the capsules (…,k,3) in the arm's base."""
    joints = arm.chain.frames(q).translation
    origin = np.zeros((*joints.shape[:-2], 1, 3))
    return np.concatenate([origin, joints], axis=-2)[..., chosen, :]
