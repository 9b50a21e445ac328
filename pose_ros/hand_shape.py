"""What a hand's joints say: how its palm lies, how far it is open. Pure functions, for apps, too."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import HAND_21
from pose_ros.types import Hand

TIPS = tuple(f"{finger}_tip" for finger in ("thumb", "index", "middle", "ring", "pinky"))
# Distance of thumb's and index finger's tips, in lengths of the palm, where they touch, where they are wide.
TOUCHING, WIDE = 0.2, 1.1
_WRIST, _INDEX, _MIDDLE, _PINKY = HAND_21.indices("wrist", "index_mcp", "middle_mcp", "pinky_mcp")
_PINCH = HAND_21.indices("thumb_tip", "index_tip")


def palm_axes(xyz: np.ndarray) -> np.ndarray:
    """Rotations (…,3,3) of palms of HAND_21's joints (…,21,3), with the axes that Hand describes."""
    z = xyz[..., _WRIST, :] - xyz[..., _MIDDLE, :]
    z = z / np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-9)
    x = xyz[..., _INDEX, :] - xyz[..., _PINKY, :]
    x = x - z * np.sum(x * z, axis=-1, keepdims=True)
    x = x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def palm_of(xyz: np.ndarray) -> RigidTransform | None:
    """camera_from_palm of one hand (21,3) m; None where its joints are not known or fall together."""
    if not np.isfinite(xyz[[_WRIST, _INDEX, _MIDDLE, _PINKY]]).all():
        return None
    axes = palm_axes(xyz)
    if abs(np.linalg.det(axes) - 1) > 1e-6:
        return None
    return RigidTransform(axes, (xyz[_WRIST] + xyz[_MIDDLE]) / 2)


def pinch(hand: Hand) -> float:
    """Distance of the tips of thumb and index finger, m; NaN where it is not known."""
    thumb, index = hand.keypoints3d.xyz[0, _PINCH]
    return float(np.linalg.norm(thumb - index))


def opening(hand: Hand) -> float:
    """0 closed (thumb and index finger touch) to 1 open, whatever the hand's size; NaN where not known."""
    xyz = hand.keypoints3d.xyz[0]
    palm = np.linalg.norm(xyz[_MIDDLE] - xyz[_WRIST])
    wide = pinch(hand) / max(palm, 1e-6) if np.isfinite(palm) else np.nan
    return float(np.clip((wide - TOUCHING) / (WIDE - TOUCHING), 0.0, 1.0))


def tips_of(hand: Hand) -> dict[str, np.ndarray]:
    """Name -> place (3,) m of each finger's tip that is known."""
    xyz = hand.keypoints3d.xyz[0]
    tips = {name: xyz[HAND_21.index(name)] for name in TIPS}
    return {name: place for name, place in tips.items() if np.isfinite(place).all()}
