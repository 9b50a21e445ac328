"""Oriented joint frames from joint positions, axes as in REP-155's human_description.

At rest, standing with hanging arms, every frame has x forward, y left, z up. A limb's bone runs
along -z of the frame at its upper joint. An elbow flexes about -y, a knee about +y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from pose_ros.config import option
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.head import HeadConfig, HeadLooks, HeadState, follow_heads
from pose_ros.human.identity import LATE
from pose_ros.human.twist import Twist, TwistConfig, carry, cross, dot, follow, hinge_seen
from pose_ros.human.twist import length as _length
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints3D

SIDES = ("left", "right")
# Upper joint, middle joint, end joint, and the sign of the hinge about the frame's y axis.
LIMBS = {
    f"{side}_{upper}": (f"{side}_{upper}", f"{side}_{middle}", f"{side}_{end}", sign)
    for side in SIDES
    for upper, middle, end, sign in (("shoulder", "elbow", "wrist", -1.0), ("hip", "knee", "ankle", 1.0))
}
STRAIGHT = np.sin(np.radians(15))  # below this bend the hinge of a limb cannot be seen

# An upright head's eyes lie above its ears: the way from ear to eye is turned down to be level.
EYES_OVER_EARS = np.radians(12.5)
LEVEL = np.array(
    [
        [np.cos(EYES_OVER_EARS), 0, np.sin(EYES_OVER_EARS)],
        [0, 1, 0],
        [-np.sin(EYES_OVER_EARS), 0, np.cos(EYES_OVER_EARS)],
    ]
)

FRAMES = ("body", "neck", "head", *(f"{side}_{joint}" for joint in (
    "shoulder", "hip", "elbow", "knee", "wrist", "ankle") for side in SIDES))  # fmt: skip
_LIMBS = [LIMBS[name] for name in FRAMES[3:7]]
_SIGN = np.array([limb[3] for limb in _LIMBS])
_PARENT = [1, 1, 0, 0]  # rows of FRAMES
_TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder", "left_ear", "right_ear", "left_eye",
          "right_eye")  # fmt: skip


@dataclass(frozen=True)
class OrientConfig:
    twist: TwistConfig = field(default_factory=TwistConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    spine_tilt: float = option(
        2.5, "how far the line from mid-hip to mid-shoulder leans before the pelvis", unit="deg",
        range=(-30.0, 30.0),
    )  # fmt: skip
    side_bend: float = option(
        3.0, "how far spines usually bend to the side against the hips", unit="deg", range=(0.1, 30.0)
    )
    memory: float = option(5.0, "how long the twists of someone unseen are kept", unit="s", range=(0.0, 60.0))


@dataclass(frozen=True)
class Orientation:
    """One person's frames, as in Person. sigma: name -> rad, error of a limb's twist or of a head's turn."""

    camera_from_joint: dict[str, RigidTransform]
    twist_unobservable: frozenset[str]
    sigma: dict[str, float]


