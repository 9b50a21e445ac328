"""Where a wrist may be, in the arm's base frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.errors import unknown


@dataclass(frozen=True)
class Workspace:
    """low, high (3,): corners of a box, m. reach: radius of a sphere about the shoulder, m. floor: height of
    a plane below which no part of the arm may come, m. Infinite where there is no such border."""

    low: np.ndarray
    high: np.ndarray
    reach: float = np.inf
    floor: float = -np.inf

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Workspace:
        """From `box: [[x, y, z], [x, y, z]]`, `sphere: radius` and `floor: z`, each as you like."""
        for key in spec:
            if key not in ("box", "sphere", "floor"):
                raise RobotError(unknown("key of workspace", key, ("box", "sphere", "floor")))
        try:
            low, high = np.asarray(spec.get("box", [[-np.inf] * 3, [np.inf] * 3]), dtype=float)
            reach, floor = float(spec.get("sphere", np.inf)), float(spec.get("floor", -np.inf))
        except (TypeError, ValueError) as error:
            raise RobotError(f"workspace {dict(spec)} cannot be read: {error}") from error
        if low.shape != (3,) or np.any(low > high) or reach <= 0:
            raise RobotError(f"workspace {dict(spec)} is empty")
        return cls(low, high, reach, floor)

    def clamp(self, wrist: np.ndarray, shoulder: np.ndarray, clearance: float = 0.0) -> np.ndarray:
        """The point inside that is near to `wrist` (3,). clearance: height to keep above the floor, m."""
        way = wrist - shoulder
        distance = np.linalg.norm(way)
        point = wrist if distance <= self.reach else shoulder + way * (self.reach / distance)
        point = np.clip(point, self.low, self.high)
        if point[2] < self.floor + clearance:
            point = np.array([point[0], point[1], self.floor + clearance])
        return point
