"""What a posture is told by: how segments stand against gravity, and what is above what.

All of it is invariant to place, heading, size, and to which side is left, so that a person in a mirror is
in the same posture.
"""

from __future__ import annotations

import numpy as np

from pose_ros.types import Person

SIDES = ("left", "right")
JOINTS = tuple(f"{side}_{joint}" for side in SIDES for joint in (
    "shoulder", "elbow", "wrist", "hip", "knee", "ankle"))  # fmt: skip
_ROW = {name: n for n, name in enumerate(JOINTS)}
# Joint -> the joint it hangs on, and how far from it, in lengths of the trunk, where it is not known.
_HANGS_ON = {"elbow": ("shoulder", 0.6), "wrist": ("elbow", 0.52), "ankle": ("knee", 0.85)}
NAMES = (
    "trunk_up", "chest_up", "side_up",
    "thigh_down_most", "thigh_down_least", "shank_down_most", "shank_down_least",
    "knee_bent_most", "knee_bent_least", "shank_forward_most", "shank_forward_least",
    "hips_height", "hips_over_knees", "shoulders_height", "hands_height", "behind_feet", "feet_apart",
)  # fmt: skip


def sampled_joints(person: Person, draws: np.ndarray) -> np.ndarray | None:
    """(S,J,3) m: where the JOINTS may lie, by their covariances. draws: (S,J,3) standard normal.

    Joints that are not known hang on theirs in any direction. None where hips, shoulders or knees, on which
    all depends, are not known.
    """
    points = person.keypoints3d
    index = points.skeleton.indices(*JOINTS)
    place, covariance = points.xyz[0, index], points.covariance[0, index]
    known = np.isfinite(place).all(-1)
    if not all(known[_ROW[f"{side}_{j}"]] for side in SIDES for j in ("shoulder", "hip", "knee")):
        return None
    covariance = np.where(np.isfinite(covariance), covariance, 0.0)
    value, axes = np.linalg.eigh((covariance + np.swapaxes(covariance, -1, -2)) / 2)
    root = axes * np.sqrt(np.maximum(value, 0.0))[:, None, :]
    samples = place + np.einsum("jab,sjb->sja", root, draws)
    trunk = np.linalg.norm(_middle(samples, "shoulder") - _middle(samples, "hip"), axis=-1, keepdims=True)
    for side in SIDES:
        for joint, (parent, length) in _HANGS_ON.items():
            n = _ROW[f"{side}_{joint}"]
            if not known[n]:
                way = draws[:, n] / np.linalg.norm(draws[:, n], axis=-1, keepdims=True)
                samples[:, n] = samples[:, _ROW[f"{side}_{parent}"]] + length * trunk * way
    return samples


def blur(person: Person) -> float:
    """m RMS a coordinate: how badly trunk and legs are known, by their covariances."""
    points = person.keypoints3d
    index = points.skeleton.indices(*(n for n in JOINTS if n.split("_")[1] not in ("elbow", "wrist")))
    variance = np.trace(points.covariance[0, index], axis1=-2, axis2=-1) / 3
    known = variance[np.isfinite(variance)]
    return float(np.sqrt(known.mean())) if len(known) else np.inf


def features(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(…,F) in the order of NAMES, from joints (…,J,3) m; up (3,) is a unit vector."""
    at = {name: joints[..., n, :] for name, n in _ROW.items()}
    hips, shoulders, feet = (_middle(joints, part) for part in ("hip", "shoulder", "ankle"))
    trunk = _unit(shoulders - hips)
    left = _unit(at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"])
    forward = np.cross(left, trunk)
    thighs = np.stack([at[f"{side}_knee"] - at[f"{side}_hip"] for side in SIDES], axis=-2)
    shanks = np.stack([at[f"{side}_ankle"] - at[f"{side}_knee"] for side in SIDES], axis=-2)
    leg = np.linalg.norm(thighs, axis=-1).mean(-1) + np.linalg.norm(shanks, axis=-1).mean(-1)
    thighs, shanks = _unit(thighs), _unit(shanks)
    bent = np.arccos(np.clip(np.sum(thighs * shanks, axis=-1), -1, 1))
    # Ahead of the body as far as that is level: nothing for somebody who lies on a side.
    ahead = np.cross(left, up)
    height = joints @ up
    low = np.minimum(*(height[..., _ROW[f"{side}_ankle"]] for side in SIDES))
    knees = np.minimum(*(height[..., _ROW[f"{side}_knee"]] for side in SIDES))
    hands = np.minimum(*(height[..., _ROW[f"{side}_wrist"]] for side in SIDES))
    ground = np.minimum(low, knees)
    shank_ahead = np.einsum("...si,...i->...s", -shanks, ahead)
    return np.stack(
        [
            trunk @ up,
            forward @ up,
            np.abs(left @ up),
            *_ordered(-thighs @ up),
            *_ordered(-shanks @ up),
            *_ordered(bent),
            *_ordered(shank_ahead),
            (hips @ up - ground) / leg,
            (hips @ up - knees) / leg,
            (shoulders @ up - ground) / leg,
            (hands - ground) / leg,
            np.sum((0.5 * (hips + shoulders) - feet) * ahead, axis=-1) / leg,
            np.linalg.norm(_level(at["left_ankle"] - at["right_ankle"], up), axis=-1) / leg,
        ],
        axis=-1,
    )


def hands_raised(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(…,2) how far the left and the right wrist are above their shoulders, in lengths of the trunk."""
    trunk = np.linalg.norm(_middle(joints, "shoulder") - _middle(joints, "hip"), axis=-1)
    over = [joints[..., _ROW[f"{s}_wrist"], :] - joints[..., _ROW[f"{s}_shoulder"], :] for s in SIDES]
    return np.stack([way @ up for way in over], axis=-1) / trunk[..., None]


def wrists_from_other_elbows(joints: np.ndarray) -> np.ndarray:
    """(…,) how far the farther wrist is from the other arm's elbow, in lengths of the trunk."""
    trunk = np.linalg.norm(_middle(joints, "shoulder") - _middle(joints, "hip"), axis=-1)
    pairs = (("left_wrist", "right_elbow"), ("right_wrist", "left_elbow"))
    ways = [np.linalg.norm(joints[..., _ROW[a], :] - joints[..., _ROW[b], :], axis=-1) for a, b in pairs]
    return np.maximum(*ways) / trunk


def _middle(joints: np.ndarray, part: str) -> np.ndarray:
    return (joints[..., _ROW[f"left_{part}"], :] + joints[..., _ROW[f"right_{part}"], :]) / 2


def _ordered(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The greater and the smaller of both sides (…,2)."""
    return pair.max(-1), pair.min(-1)


def _level(way: np.ndarray, up: np.ndarray) -> np.ndarray:
    return way - (way @ up)[..., None] * up


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
