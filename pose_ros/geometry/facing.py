"""Yaw, pitch and roll of heads and gazes against the camera, in degrees.

A frame with x forward, y left, z up (REP-103) whose x axis looks back along the optical axis, upright, has
0, 0, 0. Signs are REP-103's, the person's own: yaw is positive to the person's left, pitch downwards, roll
towards the person's right shoulder. The head turns by yaw about its z first, then by pitch about its new y,
then by roll about its new x. Where in the picture the head is does not matter: directions are compared.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

FACING = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])
"""Camera from a head that has yaw, pitch and roll zero."""


def yaw_pitch_roll(rotation: np.ndarray) -> np.ndarray:
    """(…,3) deg of camera-from-head rotations (…,3,3); NaN where those are."""
    turn = FACING.T @ np.asarray(rotation, float)
    pitch = np.arcsin(np.clip(-turn[..., 2, 0], -1, 1))
    yaw = np.arctan2(turn[..., 1, 0], turn[..., 0, 0])
    roll = np.arctan2(turn[..., 2, 1], turn[..., 2, 2])
    return np.degrees(np.stack([yaw, pitch, roll], axis=-1))


def facing_rotation(angles: np.ndarray) -> np.ndarray:
    """Camera-from-head rotations (…,3,3) of yaw, pitch, roll (…,3) deg."""
    angles = np.asarray(angles, float)
    turns = Rotation.from_euler("ZYX", angles.reshape(-1, 3), degrees=True).as_matrix()
    return FACING @ turns.reshape(*angles.shape[:-1], 3, 3)
