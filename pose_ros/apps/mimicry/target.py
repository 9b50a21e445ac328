"""What a robot's arm is asked to do: the human arm's shape with the robot's own lengths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.mimicry.arm_shape import ArmShape
from pose_ros.apps.mimicry.human_arm import HumanArm
from pose_ros.config import option
from pose_ros.geometry.rigid import rotation_exp

# Tip of a tool from the human wrist's frame: z points where the hand does, and the gripper opens (y) where
# thumb and fingers do, forward at rest.
WRIST_FROM_TOOL = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
STRAIGHT = np.sin(np.radians(10))  # bend below which the elbow's plane is rather held than seen


@dataclass(frozen=True)
class ScaleConfig:
    limbs: str = option(
        "segments",
        "the robot's wrist by its own upper arm and forearm along the human's (segments), or the human's way "
        "from shoulder to wrist times the ratio of the arms' lengths (uniform)",
        choices=("segments", "uniform"),
    )
    reach: float = option(1.0, "times this, to use more or less of the robot's reach", range=(0.2, 2.0))


@dataclass(frozen=True)
class ArmTarget:
    """In the robot arm's base frame. wrist (3,) m. hinge (3,): the elbow's axis, unit, about whose negative
    the elbow bends; not along shoulder to wrist. upper (3,): direction of the upper arm. hand (3,3):
    rotation of the tip."""

    wrist: np.ndarray
    hinge: np.ndarray
    upper: np.ndarray
    hand: np.ndarray


def arm_target(
    arm: HumanArm, shape: ArmShape, base_from_chest: np.ndarray, tip_from_tool: np.ndarray,
    config: ScaleConfig | None = None,
) -> ArmTarget:  # fmt: skip
    """The target of a robot arm of `shape` that is to look like `arm`.

    base_from_chest (3,3): how the robot's base is turned against the operator's chest. tip_from_tool (3,3):
    how a tool (z ahead, opening along y) is turned against the chain's tip.
    """
    config = config or ScaleConfig()
    if config.limbs == "segments":
        reach = shape.upper * arm.upper + shape.fore * arm.fore
    else:
        ratio = (shape.upper + shape.fore) / (arm.upper_length + arm.fore_length)
        reach = ratio * (arm.upper_length * arm.upper + arm.fore_length * arm.fore)
    hand = base_from_chest @ arm.hand @ WRIST_FROM_TOOL @ tip_from_tool.T
    return ArmTarget(
        shape.shoulder + config.reach * base_from_chest @ reach,
        base_from_chest @ elbow_hinge(arm), base_from_chest @ arm.upper, hand,
    )  # fmt: skip


def elbow_hinge(arm: HumanArm) -> np.ndarray:
    """Axis (3,) across the arm's plane, in the chest's axes.

    The joints show it where the arm is bent; where it is straight the upper arm's frame does, whose twist is
    held as it was last seen. In between they share, so that nothing jumps.
    """
    normal = np.cross(arm.fore, arm.upper)  # along the hinge: the elbow bends about its negative
    bend = np.linalg.norm(normal)
    held = arm.hinge - arm.upper * (arm.hinge @ arm.upper)
    share = bend**2 / (bend**2 + STRAIGHT**2)
    if bend > 1e-9 and normal @ held < 0:
        share *= max(0.0, 1 + 2 * normal @ held / (bend * max(np.linalg.norm(held), 1e-9)))
    seen = normal / max(bend, 1e-9)
    return _unit(share * seen + (1 - share) * _unit(held))


def about(direction: np.ndarray, vector: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """`vector` (3,) turned about a unit `direction` (3,) by `angles` (k,): (k,3)."""
    return rotation_exp(angles[:, None] * direction) @ vector


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-12)