class Orienter:
    """Frames of all tracked people; remembers of each how limbs and head were last seen to be turned."""

    def __init__(self, config: OrientConfig | None = None) -> None:
        self.config = config or OrientConfig()
        rest, self._draw = _rest(self.config.twist)
        limbs, head = Twist.at_rest(rest), HeadState.unknown()
        self._unseen = (
            (limbs.bone, limbs.hinge, limbs.seen, limbs.hidden),
            (head.rotation, head.variance, head.hidden, head.chest, head.offset),
        )
        self.reset()

    def reset(self) -> None:
        """Forget everyone."""
        self._known: dict[str, tuple[float, tuple[np.ndarray, ...], tuple[np.ndarray, ...]]] = {}
        self._stamp = -np.inf

    def __call__(
        self, keypoints: Keypoints3D, ids: Sequence[str], stamp: float, heads: HeadLooks | None = None
    ) -> list[Orientation]:
        """Orientations of the people (N) with these N ids, all seen at `stamp`, s.

        heads: their faces as seen in this frame. Where nobody looks at faces at all (None) heads are as eyes
        and ears have them, which is coarse. Frames are body (mid-hip), neck (mid-shoulder), head (between the
        ears) and the joints of the limbs; one whose joints are unknown is left out. Wrist and ankle turn with
        forearm and shank.
        """
        if len(ids) == 0:
            return []
        if stamp < self._stamp - LATE:
            self.reset()  # a bag that starts again
        self._stamp = max(stamp, self._stamp)
        for id in [id for id, (seen, *_) in self._known.items() if stamp - seen > self.config.memory]:
            del self._known[id]
        twist, head, seconds = self._recall(ids, stamp)
        with np.errstate(invalid="ignore", divide="ignore"):
            rotation, origin, twist = self._frames(keypoints, twist, seconds)
            if heads is not None:
                chest, ears = rotation[:, 1], origin[:, 2]
                head = follow_heads(head, chest, ears, heads, seconds[:, 0], self.config.head)
                rotation[:, 2] = head.rotation
                origin[:, 2] = _head_origin(ears, head, heads.position)
        for n, id in enumerate(ids):
            limbs = twist.bone[n], twist.hinge[n], twist.seen[n], twist.hidden[n]
            self._known[id] = (
                stamp,
                limbs,
                _row(head, n),
            )
        return _orientations(rotation, origin, twist, head if heads is not None else None)

    def _recall(self, ids: Sequence[str], stamp: float) -> tuple[Twist, HeadState, np.ndarray]:
        """Twists (N,4) and heads (N,) of these people and how long ago (N,1) s they were seen."""
        # The first look counts in full.
        new = stamp - self.config.twist.correlation, *self._unseen
        known = [self._known.get(id, new) for id in ids]
        twist = Twist(*(np.array(part) for part in zip(*(limbs for _, limbs, _ in known), strict=True)))
        head = HeadState(*(np.array(part) for part in zip(*(head for _, _, head in known), strict=True)))
        return twist, head, np.array([[max(stamp - seen, 0.0)] for seen, _, _ in known])

    def _frames(
        self, keypoints: Keypoints3D, known: Twist, seconds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Twist]:
        """Rotation (N,15,3,3) and origin (N,15,3) of FRAMES, NaN where unknown, and the new twists (N,4)."""
        rows = _rows(keypoints.skeleton)
        trunk = keypoints.xyz[:, rows["trunk"]]
        limb, covariance = keypoints.xyz[:, rows["limbs"]], keypoints.covariance[:, rows["limbs"]]
        axes, origin = _trunk_axes(trunk, keypoints.covariance[:, rows["trunk"][:2]], self.config)
        upper, lower = limb[:, :, 1] - limb[:, :, 0], limb[:, :, 2] - limb[:, :, 1]
        seen = hinge_seen(
            upper, lower, np.broadcast_to(_SIGN, upper.shape[:2]), covariance, self.config.twist
        )
        upper, lower = _unit(upper), _unit(lower)
        # Twists are known in the parent's frame: an arm's in the chest's, a leg's in the pelvis's.
        parent = axes[:, _PARENT]
        twist = follow(
            known, _into(parent, upper), _into(parent, seen), self._draw, seconds, self.config.twist
        )
        hinge = _unit(np.einsum("nlij,nlj->nli", parent, twist.hinge))
        z = -np.concatenate([upper, lower], axis=1)
        y = np.concatenate([hinge, carry(hinge, upper, lower)], axis=1)
        segments = np.stack([cross(y, z), y, z], axis=-1)
        rotation = np.concatenate([axes, segments, segments[:, 4:]], axis=1)
        return rotation, np.concatenate([origin, limb.swapaxes(1, 2).reshape(-1, 12, 3)], axis=1), twist


