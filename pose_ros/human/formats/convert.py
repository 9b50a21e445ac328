"""The registry of formats, and the function that converts to any of them by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pose_ros.errors import ConfigError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats.animate import animate
from pose_ros.human.formats.bvh import write_bvh
from pose_ros.human.formats.gmr import gmr_frame
from pose_ros.human.formats.points import convert_2d, convert_3d
from pose_ros.human.formats.skeletons import POINT_FORMATS
from pose_ros.human.formats.smpl import smpl_pose
from pose_ros.human.formats.upright import LEVEL_CAMERA
from pose_ros.types import Keypoints2D, Keypoints3D, Person


@dataclass(frozen=True)
class Format:
    """What a format is, and the conversions it has: of_person(person, world_from_camera); of key points."""

    about: str
    of_person: Callable[[Person, RigidTransform], Any]
    has_points: bool


def _points(name: str) -> Format:
    about = f"Keypoints3D of {len(POINT_FORMATS[name].skeleton)} joints, in the frame of the person"
    return Format(about, lambda person, _: convert_3d(person.keypoints3d, name), True)


FORMATS: dict[str, Format] = {
    **{name: _points(name) for name in POINT_FORMATS},
    "smpl_24": Format(
        "SmplPose: 24 joints and their rotations against SMPL's rest, in the frame of the person",
        lambda person, _: smpl_pose(person),
        True,
    ),
    "gmr": Format(
        "dictionary of position and quaternion wxyz a body, in a world with z up", gmr_frame, False
    ),
    "bvh": Format(
        "text of a BVH file of one frame, metres, y up; of a sequence: animate and write_bvh",
        lambda person, world: write_bvh(animate([person], [0], world)),
        False,
    ),
}


def check_format(name: str) -> None:
    """ConfigError, listing the valid names, where there is no such format."""
    if name not in FORMATS:
        raise ConfigError(unknown("format", name, FORMATS))


def convert(
    subject: Person | Keypoints3D | Keypoints2D, name: str, world_from_camera: RigidTransform = LEVEL_CAMERA
) -> Any:
    """A person or key points in the format `name`; FORMATS tells what comes out.

    Key points (any number of people) can be had in the formats of points, and then stay key points; those
    that need rotations take a Person. What is unknown is NaN with score 0, or left out where the format has
    no word for unknown: `missing` counts it. Formats that stand in a world use `world_from_camera` (REP-103,
    z up), unless told that of a level camera. Raises ConfigError, listing the valid names.
    """
    check_format(name)
    if isinstance(subject, Person):
        return FORMATS[name].of_person(subject, world_from_camera)
    if not FORMATS[name].has_points:
        raise ConfigError(f"format {name!r} needs rotations, which key points have not: give it a Person")
    return (convert_2d if isinstance(subject, Keypoints2D) else convert_3d)(subject, name)
