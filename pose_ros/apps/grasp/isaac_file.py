"""Reads and writes grasps as `isaac_grasp` YAML, format version 1.0: what Isaac Sim's Grasp Editor exports.

A file is of one gripper and one object. position, orientation: of the gripper's link in the object's frame.
cspace_position: its joints when closed on the object, pregrasp_cspace_position: when open before. Isaac Sim
names the frames `object_frame_link`, `gripper_frame_link`, Isaac ROS without `_link`; both are read, and only
for people to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pose_ros.apps.grasp.errors import GraspFileError
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.skin import Skin
from pose_ros.errors import unknown
from pose_ros.geometry.rigid import RigidTransform

FORMAT, VERSION = "isaac_grasp", 1.0
DIGITS = 9
JOINTS = ("cspace_position", "pregrasp_cspace_position")


@dataclass(frozen=True)
class IsaacGrasp:
    """One grasp as the file has it: confidence in [0,1], object_from_link, positions of joints by name."""

    confidence: float
    object_from_link: RigidTransform
    cspace_position: dict[str, float] = field(default_factory=dict)
    pregrasp_cspace_position: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class IsaacGrasps:
    """A whole file: grasps by name, in its order."""

    grasps: dict[str, IsaacGrasp]
    object_frame: str = ""
    gripper_frame: str = ""

    def __len__(self) -> int:
        return len(self.grasps)


def write_isaac_grasps(file: IsaacGrasps, path: Path | str) -> None:
    grasps = {}
    for name, grasp in file.grasps.items():
        x, y, z, w = _rounded(grasp.object_from_link.quaternion)
        grasps[name] = {
            "confidence": round(float(grasp.confidence), DIGITS),
            "position": _rounded(grasp.object_from_link.translation),
            "orientation": {"w": w, "xyz": [x, y, z]},
        } | {
            key: {joint: round(float(value), DIGITS) for joint, value in getattr(grasp, key).items()}
            for key in JOINTS
        }
    document = {
        "format": FORMAT,
        "format_version": VERSION,
        "object_frame_link": file.object_frame,
        "gripper_frame_link": file.gripper_frame,
        "grasps": grasps,
    }
    Path(path).write_text(yaml.safe_dump(document, sort_keys=False, default_flow_style=None, width=110))


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values]


def read_isaac_grasps(path: Path | str) -> IsaacGrasps:
    """GraspFileError names the file, the grasp and what is wrong with it."""
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise GraspFileError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, Mapping) or "format" not in document:
        raise GraspFileError(f"{path} does not say format: {FORMAT}")
    if document["format"] != FORMAT:
        raise GraspFileError(f"{path}: {unknown('format', document['format'], [FORMAT])}")
    if str(document.get("format_version")) not in ("1", "1.0"):
        raise GraspFileError(
            f"{path}: {unknown('format_version', document.get('format_version'), [VERSION])}"
        )
    grasps = document.get("grasps")
    if not isinstance(grasps, Mapping):
        raise GraspFileError(f"{path} has no grasps by name")
    read = {}
    for name, entry in grasps.items():
        try:
            read[str(name)] = _grasp(entry)
        except (TypeError, ValueError, KeyError) as error:
            missing = f"{error} is missing" if isinstance(error, KeyError) else error
            raise GraspFileError(f"{path}: {name}: {missing}") from error
    return IsaacGrasps(read, *(_frame(document, which) for which in ("object", "gripper")))


def _frame(document: Mapping[str, Any], which: str) -> str:
    return str(document.get(f"{which}_frame_link") or document.get(f"{which}_frame") or "")


def _grasp(entry: Any) -> IsaacGrasp:
    if not isinstance(entry, Mapping):
        raise TypeError(f"is {entry!r}, must have position and orientation")
    turn = entry["orientation"]
    if not isinstance(turn, Mapping):
        raise TypeError(f"orientation is {turn!r}, must be {{w, xyz}}")
    position = _numbers("position", entry["position"], 3)
    xyzw = np.append(_numbers("xyz", turn["xyz"], 3), _numbers("w", [turn["w"]], 1))
    if abs(np.linalg.norm(xyzw) - 1) > 0.01:
        raise ValueError(f"orientation has length {np.linalg.norm(xyzw):.3g}, must be 1")
    confidence = float(_numbers("confidence", [entry["confidence"]], 1)[0])
    if not 0 <= confidence <= 1:
        raise ValueError(f"confidence is {confidence:g}, must lie in [0, 1]")
    joints = []
    for key in JOINTS:
        given = entry.get(key) or {}
        if not isinstance(given, Mapping):
            raise TypeError(f"{key} is {given!r}, must be positions by joint")
        joints.append({str(name): float(_numbers(key, [value], 1)[0]) for name, value in given.items()})
    return IsaacGrasp(confidence, RigidTransform.from_quaternion(xyzw, position), *joints)


def _numbers(name: str, values: Any, count: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind not in "if" or not np.isfinite(array.astype(float)).all():
        raise ValueError(
            f"{name} is {values if count > 1 else values[0]!r}, must be {count} finite number(s)"
        )
    return array.astype(float)


def isaac_grasps(grasps: GraspSet, gripper: Gripper, object_frame: str = "") -> IsaacGrasps:
    """What a file says of these grasps."""
    pose = grasps.object_from_grasp @ gripper.link_from_tcp.inverse()
    found = {}
    for n in range(len(grasps)):
        closed, opened = float(gripper.joint_of(grasps.width[n])), float(gripper.joint_of(grasps.opening[n]))
        found[f"grasp_{n}"] = IsaacGrasp(
            float(grasps.quality[n]),
            RigidTransform(pose.rotation[n], pose.translation[n]),
            dict.fromkeys(gripper.joint_names, closed),
            dict.fromkeys(gripper.joint_names, opened),
        )
    return IsaacGrasps(found, object_frame, gripper.link)


def grasps_of_isaac(file: IsaacGrasps, gripper: Gripper, skin: Skin) -> GraspSet:
    """The grasps of a file, whoever made it, on an object's surface; contacts are where the pads then are.

    GraspFileError where its joints are not the gripper's.
    """
    if not file.grasps:
        return GraspSet.empty(skin, {"grasps in the file": 0})
    order = sorted(file.grasps.values(), key=lambda grasp: -grasp.confidence)
    poses = [grasp.object_from_link for grasp in order]
    links = RigidTransform(np.stack([p.rotation for p in poses]), np.stack([p.translation for p in poses]))
    pose = links @ gripper.link_from_tcp
    width = np.array([_width(grasp.cspace_position, gripper, 0.0) for grasp in order])
    opening = [_width(grasp.pregrasp_cspace_position, gripper, gripper.max_width) for grasp in order]
    side = np.array([-1.0, 1.0])[None, :, None] * width[:, None, None] / 2
    contacts = pose.translation[:, None] + side * pose.rotation[:, None, :, 1]
    quality = np.array([grasp.confidence for grasp in order])
    funnel = {"grasps in the file": len(order)}
    return GraspSet(pose, width, np.array(opening), quality, contacts, skin, funnel)


def _width(joints: Mapping[str, float], gripper: Gripper, otherwise: float) -> float:
    if not joints:
        return otherwise
    known = [joints[name] for name in gripper.joint_names if name in joints]
    if not known:
        raise GraspFileError(
            f"no grasp of {gripper.name}: {unknown('joint', next(iter(joints)), gripper.joint_names)}"
        )
    return float(np.clip(gripper.width_of(known[0]), 0.0, gripper.max_width))
