"""People as General Motion Retargeting takes them: body name -> (position, quaternion w x y z).

GMR (Ze et al. 2025, github.com/YanjieZe/GMR) reads SMPL-X bodies: its robots' tables ask for joints of
the first 22 of SMPL-X, each with its place in a world with z up, in metres, and the rotation of its frame
in that world; the frames rest as SMPL's do (x left, y up, z forward, arms in a T). Give the dictionary to
`GeneralMotionRetargeting(src_human="smplx", …).retarget(…)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion, quaternion_from_matrix
from pose_ros.human.formats.skeletons import SMPL_24
from pose_ros.human.formats.smpl import smpl_pose
from pose_ros.human.formats.upright import LEVEL_CAMERA
from pose_ros.types import Person

GmrFrame = dict[str, tuple[np.ndarray, np.ndarray]]
BODIES = tuple(joint for joint in SMPL_24.joints if not joint.endswith("_hand"))
# What GMR's tables for SMPL-X (version of 2025-08) ask for: a frame that lacks one cannot be retargeted.
REQUIRED = (
    "pelvis", "spine3",
    *(f"{side}_{part}" for side in ("left", "right")
      for part in ("hip", "knee", "foot", "shoulder", "elbow", "wrist")),
)  # fmt: skip


def gmr_frame(person: Person, world_from_camera: RigidTransform = LEVEL_CAMERA) -> GmrFrame:
    """{body: (position (3,) m, quaternion (4,) wxyz)} in the world; a body that is unknown is left out.

    GMR has no word for unknown, and a NaN would end up in its robot's joints: `unavailable` tells what is
    not there. COCO-17 has no feet, so that its people lack `left_foot` and `right_foot`.
    """
    pose = smpl_pose(person)
    position = world_from_camera.apply(pose.xyz)
    known = [n for n, joint in enumerate(SMPL_24.joints) if joint in BODIES and joint not in pose.missing]
    xyzw = quaternion_from_matrix(world_from_camera.rotation @ pose.rotation[known])
    wxyz = np.roll(xyzw, 1, axis=-1)
    return {SMPL_24.joints[n]: (position[n], turn) for n, turn in zip(known, wxyz, strict=True)}


def unavailable(frame: Iterable[str], required: Iterable[str] = REQUIRED) -> tuple[str, ...]:
    """Bodies that GMR asks for and this frame has not."""
    there = set(frame)
    return tuple(body for body in required if body not in there)


def rotation_of(frame: Mapping[str, tuple[np.ndarray, np.ndarray]], body: str) -> np.ndarray:
    """(3,3) of a body in the world."""
    return matrix_from_quaternion(np.roll(frame[body][1], -1))
