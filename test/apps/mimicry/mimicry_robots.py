"""The robots of config/mimicry, and what tests need of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pose_ros.apps.mimicry.robot import Robot

CONFIG = Path(__file__).parents[3] / "config" / "mimicry"
ROBOTS = ("panda", "iiwa", "xarm6", "ur5e")
# Where pybullet's URDFs are missing, the arms of config/mimicry that need them are left out.
WITH_PYBULLET = importlib.util.find_spec("pybullet_data") is not None


def load(name: str, **more) -> Robot:
    if name != "ur5e" and not WITH_PYBULLET:
        pytest.skip("pybullet_data, which holds the URDF, is not installed")
    return Robot.load(CONFIG / f"{name}.yaml", **more)


def two_arms() -> str:
    """A URDF with two UR-like arms and a head on a trunk."""
    arm = (CONFIG / "ur5e.urdf").read_text()
    body = arm[arm.index("<link") : arm.rindex("</robot>")]
    parts = ['<robot name="two"><link name="trunk"/>']
    for side, y, turn in (("left", 0.3, -1.5707963267948966), ("right", -0.3, 1.5707963267948966)):
        text = body
        for word in ("link name=", "joint name=", "parent link=", "child link="):
            text = text.replace(f'{word}"', f'{word}"{side}_')
        parts.append(text)
        parts.append(
            f'<joint name="{side}_mount" type="fixed"><parent link="trunk"/><child link="{side}_base_link"/>'
            f'<origin xyz="0 {y} 1" rpy="{turn} 0 0"/></joint>'
        )
    parts.append(
        '<link name="neck"/><link name="face"/>'
        '<joint name="pan" type="revolute"><parent link="trunk"/><child link="neck"/>'
        '<axis xyz="0 0 1"/><limit lower="-1" upper="1" velocity="2"/></joint>'
        '<joint name="tilt" type="revolute"><parent link="neck"/><child link="face"/>'
        '<axis xyz="0 -1 0"/><limit lower="-0.5" upper="0.5" velocity="2"/></joint></robot>'
    )
    return "".join(parts)


TWO_ARMS = {
    "arms": {
        side: {"base": f"{side}_base_link", "tip": f"{side}_tool0", "acceleration": 14.0, "mount": "shoulder",
               "home": [0.0, -0.8, 1.6, -0.8, 1.57, 0.0]}
        for side in ("left", "right")
    },
    "head": {"base": "trunk", "joints": {"yaw": "pan", "pitch": "tilt"}},
}  # fmt: skip
