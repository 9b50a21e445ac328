"""Frames that move against each other, looked up at the time of a measurement.

A lookup interpolates and never guesses: a time outside what is known is refused.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from pose_ros.errors import TransformError, unknown
from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log

HORIZON = 10_000_000_000  # ns of history that is kept, as tf2 does
UNIT = 1e-2  # how far a quaternion's length may be from 1, as in tf2

Pose = tuple[tuple[float, ...], tuple[float, ...]]  # quaternion x, y, z, w; translation in m


class TransformTree:
    """Transforms by child frame, each with the last ten seconds of its history."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def insert(
        self,
        parent: str,
        child: str,
        stamp_ns: int,
        quaternion: Sequence[float],
        translation: Sequence[float],
        static: bool = False,
    ) -> None:
        """Add parent_from_child at a time, or for all times; TransformError if it is no rigid transform.

        A child has one parent: with another one its history begins anew. All that moves does so when a
        stamp lies more than the horizon in the past: a simulation was started again.
        """
        pose = tuple(map(float, quaternion)), tuple(map(float, translation))
        if not parent or not child or parent == child:
            raise TransformError(f"a transform from {child!r} to {parent!r} is refused: two names are needed")
        if not np.isfinite(pose[0] + pose[1]).all() or abs(np.linalg.norm(pose[0]) - 1) > UNIT:
            raise TransformError(f"the transform from {child!r} to {parent!r} is refused: {pose}")
        edge = self._edges.get(child)
        if edge and not static and stamp_ns < edge.stamps[-1] - HORIZON:
            self._edges = {name: edge for name, edge in self._edges.items() if edge.static}
            edge = None
        if edge is None or (edge.parent, edge.static) != (parent, static):
            if not static:
                self._forget_before(stamp_ns - HORIZON)
            edge = self._edges[child] = _Edge(parent, static)
        edge.insert(stamp_ns, pose)

    def lookup(self, target: str, source: str, stamp_ns: int) -> RigidTransform:
        """target_from_source at `stamp_ns`; TransformError with what is known where it cannot be told."""
        for name in (target, source):
            if name not in self.frames:
                raise TransformError(unknown("frame", name, sorted(self.frames) or ["none heard of yet"]))
        up, down = self._ancestors(source), self._ancestors(target)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise TransformError(
                f"{target!r} and {source!r} are not connected: one is below {down[-1]!r}, "
                f"the other below {up[-1]!r}"
            )
        common_from_target = self._compose(down[: down.index(common)], stamp_ns)
        return common_from_target.inverse() @ self._compose(up[: up.index(common)], stamp_ns)

    @property
    def frames(self) -> set[str]:
        """Names of all frames."""
        return set(self._edges) | {edge.parent for edge in self._edges.values()}

    def __len__(self) -> int:
        """Number of transforms that are kept."""
        return sum(len(edge.poses) for edge in self._edges.values())

    def _ancestors(self, frame: str) -> list[str]:
        """The frame itself, its parent and so on to the root."""
        path = [frame]
        while path[-1] in self._edges:
            parent = self._edges[path[-1]].parent
            if parent in path:
                raise TransformError(f"frames go round in a loop: {' -> '.join([*path, parent])}")
            path.append(parent)
        return path

    def _compose(self, path: list[str], stamp_ns: int) -> RigidTransform:
        """top_from_bottom along frames given from the bottom up, where top is the last one's parent."""
        result = RigidTransform.identity()
        for child in path:
            edge = self._edges[child]
            result = _interpolate(*edge.around(child, stamp_ns)) @ result
        return result

    def _forget_before(self, stamp_ns: int) -> None:
        """Drop frames nobody moves any more, so that frames that come and go do not add up."""
        self._edges = {
            name: edge for name, edge in self._edges.items() if edge.static or edge.stamps[-1] >= stamp_ns
        }


class _Edge:
    """parent_from_child over time."""

    def __init__(self, parent: str, static: bool) -> None:
        self.parent, self.static = parent, static
        self.stamps: list[int] = []
        self.poses: list[Pose] = []

    def insert(self, stamp_ns: int, pose: Pose) -> None:
        if self.static:
            self.stamps, self.poses = [stamp_ns], [pose]
            return
        place = bisect_left(self.stamps, stamp_ns)
        if place < len(self.stamps) and self.stamps[place] == stamp_ns:
            self.poses[place] = pose
            return
        self.stamps.insert(place, stamp_ns)
        self.poses.insert(place, pose)
        old = bisect_left(self.stamps, self.stamps[-1] - HORIZON)
        del self.stamps[:old], self.poses[:old]

    def around(self, child: str, stamp_ns: int) -> tuple[Pose, Pose, float]:
        """The poses before and after a time, and how far between them it is, in [0,1]."""
        if self.static:
            return self.poses[0], self.poses[0], 0.0
        after = bisect_left(self.stamps, stamp_ns)
        if after < len(self.stamps) and self.stamps[after] == stamp_ns:
            return self.poses[after], self.poses[after], 0.0
        if after in (0, len(self.stamps)):
            first, last = self.stamps[0], self.stamps[-1]
            raise TransformError(
                f"the transform from {child!r} to {self.parent!r} is known from {first / 1e9:.3f} to "
                f"{last / 1e9:.3f} s and not at {stamp_ns / 1e9:.3f} s, "
                f"{max(first - stamp_ns, stamp_ns - last) / 1e9:.3f} s away"
            )
        before, until = self.stamps[after - 1], self.stamps[after]
        return self.poses[after - 1], self.poses[after], (stamp_ns - before) / (until - before)


def _interpolate(before: Pose, after: Pose, share: float) -> RigidTransform:
    """Along the straight line and the shortest rotation; share 0 is `before`, 1 is `after`."""
    start = RigidTransform.from_quaternion(*before)
    if share == 0.0:
        return start
    end = RigidTransform.from_quaternion(*after)
    turn = rotation_exp(share * rotation_log(start.rotation.T @ end.rotation))
    moved = start.translation + share * (end.translation - start.translation)
    return RigidTransform(start.rotation @ turn, moved)
