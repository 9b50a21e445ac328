"""How a person's frames would stand if a joint lay elsewhere: what errors of joints do to angles."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.rigid import rotation_exp
from pose_ros.human.orient import FRAMES, STRAIGHT, OrientConfig
from pose_ros.types import Person

SIDES = ("left", "right")
SMALL = 0.01  # so small that angles change in proportion
_TRUNK = (("left_shoulder", 0.5), ("right_shoulder", 0.5), ("left_hip", -0.5), ("right_hip", -0.5))
# What shows how the trunk's frames turn about their own line.
_ACROSS = {"body": ("left_hip", "right_hip"), "neck": ("left_shoulder", "right_shoulder")}
_BONES = {
    f"{side}_{a}": (f"{side}_{a}", f"{side}_{b}", f"{side}_{c}")
    for side in SIDES
    for a, b, c in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
}
JOINTS = tuple(f"{side}_{joint}" for side in SIDES for joint in (
    "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel", "foot_index"))  # fmt: skip


def moved_frames(person: Person, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (D,F,3,3) after each of D independent errors of joints, of SMALL sigmas each; and by how much
    the same errors move mid-hip to mid-shoulder (D,3) and the soles (D,2,3), m. The squares of what they
    change add up to SMALL² of the variance."""
    points = person.keypoints3d
    joints = [name for name in JOINTS if name in points.skeleton.joints]
    index = points.skeleton.indices(*joints)
    covariance = np.nan_to_num(points.covariance[0, index])
    value, axes = np.linalg.eigh((covariance + np.swapaxes(covariance, -1, -2)) / 2)
    step = SMALL * axes * np.sqrt(np.maximum(value, 0.0))[:, None, :]  # columns: one error each
    shift = np.zeros((len(joints), 3, len(joints), 3))
    for n in range(len(joints)):
        shift[n, :, n] = step[n].T
    shift = shift.reshape(-1, len(joints), 3)
    move = {name: shift[:, n] for n, name in enumerate(joints)}
    place = dict(zip(joints, points.xyz[0, index], strict=True))
    turn = np.zeros((len(shift), len(FRAMES), 3))
    line = sum(share * move[name] for name, share in _TRUNK)
    along = sum(share * place[name] for name, share in _TRUNK)
    for name, (left, right) in _ACROSS.items():
        n = FRAMES.index(name)
        z = rotation[n, :, 2]
        across = _swing(place[left] - place[right], move[left] - move[right])
        turn[:, n] = _swing(along, line) + (across @ z)[:, None] * z
        if name == "body":  # hips and spine share what they differ by: see orient
            x, trunk = rotation[n, :, 0], _swing(along, line)
            error = np.sum(
                (covariance[joints.index(left)] + covariance[joints.index(right)]) * np.outer(z, z)
            )
            usual = np.radians(OrientConfig().side_bend) ** 2
            width = place[left] - place[right]
            share = usual / (usual + error / (width @ width))
            turn[:, n] += share * ((across - trunk) @ x)[:, None] * x
    for name, (a, b, c) in _BONES.items():
        upper, lower = place[b] - place[a], place[c] - place[b]
        first, second = _swing(upper, move[b] - move[a]), _swing(lower, move[c] - move[b])
        n, y = FRAMES.index(name), rotation[FRAMES.index(name), :, 1]
        long, short = np.linalg.norm(upper), np.linalg.norm(lower)
        sine = np.linalg.norm(np.cross(upper, lower)) / (long * short)
        # The limb's plane turns about the upper bone as the lower one leaves it.
        out = np.cross(second - first, lower / short) @ y
        hand = np.sign(np.cross(y, lower) @ upper) or 1.0
        turn[:, n] = first - hand * (out / max(sine, STRAIGHT))[:, None] * upper / long
        turn[:, FRAMES.index(b)] = turn[:, FRAMES.index(c)] = second
    nothing = np.zeros((len(shift), 3))
    soles = [move.get(f"{side}_foot_index", nothing) - move.get(f"{side}_heel", nothing) for side in SIDES]
    return rotation_exp(np.nan_to_num(turn)) @ rotation, line, np.stack(soles, axis=1)


def _swing(bone: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Rotation vectors (D,3) that follow a bone (3,) whose end moves by (D,3)."""
    return np.cross(bone, move) / (bone @ bone)
