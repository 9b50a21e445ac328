"""The joints of a URDF. Meshes, inertias and transmissions are not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.errors import unknown
from pose_ros.geometry.rigid import RigidTransform

TURNING, SLIDING, FIXED = ("revolute", "continuous"), ("prismatic",), ("fixed",)


@dataclass(frozen=True)
class Joint:
    """One joint: where it sits on its parent and what it may do.

    parent_from_joint: at zero. axis: unit (3,) in the joint's frame. lower, upper: rad or m, infinite for a
    continuous joint. velocity: rad/s or m/s, infinite where the URDF is silent.
    """

    name: str
    kind: str
    parent: str
    child: str
    parent_from_joint: RigidTransform
    axis: np.ndarray
    lower: float
    upper: float
    velocity: float

    @property
    def moves(self) -> bool:
        return self.kind not in FIXED

    @property
    def slides(self) -> bool:
        return self.kind in SLIDING


@dataclass(frozen=True)
class Urdf:
    """A robot's joints by name; every link but one has exactly one joint above it."""

    name: str
    joints: Mapping[str, Joint]
    text: str

    @classmethod
    def parse(cls, text: str) -> Urdf:
        """From the text of a URDF; RobotError tells what it lacks."""
        try:
            root = ElementTree.fromstring(text)
        except ElementTree.ParseError as error:
            raise RobotError(f"the robot description is no XML: {error}") from error
        if root.tag != "robot":
            raise RobotError(f"the robot description starts with <{root.tag}>, not <robot>")
        joints = [_joint(element) for element in root.findall("joint")]
        if not joints:
            raise RobotError("the robot description has no joints")
        children = [joint.child for joint in joints]
        if twice := {child for child in children if children.count(child) > 1}:
            raise RobotError(f"links with two joints above them: {', '.join(sorted(twice))}")
        return cls(root.get("name", ""), {joint.name: joint for joint in joints}, text)

    @classmethod
    def load(cls, path: Path) -> Urdf:
        try:
            return cls.parse(path.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise RobotError(f"{path} cannot be read: {error}") from error

    @property
    def links(self) -> tuple[str, ...]:
        parents = [joint.parent for joint in self.joints.values()]
        return tuple(dict.fromkeys([*parents, *(joint.child for joint in self.joints.values())]))

    def between(self, base: str, tip: str) -> list[Joint]:
        """The joints, fixed ones too, on the way from link `base` to link `tip`."""
        for link in (base, tip):
            if link not in self.links:
                raise RobotError(unknown(f"link of {self.name}", link, self.links))
        above = {joint.child: joint for joint in self.joints.values()}
        path, link = [], tip
        while link != base:
            if link not in above or len(path) > len(above):
                raise RobotError(f"{tip} does not hang below {base} in {self.name}")
            path.append(above[link])
            link = above[link].parent
        return path[::-1]


def _joint(element: ElementTree.Element) -> Joint:
    name, kind = element.get("name", ""), element.get("type", "")
    if kind not in (*TURNING, *SLIDING, *FIXED):
        raise RobotError(f"joint {name}: {unknown('type', kind, (*TURNING, *SLIDING, *FIXED))}")
    parent, child = element.find("parent"), element.find("child")
    if parent is None or child is None:
        raise RobotError(f"joint {name} lacks its parent or child")
    origin, axis, limit = element.find("origin"), element.find("axis"), element.find("limit")
    rpy, xyz = ([0.0] * 3, [0.0] * 3) if origin is None else (
        _numbers(name, origin.get("rpy", "0 0 0")), _numbers(name, origin.get("xyz", "0 0 0"))
    )  # fmt: skip
    direction = np.array([1.0, 0, 0] if axis is None else _numbers(name, axis.get("xyz", "1 0 0")))
    length = np.linalg.norm(direction)
    if kind not in FIXED and length < 1e-9:
        raise RobotError(f"joint {name} has no axis")
    bounded = kind in ("revolute", "prismatic")
    if bounded and (limit is None or (limit.get("lower") is None and limit.get("upper") is None)):
        raise RobotError(f"joint {name} is {kind} and has no limits")

    def number(key: str, default: float) -> float:
        return default if limit is None or limit.get(key) is None else _numbers(name, limit.get(key), 1)[0]

    lower, upper = (number("lower", 0.0), number("upper", 0.0)) if bounded else (-np.inf, np.inf)
    if lower > upper:
        raise RobotError(f"joint {name}: its lower limit {lower} is above its upper limit {upper}")
    return Joint(
        name, kind, parent.get("link", ""), child.get("link", ""),
        RigidTransform(Rotation.from_euler("xyz", rpy).as_matrix(), np.array(xyz)),
        direction / max(length, 1e-9), lower, upper, number("velocity", np.inf),
    )  # fmt: skip


def _numbers(joint: str, text: str, count: int = 3) -> list[float]:
    try:
        values = [float(word) for word in text.split()]
    except ValueError:
        values = []
    if len(values) != count or not np.all(np.isfinite(values)):
        raise RobotError(f"joint {joint}: {text!r} is not {count} number(s)")
    return values
