"""Left stays left: a network that sees a back may take it for a front, and so swap the names of the limbs.

Arms and legs are named right or swapped: four states of a hidden Markov model for each person (Rabiner, "A
tutorial on hidden Markov models", 1989, eqs. 19-20), whose probabilities every frame changes:

1. No body turns by half a turn from one frame to the next. The vectors from right to left joints go on as
   they moved; where they fit better turned round, the network has swapped since, or swapped back.
2. A network is right more often than not, so one that does not swap any more is believed after a while: a
   wrong start heals.
3. People walk forwards, and shoulders point where hips do.

What cannot be told from the motion (legs that cross, a person seen exactly from the side, a gap) makes the
network be believed again, not the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D

LEGS = ("hip", "knee", "ankle", "heel", "foot")  # what hangs on the hips; all else goes with the arms
ARM, LEG = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")  # pairs that decide, the trunk's first
# By how much vectors from right to left miss where their motion leads: m, share of length; s that double it.
SIGMA, SHARE, FORESIGHT = 0.12, 0.1, 0.15
SWAPS = np.array([[0.955, 0.015], [0.015, 0.015]])  # chance in a frame that neither, legs, arms, both swap
TRUST, TURNED = 2.0, 0.4  # log-odds a second for the network's names; chance that they are wrong at first
SURE = 0.02  # the least probability of a state; it sets how long the network must insist
# Log-odds a metre walked forwards, from this speed (m/s); little enough that someone who walks backwards, but
# slower than TRUST / WALKS m/s, is not turned round.
WALKS, LEAST_SPEED = 3.0, 0.4
COHERES = 100.0  # log-odds a second and m² for shoulders and hips that point the same way
ROTATION_CUTOFF, WALK_CUTOFF = 2.0, 1.0  # Hz, of the velocities
FOLLOWS = 0.7  # share of a new vector in what is remembered
MAX_GAP = 0.5  # s; after a longer one nothing is expected


@dataclass
class MirrorState:
    """What the guard knows of one person; make one for each track, `unmirror` fills it.

    across: (6,3) m from right to left shoulder, elbow, wrist, hip, knee, ankle, as the network names them;
    turning: (6,3) m/s of that. place: (3,) m of the torso; walk: (3,) m/s. chance: (2,2) of the names of arms
    (rows) and legs (columns) being right, swapped.
    """

    stamp_ns: int | None = None
    across: np.ndarray = field(default_factory=lambda: np.full((6, 3), np.nan))
    turning: np.ndarray = field(default_factory=lambda: np.zeros((6, 3)))
    place: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    walk: np.ndarray = field(default_factory=lambda: np.zeros(3))
    chance: np.ndarray = field(default_factory=lambda: np.outer([1 - TURNED, TURNED], [1 - TURNED, TURNED]))

    def start(self, stamp_ns: int) -> None:
        """Forget everything."""
        self.__init__(stamp_ns)

    @property
    def swapped(self) -> tuple[bool, bool]:
        """Are the names of arms, of legs swapped in the latest frame?"""
        arms, legs = divmod(int(self.chance.argmax()), 2)
        return bool(arms), bool(legs)


def unmirror(
    states: Sequence[MirrorState], keypoints2d: Keypoints2D, keypoints3d: Keypoints3D, stamp_ns: int
) -> tuple[Keypoints2D, Keypoints3D]:
    """The same people with left and right where they belong, in the image and in 3D; one state a person."""
    going = []
    for n, state in enumerate(states):
        step = np.inf if state.stamp_ns is None else (stamp_ns - state.stamp_ns) * 1e-9
        if abs(step) > MAX_GAP:
            state.start(stamp_ns)
        if step > 0 or abs(step) > MAX_GAP:  # else a repeated or late frame, which changes nothing
            going.append(n)
    if going:
        _step([states[n] for n in going], keypoints3d.xyz[going], keypoints3d.skeleton, stamp_ns)
    order = np.tile(np.arange(len(keypoints2d.skeleton)), (len(states), 1))
    for n, state in enumerate(states):
        for (joints, twins), swapped in zip(_members(keypoints2d.skeleton), state.swapped, strict=True):
            if swapped:
                order[n, joints] = twins
    return renamed(keypoints2d, keypoints3d, order)


def renamed(
    keypoints2d: Keypoints2D, keypoints3d: Keypoints3D, order: np.ndarray
) -> tuple[Keypoints2D, Keypoints3D]:
    """Joint k of person n becomes what was joint order[n,k], in everything that is known of it."""
    if np.all(order == np.arange(order.shape[1])):
        return keypoints2d, keypoints3d
    rows = np.arange(len(order))[:, None]
    seen, points, root = keypoints2d, keypoints3d, keypoints2d.xyz_root
    root = None if root is None else root[rows, order]
    return (
        Keypoints2D(seen.xy[rows, order], seen.score[rows, order], seen.box_xyxy, seen.skeleton, root),
        Keypoints3D(
            points.xyz[rows, order],
            points.score[rows, order],
            points.covariance[rows, order],
            points.origin[rows, order],
            points.skeleton,
        ),
    )


def _step(states: Sequence[MirrorState], xyz: np.ndarray, skeleton: Skeleton, stamp_ns: int) -> None:
    """Bring the states to this frame with the people's joints (N,K,3), as the network names them."""
    left, right, torso = _deciding(skeleton)
    corners = xyz[:, torso]
    across, place = xyz[:, left] - xyz[:, right], corners.mean(axis=1)
    step = np.array([stamp_ns - state.stamp_ns for state in states]) * 1e-9
    is_new = step == 0
    step = np.where(is_new, 1.0, step)[:, None, None]
    old_across, turning, old_place, walk, chance = (
        np.stack([getattr(state, name) for state in states])
        for name in ("across", "turning", "place", "walk", "chance")
    )
    expected = old_across + step * turning
    # The log-likelihood ratio of going on and being turned round, of vectors that miss by a Gaussian; of long
    # vectors by a share of their length, so that no one limb outweighs the others.
    size = np.sqrt((across**2).sum(-1) * (expected**2).sum(-1))
    spread = SIGMA**2 * (1 + (step[..., 0] / FORESIGHT) ** 2) + SHARE * size
    alike = np.nan_to_num((across * expected).sum(-1) / spread).reshape(-1, 2, 3).sum(-1)
    alike = np.stack([np.zeros_like(alike), alike], -1).clip(-50, 50)
    swaps = SWAPS * np.exp(-alike[:, 0, :, None] - alike[:, 1, None, :])
    swaps = swaps / swaps.sum((1, 2), keepdims=True)
    arms, legs = np.divmod(swaps.reshape(-1, 4).argmax(-1), 2)
    sign = np.repeat(1 - 2 * np.stack([arms, legs], -1), 3, axis=-1)[..., None]
    moved = np.nan_to_num((across - sign * old_across) / step)
    turning = _low_pass(sign * turning, moved, ROTATION_CUTOFF, step)
    followed = sign * expected + FOLLOWS * (across - sign * expected)
    followed = np.where(np.isnan(expected), across, np.where(np.isnan(across), sign * expected, followed))
    step = step[:, 0]
    walk = np.nan_to_num(_low_pass(walk, np.nan_to_num((place - old_place) / step), WALK_CUTOFF, step))
    walk[is_new] = 0.0
    chance = _chance(chance, across, corners, walk, swaps, np.where(is_new[:, None], 0.0, step))
    for n, state in enumerate(states):
        state.stamp_ns, state.across, state.turning = stamp_ns, followed[n], turning[n]
        state.place = old_place[n] if np.isnan(place[n]).any() else place[n]
        state.walk, state.chance = walk[n], chance[n]


