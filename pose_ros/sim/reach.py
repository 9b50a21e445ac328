"""Ways of an arm to a grasp and up again, free of collisions as far as is known of the scene.

A world of its own, without gravity, holds the arm, the table and what was *seen*: planning never looks at the
truth.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.sim.arm import Arm
from pose_ros.sim.engine import connect
from pose_ros.sim.things import Shelf

CLOSE = (1e-3, np.radians(0.5))  # m and rad; a pose is reached within
SEEDS = 10  # starts of the inverse kinematics
STEPS = 12  # poses along a straight way
JUMP = 0.35  # rad between neighbouring poses of a straight way: more is another branch
MARGIN = 0.004  # m between arm and anything else
FINE = 0.06  # rad between the poses of a free way that are looked at
CELL = 0.02  # m, of columns that stand for what nobody has a model of
FEW = 10  # points in a cell that may be a camera's noise
RAISED = 0.15  # m above the start of the approach: where a free way may pass
FLAT = 0.01  # m; what is lower belongs to the table


@dataclass(frozen=True)
class Way:
    """Joint values of a whole pick: free (A,n) from where the arm is to before the grasp, approach (B,n)
    straight to it, lift (C,n) straight up."""

    free: np.ndarray
    approach: np.ndarray
    lift: np.ndarray


@dataclass(frozen=True)
class Pick:
    """A grasp as an arm needs it: three poses of the hand's link in the world, and m between the fingers on
    the way. score: what it is ranked by."""

    pregrasp: RigidTransform
    grasp: RigidTransform
    lift: RigidTransform
    opening: float
    score: float


class Reach:
    """Plans for one arm beside one table. obstacles: world_from_object by number of the model."""

    def __init__(
        self, shelf: Shelf, base: RigidTransform, obstacles: Mapping[int, RigidTransform],
        others: np.ndarray | None = None, robot: str = "panda",
    ) -> None:  # fmt: skip
        """others (N,3): points of what is no known object, in the world; columns stand for them."""
        self.client = c = connect(gravity=False)
        self.arm = Arm(c, robot, base)
        shape = c.createCollisionShape(c.GEOM_BOX, halfExtents=[1.5, 1.5, 0.05])
        self._table = c.createMultiBody(0, shape, -1, [0, 0, -0.05])
        self._objects = {number: shelf.put(c, number, pose, still=True).number
                         for number, pose in obstacles.items()}  # fmt: skip
        self._columns = self._stand(np.zeros((0, 3)) if others is None else others)
        self._wrist = self.arm.link(self.arm.kind.hand)
        moving = [n for n in range(c.getNumJoints(self.arm.body)) if c.getJointInfo(self.arm.body, n)[3] > -1]
        self._places = [moving.index(joint) for joint in self.arm.joints]
        self._rng = np.random.default_rng(0)

    def close(self) -> None:
        self.client.disconnect()

    def first(self, picks: Iterable[Pick], start: np.ndarray, target: int) -> tuple[Way, Pick] | str:
        """The first that the arm can do from joints `start` (n,), and the way; in words why there is none.

        target: number of the model that is grasped.
        """
        reasons: collections.Counter[str] = collections.Counter()
        for pick in picks:
            way = self.way(start, pick, target)
            if isinstance(way, Way):
                return way, pick
            reasons[way] += 1
        return "; ".join(f"{count} times: {why}" for why, count in reasons.items()) or "no grasp was given"

    def way(self, start: np.ndarray, pick: Pick, target: int | None) -> Way | str:
        """The fingers may come near the target on the last straight way, nothing else of the arm."""
        opening = pick.opening
        reason = "no joint values reach it"
        for q in self._solutions(pick.grasp, start):
            approach = self._straight(q, pick.grasp, pick.pregrasp)
            up = self._straight(q, pick.grasp, pick.lift)
            if approach is None or up is None:
                reason = "the straight way leaves the arm's reach"
                continue
            approach = approach[::-1]
            if self._hits(approach, opening, target) or self._hits(up, opening, target, carried=True):
                reason = "the arm would hit something on the straight way"
                continue
            free = self._free(start, approach[0], opening)
            if free is None:
                reason = "no free way leads to before the grasp"
                continue
            return Way(free, approach, up)
        return reason

    def inverse(self, pose: RigidTransform, start: np.ndarray) -> np.ndarray | None:
        """Joint values near `start`, within limits, that bring the hand's link there; None if none do."""
        c, arm = self.client, self.arm
        position, quaternion = pose.translation.tolist(), pose.quaternion.tolist()
        q = np.asarray(start, float)
        for _ in range(4):
            for joint, value in zip(arm.joints, q, strict=True):
                c.resetJointState(arm.body, joint, value)
            found = c.calculateInverseKinematics(
                arm.body, self._wrist, position, quaternion, maxNumIterations=60, residualThreshold=1e-7
            )
            q = np.array([found[place] for place in self._places])
            q = np.where(q > arm.upper, q - 2 * np.pi, np.where(q < arm.lower, q + 2 * np.pi, q))
            # From beyond a limit the next round starts at the limit.
            q = np.clip(q, arm.lower, arm.upper)
            self._be(q)
            reached = arm.pose()
            turn = np.linalg.norm(rotation_log(reached.rotation.T @ pose.rotation))
            if np.linalg.norm(reached.translation - pose.translation) < CLOSE[0] and turn < CLOSE[1]:
                return q
        return None

    def _solutions(self, pose: RigidTransform, start: np.ndarray) -> Iterable[np.ndarray]:
        home = np.array(self.arm.kind.home)
        seeds = [np.asarray(start, float), home]
        seeds += [
            np.clip(home + self._rng.normal(0, 0.8, len(home)), self.arm.lower, self.arm.upper)
            for _ in range(SEEDS - 2)
        ]
        known: list[np.ndarray] = []
        for seed in seeds:
            q = self.inverse(pose, seed)
            if q is not None and all(np.abs(q - other).max() > 0.1 for other in known):
                known.append(q)
                yield q

    def _straight(self, q: np.ndarray, start: RigidTransform, end: RigidTransform) -> np.ndarray | None:
        """(STEPS + 1, n) along a line between poses of the same rotation, from joints q at its start."""
        way = [q]
        for share in np.linspace(0, 1, STEPS + 1)[1:]:
            at = RigidTransform(
                start.rotation, start.translation + share * (end.translation - start.translation)
            )
            found = self.inverse(at, way[-1])
            if found is None or np.abs(found - way[-1]).max() > JUMP:
                return None
            way.append(found)
        return np.array(way)

    def _free(self, start: np.ndarray, end: np.ndarray, opening: float) -> np.ndarray | None:
        """A way in joint space, straight or over a raised place, with what lies on the table kept clear."""
        direct = np.stack([start, end])
        if not self._hits(_finely(direct), opening):
            return direct
        self._be(end)
        before = self.arm.pose()
        raised = self.inverse(RigidTransform(before.rotation, before.translation + (0, 0, RAISED)), end)
        middles = [np.array(self.arm.kind.home)] + ([] if raised is None else [raised])
        for chosen in ([*middles[1:]], [*middles[:1]], [*middles]):
            way = np.stack([start, *chosen, end])
            if len(way) > 2 and not self._hits(_finely(way), opening):
                return way
        return None

    def _hits(
        self, way: np.ndarray, opening: float, target: int | None = None, carried: bool = False
    ) -> bool:
        """Whether the arm touches anything at one of the poses (N,n). carried: the target goes with it."""
        c, body = self.client, self.arm.body
        things = [number for key, number in self._objects.items() if key != target or not carried]
        for q in way:
            self._be(q, opening)
            for thing in [*things, *self._columns]:
                near = c.getClosestPoints(body, thing, MARGIN)
                if target is not None and thing == self._objects.get(target):
                    near = [p for p in near if p[3] not in self.arm.fingers or p[8] < -MARGIN]
                if near:
                    return True
            if any(point[3] > 0 for point in c.getClosestPoints(body, self._table, 0.001)):
                return True
        return False

    def _be(self, q: np.ndarray, opening: float | None = None) -> None:
        for joint, value in zip(self.arm.joints, q, strict=True):
            self.client.resetJointState(self.arm.body, joint, value)
        if opening is not None:
            for finger in self.arm.fingers:
                self.client.resetJointState(self.arm.body, finger, opening / 2)

    def _stand(self, points: np.ndarray) -> list[int]:
        """A column under each cell that holds points above the table."""
        points = points[points[:, 2] > FLAT]
        cells = np.floor(points[:, :2] / CELL).astype(int)
        kinds, place = np.unique(cells, axis=0, return_inverse=True)
        c, columns = self.client, []
        for n, cell in enumerate(kinds):
            heights = points[place.ravel() == n, 2]
            if len(heights) < FEW:
                continue
            half = [CELL / 2, CELL / 2, float(np.percentile(heights, 95)) / 2]
            shape = c.createCollisionShape(c.GEOM_BOX, halfExtents=half)
            columns.append(c.createMultiBody(0, shape, -1, [*((cell + 0.5) * CELL).tolist(), half[2]]))
        return columns


def _finely(way: np.ndarray) -> np.ndarray:
    """The way with poses at most FINE apart."""
    parts = [way[:1]]
    for a, b in itertools.pairwise(way):
        count = max(int(np.ceil(np.abs(b - a).max() / FINE)), 1)
        parts.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.concatenate(parts)
