"""A robot that mimics: its arms and head, with their limits, from a description and a URDF."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from pose_ros.apps.mimicry.chain import Chain
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.human_arm import SIDES
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.apps.mimicry.workspace import Workspace
from pose_ros.errors import unknown
from pose_ros.geometry.rigid import RigidTransform

# How the base is turned against the operator's chest: degrees about the fixed axes x, y, z, in this order.
MOUNTS = {
    "table": {"left": (0, 0, 0), "right": (0, 0, 0)},  # upright, looking ahead
    "shoulder": {
        "left": (90, 0, 0),
        "right": (-90, 0, 0),
    },  # standing out sideways, as an arm from a shoulder
}
ARM_KEYS = ("base", "tip", "joints", "tcp", "tool_rpy", "mount", "home", "acceleration", "velocity", "radius",
            "workspace", "gripper")  # fmt: skip
HEAD_AXES = {"yaw": (0, 0, 1), "pitch": (0, 1, 0), "roll": (1, 0, 0)}


@dataclass(frozen=True)
class Gripper:
    """joint: its name, for its JointState. closed, open: width between the fingers, m."""

    joint: str
    closed: float
    open: float

    def width(self, opening: float) -> float:
        """Width in m of an opening in [0,1]."""
        return self.closed + (self.open - self.closed) * opening


@dataclass(frozen=True)
class RobotArm:
    """One arm. side: its own, or the side it stands for. base_from_chest, tip_from_tool: (3,3). radius: of
    the capsules about its links, m. root_from_base: where its base is on the robot."""

    side: str
    chain: Chain
    root_from_base: RigidTransform
    base_from_chest: np.ndarray
    tip_from_tool: np.ndarray
    radius: float
    workspace: Workspace
    gripper: Gripper | None


@dataclass(frozen=True)
class RobotHead:
    """names: joints. angle: index of each into (yaw, pitch, roll). sign: of each joint's axis."""

    names: tuple[str, ...]
    angle: np.ndarray
    sign: np.ndarray


@dataclass(frozen=True)
class Robot:
    """Joints of all arms, then of the head: names; lower, upper, velocity, acceleration, home (n,)."""

    name: str
    urdf: Urdf
    arms: tuple[RobotArm, ...]
    head: RobotHead | None
    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    home: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def parts(self) -> dict[str, slice]:
        """Which joints are whose: `left`, `right` arm, `head`."""
        parts, start = {}, 0
        for arm in self.arms:
            parts[arm.side] = slice(start, start := start + len(arm.chain))
        if self.head:
            parts["head"] = slice(start, start + len(self.head.names))
        return parts

    @classmethod
    def load(cls, path: Path, description: str = "", side: str = "", mount: str = "") -> Robot:
        """From a YAML file; `description` is a URDF's text that takes the place of the file's own.

        side: the one a robot with one arm stands for; mount: how all arms stand, if not as in the file.
        """
        try:
            spec = yaml.safe_load(path.read_text())
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise RobotError(f"{path} cannot be read: {error}") from error
        try:
            urdf = Urdf.parse(description) if description else Urdf.load(_urdf_path(spec, path.parent))
            return cls.of(spec, urdf, path.stem, side, mount)
        except RobotError as error:
            raise RobotError(f"{path.name}: {error}") from error

    @classmethod
    def of(cls, spec: Any, urdf: Urdf, name: str = "robot", side: str = "", mount: str = "") -> Robot:
        _known("robot", spec, ("urdf", "arms", "head"))
        arms_spec = spec.get("arms") or {}
        _known("arms", arms_spec, SIDES)
        if not arms_spec:
            raise RobotError("no arm is named: arms takes left, right or both")
        if side and len(arms_spec) == 1:
            arms_spec = {side: next(iter(arms_spec.values()))}
        root = _root(urdf)
        arms, columns = [], []
        for arm_side, arm_spec in arms_spec.items():
            arm, limits = _arm(urdf, root, arm_side, arm_spec, mount)
            arms.append(arm)
            columns.append(limits)
        names = tuple(joint for arm in arms for joint in arm.chain.names)
        head = None
        if spec.get("head"):
            head, limits = _head(urdf, spec["head"])
            names += head.names
            columns.append(limits)
        if len(set(names)) < len(names):
            raise RobotError("a joint belongs to two parts")
        return cls(name, urdf, tuple(arms), head, names, *np.concatenate(columns, axis=1))