def _chance(
    before: np.ndarray,
    across: np.ndarray,
    corners: np.ndarray,
    walk: np.ndarray,
    swaps: np.ndarray,
    step: np.ndarray,
) -> np.ndarray:
    """Probabilities (N,2,2) of this frame's names, from the last frame's and what swapped since (N,2,2)."""
    chance = (
        swaps[:, :1, :1] * before
        + swaps[:, 1:, :1] * before[:, ::-1]
        + swaps[:, :1, 1:] * before[:, :, ::-1]
        + swaps[:, 1:, 1:] * before[:, ::-1, ::-1]
    )
    up = corners[:, :2].mean(axis=1) - corners[:, 2:].mean(axis=1)
    names = TRUST + WALKS * _forwards(across[:, [0, 3]], up[:, None], walk[:, None])
    coheres = COHERES * np.nan_to_num((across[:, 0] * across[:, 3]).sum(-1))
    evidence = np.stack([names.sum(-1) + coheres, names[:, 0], names[:, 1], coheres], -1) * step
    chance = chance * np.exp(evidence - evidence.max(-1, keepdims=True)).reshape(-1, 2, 2)
    chance = np.maximum(chance / chance.sum((1, 2), keepdims=True), SURE)
    return chance / chance.sum((1, 2), keepdims=True)


def _forwards(left: np.ndarray, up: np.ndarray, walk: np.ndarray) -> np.ndarray:
    """Speed (...) in m/s at which people walk forwards; 0 for who hardly walks, or sideways. All (...,3)."""
    forward = np.cross(left, up)
    length, speed = np.linalg.norm(forward, axis=-1), np.linalg.norm(walk, axis=-1)
    along = (walk * forward).sum(-1) / np.maximum(length, 1e-6)
    return np.where((speed > LEAST_SPEED) & (np.abs(along) > speed / 2), along, 0.0)


def _low_pass(old: np.ndarray, new: np.ndarray, cutoff: float, step: float) -> np.ndarray:
    rate = 2 * np.pi * cutoff * step
    return old + rate / (rate + 1) * (new - old)


@cache
def _members(skeleton: Skeleton) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
    """For arms and for legs: the joints that swap, and their twins."""
    groups: tuple[list, list] = [], []
    for pair in skeleton.mirror_pairs:
        groups[any(part in pair[0] for part in LEGS)].append(skeleton.indices(*pair))
    both = [tuple(zip(*pairs, strict=True)) for pairs in groups]
    return tuple((list(left + right), list(right + left)) for left, right in both)


@cache
def _deciding(skeleton: Skeleton) -> tuple[list[int], list[int], list[int]]:
    """Left and right joints of the pairs that decide, and the torso's corners, shoulders first."""
    left, right = (skeleton.indices(*(f"{side}_{part}" for part in ARM + LEG)) for side in ("left", "right"))
    return left, right, skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
