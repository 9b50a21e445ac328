"""Poses of one moment: out of a motion, off it, or with every joint turned at random."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.body.rig import SIDES
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS
from pose_ros.sources.synthetic.motion import Pose, Stage

# How far joints turn, rad; a little less than people can.
_ARM = {"shoulder_flex": (-0.8, 2.9), "shoulder_abduct": (-0.15, 1.6), "shoulder_twist": (-1.2, 1.2),
        "elbow": (0.0, 2.4), "pronate": (-1.0, 1.0), "wrist": (-0.8, 0.8)}  # fmt: skip
_LEG = {"hip_flex": (-0.4, 1.7), "hip_abduct": (-0.05, 0.7), "hip_twist": (-0.5, 0.5), "knee": (0.0, 2.1),
        "ankle": (-0.4, 0.7)}  # fmt: skip
_TRUNK = {"pelvis_pitch": 0.15, "pelvis_roll": 0.12, "waist_yaw": 0.35, "waist_pitch": 0.25,
          "waist_roll": 0.2, "head_yaw": 0.5, "head_pitch": 0.35, "head_roll": 0.2}  # fmt: skip
_RARE = ("lie", "push_up", "kneel")  # motions that few pictures need
_HINGES = ("elbow", "knee")


def stance(rng: np.random.Generator) -> tuple[str, Pose]:
    """What somebody does at one moment, and the pose (T = 1), looking along x; `segments` of it are all
    that counts, for who stands where is decided later.
    """
    names = sorted(ALL_MOTIONS)
    chance = np.array([0.35 if name in _RARE else 1.0 for name in names])
    name = str(rng.choice(names, p=chance / chance.sum()))
    pose = ALL_MOTIONS[name](rng, rng.uniform(0, 12, 1), Stage(np.zeros(2), 0.0, (0.5, 0.5)))
    angles = dict(pose.angles)
    kind = rng.random()
    if 0.3 < kind < 0.65:
        angles = _off(rng, angles)
    elif kind >= 0.65:
        angles |= _any_arms(rng)
        if kind > 0.82 and name not in _RARE:
            name, angles = "any", {name: value for name, value in angles.items() if "head" in name}
            angles |= _any_arms(rng) | _any_legs(rng)
            angles |= {trunk: np.array([rng.normal(0, much)]) for trunk, much in _TRUNK.items()}
    return name, Pose(np.zeros((1, 2)), pose.heading * 0, angles)


def tumbled(rng: np.random.Generator, segments: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The whole body turned anyhow: upside down, in a leap, lying as nobody lies."""
    turn = Rotation.random(random_state=rng).as_matrix()
    return {name: turn @ rotation for name, rotation in segments.items()}


def _off(rng: np.random.Generator, angles: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Near what the motion says: 0.25 rad per joint, hinges not bent backwards."""
    moved = {name: value + rng.normal(0, 0.25, 1) for name, value in angles.items() if "ankle" not in name}
    moved |= {name: value for name, value in angles.items() if "ankle" in name}
    for name in moved:
        if name.endswith(_HINGES):
            moved[name] = np.clip(moved[name], -0.05, 2.5)
    return moved


def _any_arms(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return _any(rng, _ARM)


def _any_legs(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Both anyhow, or one only little bent, which stands."""
    angles = _any(rng, _LEG)
    if rng.random() < 0.5:
        side = rng.choice(sorted(SIDES))
        angles |= {f"{side}_hip_flex": rng.uniform(-0.1, 0.3, 1), f"{side}_knee": rng.uniform(0, 0.4, 1)}
    return angles


def _any(rng: np.random.Generator, ranges: dict[str, tuple[float, float]]) -> dict[str, np.ndarray]:
    return {f"{side}_{name}": rng.uniform(*ends, 1) for side in SIDES for name, ends in ranges.items()}