def _arm(urdf: Urdf, root: str, side: str, spec: Any, mount: str) -> tuple[RobotArm, np.ndarray]:
    """The arm and its lower, upper, velocity, acceleration, home (5,n)."""
    _known(f"{side} arm", spec, ARM_KEYS)
    for key in ("base", "tip", "acceleration"):
        if key not in spec:
            raise RobotError(f"{side} arm lacks {key}")
    turned = Rotation.from_euler("xyz", _vector(side, spec, "tool_rpy", 3, 0.0), degrees=True).as_matrix()
    tool = RigidTransform(np.eye(3), _vector(side, spec, "tcp", 3, 0.0))
    chain = Chain.of(urdf, spec["base"], spec["tip"], spec.get("joints") or (), tool)
    n = len(chain)
    velocity = np.minimum(chain.velocity, _vector(side, spec, "velocity", n, np.inf))
    acceleration = _vector(side, spec, "acceleration", n, np.inf)
    if not (np.all(np.isfinite(velocity)) and np.all(velocity > 0) and np.all(acceleration > 0)):
        raise RobotError(f"{side} arm: every joint needs a velocity and an acceleration above 0")
    middle = np.clip(0.0, chain.lower, chain.upper)
    home = np.asarray(_vector(side, spec, "home", n, np.nan))
    home = np.where(np.isnan(home), middle, home)
    if np.any(home < chain.lower) or np.any(home > chain.upper):
        raise RobotError(f"{side} arm: home lies outside of the joints' limits")
    gripper = None
    if spec.get("gripper"):
        _known("gripper", spec["gripper"], ("joint", "closed", "open"))
        gripper = Gripper(
            spec["gripper"].get("joint", ""),
            float(spec["gripper"]["closed"]),
            float(spec["gripper"]["open"]),
        )
    arm = RobotArm(
        side, chain, _rest(urdf, root, spec["base"]), _mount(mount or spec.get("mount", "table"), side),
        turned, float(spec.get("radius", 0.06)), Workspace.of(spec.get("workspace") or {}), gripper,
    )  # fmt: skip
    return arm, np.stack([chain.lower, chain.upper, velocity, acceleration, home])


def _head(urdf: Urdf, spec: Any) -> tuple[RobotHead, np.ndarray]:
    _known("head", spec, ("base", "joints", "acceleration"))
    _known("head's joints", spec.get("joints") or {}, HEAD_AXES)
    names, angle, sign, limits = [], [], [], []
    for which, name in spec["joints"].items():
        if name not in urdf.joints:
            raise RobotError(unknown(f"joint of {urdf.name}", name, urdf.joints))
        joint = urdf.joints[name]
        turned = _rest(urdf, spec["base"], joint.parent).rotation @ joint.parent_from_joint.rotation
        along = float(turned @ joint.axis @ HEAD_AXES[which])
        if abs(along) < 0.5:
            raise RobotError(f"joint {name} does not turn about the head's {which} axis")
        names.append(name)
        angle.append(list(HEAD_AXES).index(which))
        sign.append(np.sign(along))
        velocity = joint.velocity if np.isfinite(joint.velocity) else 1.0
        rest = float(np.clip(0.0, joint.lower, joint.upper))
        limits.append([joint.lower, joint.upper, velocity, float(spec.get("acceleration", 10.0)), rest])
    return RobotHead(tuple(names), np.array(angle), np.array(sign)), np.array(limits).T


def _mount(mount: str | Sequence[float], side: str) -> np.ndarray:
    if isinstance(mount, str):
        if mount not in MOUNTS:
            raise RobotError(unknown("mount", mount, (*MOUNTS, "[roll, pitch, yaw] in degrees")))
        mount = MOUNTS[mount][side]
    if np.shape(mount) != (3,):
        raise RobotError(f"mount is {mount}, not [roll, pitch, yaw] in degrees")
    return Rotation.from_euler("xyz", np.asarray(mount, float), degrees=True).as_matrix()


def _root(urdf: Urdf) -> str:
    below = {joint.child for joint in urdf.joints.values()}
    return next(link for link in urdf.links if link not in below)


def _rest(urdf: Urdf, base: str, link: str) -> RigidTransform:
    """base_from_link with every joint at zero."""
    pose = RigidTransform.identity()
    for joint in urdf.between(base, link) if base != link else ():
        pose = pose @ joint.parent_from_joint
    return pose


def _known(what: str, spec: Any, valid: Sequence[str] | Mapping[str, Any]) -> None:
    if not isinstance(spec, Mapping):
        raise RobotError(f"{what} holds a {type(spec).__name__}, not {', '.join(valid)}")
    for key in spec:
        if key not in valid:
            raise RobotError(unknown(f"key of {what}", key, valid))


def _vector(side: str, spec: Mapping[str, Any], key: str, n: int, default: float) -> np.ndarray:
    """(n,) numbers: one a joint, or one for all."""
    try:
        value = np.asarray(spec.get(key, default), dtype=float)
        return np.array(np.broadcast_to(value, (n,)))
    except (TypeError, ValueError) as error:
        raise RobotError(f"{side} arm: {key} takes {n} numbers, not {spec.get(key)}") from error


def _urdf_path(spec: Any, folder: Path) -> Path:
    """The URDF a robot's file names: beside it, absolute, or `package:path` in a Python package."""
    text = spec.get("urdf") if isinstance(spec, Mapping) else None
    if not text:
        raise RobotError("no URDF: the file names none and there is no robot_description")
    package, colon, inside = str(text).partition(":")
    if not colon:
        return folder / text
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise RobotError(
            f"the URDF is in the Python package {package}, which is missing: pip install pybullet"
        )
    return Path(next(iter(found.submodule_search_locations))) / inside
