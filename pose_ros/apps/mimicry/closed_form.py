"""An arm's joints in closed form, so that shoulder, elbow, wrist and hand lie as the target says.

The wrist comes first, then the hand's rotation, then the elbow's plane: what a joint's limits forbid is given
up in the other order. All branches are looked at; limits, the elbow and nearness to the present pose choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape, wrist_of
from pose_ros.apps.mimicry.chain import Chain
from pose_ros.apps.mimicry.target import ArmTarget, about
from pose_ros.apps.mimicry.turns import angle_onto, angles_to_distance, angles_to_height, three_turns, turn

SWIVELS = np.radians(np.arange(-170, 181, 10.0))  # tried where the elbow cannot stay in its plane
WRIST_COST, HAND_COST, ELBOW_COST, REST_COST = 1e3, 1e2, 1.0, 0.2  # per rad²
LEAP = 0.6  # rad from the present pose: before a joint goes so far, the elbow may leave its plane
WITHIN = 1e-6  # rad: so little beyond a limit is none
THERE = 1e-3  # m: so near the wrist is where it was asked to be


@dataclass(frozen=True)
class Solution:
    """q (n,) rad, within limits. reached: the wrist and the hand are where they were asked to be.
    swivel: rad by which the elbow's plane had to leave the operator's (of 7 joints)."""

    q: np.ndarray
    reached: bool
    swivel: float = 0.0


class ClosedForm:
    """Solves one arm of 6 or 7 joints; SolverError where its axes do not allow it."""

    def __init__(self, chain: Chain) -> None:
        self.chain, self.shape = chain, ArmShape.of(chain)
        self._split = self.shape.elbow_joint + 1  # joints that place the wrist; the others turn the hand
        self._near, self._far = self._reach()

    def __call__(self, target: ArmTarget, present: np.ndarray) -> Solution:
        """Joints for a target, near `present` (n,)."""
        candidates, elbow = self._candidates(target, np.zeros(1), present)
        best = self._best(candidates, elbow, present)
        if len(self.chain) == 7 and (best[1] > WITHIN or np.abs(best[0] - present).max() > LEAP):
            candidates, elbow = self._candidates(target, SWIVELS, present)
            best = self._best(candidates, elbow, present)
        q, beyond, swivel = best
        there = np.linalg.norm(wrist_of(self.chain, self.shape, q) - target.wrist) < THERE
        return Solution(q, bool(beyond <= WITHIN and there), swivel if len(self.chain) == 7 else 0.0)

    def _reach(self) -> tuple[float, float]:
        """Least and greatest distance of the wrist from the shoulder within the elbow's limits."""
        s, k = self.shape, self.shape.elbow_joint
        low, high = max(self.chain.lower[k], -np.pi), min(self.chain.upper[k], np.pi)
        bent = turn(s.axis[k], np.linspace(low, high, 721)) @ (s.wrist - s.point[k]) + s.point[k]
        distance = np.linalg.norm(bent - s.shoulder, axis=-1)
        return float(distance.min()), float(distance.max())

    def _clamped(self, wrist: np.ndarray) -> np.ndarray:
        """The way (3,) from shoulder to wrist, as long as the arm allows."""
        way = wrist - self.shape.shoulder
        distance = max(np.linalg.norm(way), 1e-9)
        return way / distance * np.clip(distance, self._near, self._far)

    def _candidates(
        self, target: ArmTarget, swivels: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joints (m,n) of all branches and how far (m,) rad each elbow is off."""
        way = self._clamped(target.wrist)
        place = self._seven if len(self.chain) == 7 else self._six
        q, rotation, elbow = place(way, target, swivels, present)
        axis = self.shape.axis
        rest = np.swapaxes(rotation, -1, -2) @ target.hand @ self.shape.tip.T
        hand = three_turns(rest, *axis[-3:], held=present[-3])
        q = np.broadcast_to(q[..., None, :], (*hand.shape[:-1], q.shape[-1]))
        elbow = np.broadcast_to(elbow[..., None], q.shape[:-1])
        n = len(self.chain)
        return np.concatenate([q, hand], axis=-1).reshape(-1, n), elbow.reshape(-1)

    def _seven(
        self, way: np.ndarray, target: ArmTarget, swivels: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints 1 to 4 (K,2,2,4) of K swivels, the rotation (…,3,3) they make, the swivel of each."""
        s = self.shape
        distance = np.linalg.norm(way)
        ahead = way / distance
        hinge = target.hinge - ahead * (target.hinge @ ahead)
        hinges = about(ahead, hinge / max(np.linalg.norm(hinge), 1e-9), swivels)
        bend = angles_to_distance(s.axis[3], s.point[3], s.wrist, s.shoulder, distance)  # (2,)
        bent = turn(s.axis[3], bend)
        lever = bent @ (s.wrist - s.point[3])
        reach = lever + s.point[3] - s.shoulder
        # Which way the elbow flexes: the sense in which the wrist comes nearer to the shoulder.
        flexes = np.where(np.sum(reach * np.cross(s.axis[3], lever), axis=-1) > 0, -1.0, 1.0)
        own = _frame(reach / np.linalg.norm(reach, axis=-1, keepdims=True), -flexes[:, None] * s.axis[3])
        wanted = _frame(np.broadcast_to(ahead, hinges.shape), hinges)
        shoulder = wanted[:, None] @ np.swapaxes(own, -1, -2)  # (K,2,3,3)
        turns = three_turns(shoulder, *s.axis[:3], held=present[0])  # (K,2,2,3)
        q = np.concatenate([turns, np.broadcast_to(bend[:, None, None], (*turns.shape[:-1], 1))], axis=-1)
        rotation = np.broadcast_to((shoulder @ bent)[:, :, None], (*turns.shape[:-1], 3, 3))
        return q, rotation, np.broadcast_to(swivels[:, None, None], turns.shape[:-1])

    def _six(
        self, way: np.ndarray, target: ArmTarget, swivels: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints 1 to 3 (2,2,3), their rotation (…,3,3), each upper arm's angle to the human's."""
        s = self.shape
        beside = s.axis[1] @ (s.wrist - s.shoulder)  # joints 2 and 3 leave it as it is
        base = angles_to_height(-s.axis[0], np.broadcast_to(way, (1, 3)), s.axis[1], np.full(1, beside))[0]
        if np.linalg.norm(np.cross(s.axis[0], way)) < abs(beside) + 1e-6:
            base[:] = present[0]  # straight above the shoulder: any turn is as good
        inside = turn(s.axis[0], -base) @ way  # (2,3)
        inside = inside - s.axis[1] * (inside @ s.axis[1])[:, None]
        flat = s.wrist - s.axis[1] * beside
        elbow = s.elbow - s.axis[1] * (s.axis[1] @ (s.elbow - s.shoulder))
        bend = angles_to_distance(
            s.axis[2], elbow, flat, s.shoulder, np.linalg.norm(inside, axis=-1)
        )  # (2,2)
        bent = turn(s.axis[2], bend) @ (flat - elbow) + elbow - s.shoulder
        lift = angle_onto(s.axis[1], bent, np.broadcast_to(inside[:, None], bent.shape))
        first = np.broadcast_to(base[:, None], bend.shape)
        raised = turn(s.axis[0], first) @ turn(s.axis[1], lift)
        rotation = raised @ turn(s.axis[2], bend)
        upper = raised @ ((elbow - s.shoulder) / np.linalg.norm(elbow - s.shoulder))
        apart = np.arccos(np.clip(upper @ target.upper, -1, 1))
        return np.stack([first, lift, bend], axis=-1), rotation, apart

    def _best(self, q: np.ndarray, elbow: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, float, float]:
        """The best of candidates (m,n): joints within limits, what they are beyond them, its elbow."""
        low, high = self.chain.lower, self.chain.upper
        full = 2 * np.pi
        q = q + full * np.round((present - q) / full)
        q = q + full * ((q < low) & (q + full <= high)) - full * ((q > high) & (q - full >= low))
        # Where no whole turn leads inside, the one whose limit is nearer.
        q = q + full * ((q < low) & (low - q > full / 2)) - full * ((q > high) & (q - high > full / 2))
        inside = np.clip(q, low, high)
        beyond = np.square(q - inside)
        cost = (
            WRIST_COST * beyond[:, : self._split].sum(1)
            + HAND_COST * beyond[:, self._split :].sum(1)
            + ELBOW_COST * elbow**2
            + REST_COST * np.square(inside - present).sum(1)
        )
        n = int(np.argmin(cost))
        return inside[n], float(np.sqrt(beyond[n].sum())), float(elbow[n])


def _frame(ahead: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """Rotations (…,3,3) with the columns ahead, hinge (made square to it) and their cross product."""
    hinge = hinge - ahead * np.sum(ahead * hinge, axis=-1, keepdims=True)
    hinge = hinge / np.linalg.norm(hinge, axis=-1, keepdims=True)
    return np.stack([ahead, hinge, np.cross(ahead, hinge)], axis=-1)