def _trunk_axes(xyz: np.ndarray, hips: np.ndarray, config: OrientConfig) -> tuple[np.ndarray, np.ndarray]:
    """Rotation (N,3,3,3) and origin (N,3,3) of body, neck and head from the joints _TRUNK (N,8,3).

    hips: covariance (N,2,3,3) of the hips. They and the spine both tell how the pelvis leans to the side:
    what they differ by is shared between them by their errors.
    """
    middle, apart = (xyz[:, 0::2] + xyz[:, 1::2]) / 2, xyz[:, 0::2] - xyz[:, 1::2]
    z = np.empty((len(xyz), 3, 3))
    z[:, 0] = z[:, 1] = _unit(middle[:, 1] - middle[:, 0])
    z[:, 2] = _unit(cross(middle[:, 3] - middle[:, 2], apart[:, 2]))
    along = dot(apart[:, :3], z)
    y = _unit(apart[:, :3] - along * z)
    error = np.einsum("nhij,ni,nj->n", hips, z[:, 0], z[:, 0]) / np.maximum(
        _length(apart[:, 0])[:, 0] ** 2, 1e-6
    )
    usual = np.radians(config.side_bend) ** 2
    lean = along[:, 0, 0] / _length(apart[:, 0])[:, 0] * usual / (usual + error)
    lean = lean[:, None]
    y[:, 0], z[:, 0] = (
        y[:, 0] * np.sqrt(1 - lean**2) + z[:, 0] * lean,
        z[:, 0] * np.sqrt(1 - lean**2) - y[:, 0] * lean,
    )
    rotation = np.stack([cross(y, z), y, z], axis=-1)
    rotation[:, 0] = rotation[:, 0] @ _about_y(-np.radians(config.spine_tilt))
    rotation[:, 2] = rotation[:, 2] @ LEVEL
    return rotation, middle[:, :3]


def _orientations(
    rotation: np.ndarray, origin: np.ndarray, twist: Twist, head: HeadState | None
) -> list[Orientation]:
    known = (np.isfinite(rotation).all((-1, -2)) & np.isfinite(origin).all(-1)).tolist()
    hidden = np.zeros((len(rotation), len(FRAMES)), bool)
    sigma = np.zeros((len(rotation), len(FRAMES)))
    hidden[:, 3:], sigma[:, 3:] = np.tile(twist.hidden, 3), np.tile(twist.sigma, 3)
    if head is not None:
        hidden[:, 2], sigma[:, 2] = head.hidden, np.sqrt(head.variance)
    hidden, sigma = hidden.tolist(), sigma.tolist()
    first = 3 if head is None else 2  # frames with a sigma
    people = []
    for n in range(len(rotation)):
        rows = [k for k in range(len(FRAMES)) if known[n][k]]
        people.append(
            Orientation(
                {FRAMES[k]: _pose(rotation[n, k], origin[n, k]) for k in rows},
                frozenset(FRAMES[k] for k in rows if hidden[n][k]),
                {FRAMES[k]: sigma[n][k] for k in rows if k >= first},
            )
        )
    return people


def _pose(rotation: np.ndarray, translation: np.ndarray) -> RigidTransform:
    """RigidTransform of arrays of the right shapes; to check sixty of them would cost as much as the rest."""
    pose = object.__new__(RigidTransform)
    pose.__dict__.update(rotation=rotation, translation=translation)
    return pose


@lru_cache
def _rows(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Rows of the trunk's joints (8,) and of every limb's three (4,3)."""
    limbs = np.array([skeleton.indices(*limb[:3]) for limb in _LIMBS])
    return {"trunk": np.array(skeleton.indices(*_TRUNK)), "limbs": limbs}


def _rest(config: TwistConfig) -> tuple[np.ndarray, np.ndarray]:
    """Hinges (4,3) of hanging arms and legs, and those that draw: of legs only."""
    out = np.radians(config.toe_out)
    arm, leg = np.array([0.0, 1, 0]), np.array([-np.sin(out), np.cos(out), 0])
    legs = np.array([leg, leg * [-1, 1, 1]]) / np.radians(config.leg_sigma) ** 2
    arms = np.array([arm, arm]) / np.radians(config.rest_sigma) ** 2
    return np.concatenate([arms, legs]), np.concatenate([0 * arms, legs])


def _row(state: Twist | HeadState, n: int) -> tuple[np.ndarray, ...]:
    """What is known of person n."""
    return tuple(part[n] for part in vars(state).values())


def _head_origin(ears: np.ndarray, head: HeadState, seen: np.ndarray) -> np.ndarray:
    """Points between the ears (N,3): their key points' middles, put right by faces; as seen where unknown."""
    moved = ears + np.einsum("nij,nj->ni", head.rotation, np.nan_to_num(head.offset))
    moved = np.where(np.isnan(moved), ears, moved)
    return np.where(np.isnan(moved), seen, moved)


def _into(frames: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Vectors (N,L,3) in the axes of frames (N,L,3,3)."""
    return np.einsum("nlji,nlj->nli", frames, vectors)


def _about_y(angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])


def _unit(vector: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(vector, axis=-1, keepdims=True)
    return vector / np.where(norm > 1e-9, norm, np.nan)
