"""A network's own idea of where joints lie, against anny's joint centres."""

from __future__ import annotations

import numpy as np

from pose_ros.human.flesh import FITTED
from pose_ros.human.skin import bone_frames, trunk_frame, unit
from pose_ros.human.twist import cross
from pose_ros.skeleton import BLAZEPOSE_33, Skeleton

# Where BlazePose's key points lie off anny's joints: the segment whose frame is meant and the way in it, m,
# for the left side. Means over 2,600 synthetic people; two halves of them agree within 5 mm.
BLAZEPOSE_BIAS = {
    "nose": ("head", (-0.003, 0.0, 0.005)), "eye": ("head", (-0.011, 0.0, 0.003)),
    "ear": ("head", (0.018, -0.018, 0.004)), "shoulder": ("chest", (0.002, 0.006, 0.011)),
    "elbow": ("elbow", (-0.001, 0.003, 0.006)), "wrist": ("elbow", (0.002, -0.008, -0.008)),
    "hip": ("pelvis", (0.017, 0.001, -0.013)), "knee": ("knee", (0.011, -0.007, -0.002)),
    "ankle": ("knee", (-0.003, -0.003, 0.018)),
}  # fmt: skip
_FRAMES = ("trunk", "head", "left_elbow", "right_elbow", "left_knee", "right_knee")
_LOWER = np.array(
    [FITTED.indices(name, name.replace("elbow", "wrist").replace("knee", "ankle")) for name in _FRAMES[2:]]
)
_NOSE, *_EARS = FITTED.indices("nose", "left_ear", "right_ear")


def bias_of(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Frames (K,) and ways (K,3) m of FITTED's key points; none is known of networks but BlazePose."""
    table = BLAZEPOSE_BIAS if skeleton.name == BLAZEPOSE_33.name else {}
    frames, ways = np.zeros(len(FITTED), int), np.zeros((len(FITTED), 3))
    for k, joint in enumerate(FITTED.joints):
        side, _, part = joint.rpartition("_")
        segment, way = table.get(part, ("chest", (0.0, 0.0, 0.0)))
        name = segment if segment == "head" else f"{side}_{segment}"
        frames[k] = _FRAMES.index(name) if name in _FRAMES else 0
        ways[k] = way * np.array([1, -1 if side == "right" else 1, 1])
    return frames, ways


def biased(xyz: np.ndarray, frames: np.ndarray, ways: np.ndarray) -> np.ndarray:
    """What the network sees (N,K,3) of joints (N,K,3)."""
    trunk = trunk_frame(xyz)
    left = unit(xyz[:, _EARS[0]] - xyz[:, _EARS[1]])
    up = unit(cross(xyz[:, _NOSE] - xyz[:, _EARS].mean(1), left))
    head = np.stack([cross(left, up), left, up], axis=-1)
    known = np.concatenate([trunk[:, None], head[:, None], bone_frames(xyz, _LOWER, trunk)], axis=1)
    return xyz + (known[:, frames] @ ways[..., None])[..., 0]
