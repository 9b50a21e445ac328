"""All options of mimicry."""

from __future__ import annotations

from dataclasses import dataclass, field

from pose_ros.apps.mimicry.hand import GripConfig
from pose_ros.apps.mimicry.limiter import TrackConfig
from pose_ros.apps.mimicry.lock import LockConfig
from pose_ros.apps.mimicry.target import ScaleConfig
from pose_ros.config import option


@dataclass(frozen=True)
class SafetyConfig:
    stop: float = option(
        0.133, "time after the last sight of the operator at which every joint stands still: 0.1 s after the "
        "frame of a 30 Hz camera that first lacks them", unit="s", range=(0.05, 1.0),
    )  # fmt: skip
    gap: float = option(
        0.035, "gap between two frames up to which speed is not reduced: a camera's period and some more",
        unit="s", range=(0.0, 0.5),
    )  # fmt: skip
    patience: float = option(
        0.3, "a hold shorter than this is followed by going on, a longer one by a soft start", unit="s",
        range=(0.0, 2.0),
    )  # fmt: skip
    speed: float = option(1.0, "part of the joints' speed limits that is used", range=(0.01, 1.0))
    align: float = option(1.5, "least duration of a soft start", unit="s", range=(0.1, 20.0))
    clutch: bool = option(False, "move only while the clutch is pressed, again and again")
    clutch_timeout: float = option(
        0.3, "time after the clutch was last said to be pressed at which it counts as let go", unit="s",
        range=(0.05, 2.0),
    )  # fmt: skip
    distance: float = option(
        0.03, "distance that links keep from each other and from the floor", unit="m", range=(0.0, 0.5)
    )
    deviation: float = option(
        0.5, "difference of the robot's joints from the command at which it holds", unit="rad",
        range=(0.01, 3.0),
    )  # fmt: skip


@dataclass(frozen=True)
class MimicryConfig:
    solver: str = option(
        "auto", "inverse kinematics: closed_form (6, 7 joints), qp (any robot; needs pin, pin-pink, daqp), "
        "or auto: the first that fits", choices=("auto", "closed_form", "qp"),
    )  # fmt: skip
    mirror: bool = option(False, "as in a mirror: the operator's left arm moves the robot's right")
    side: str = option(
        "",
        "side that a robot with one arm stands for; empty: as its file says",
        choices=("", "left", "right"),
    )
    mount: str = option(
        "", "how the base stands: upright looking ahead (table), sideways as from a shoulder; empty: as the "
        "robot's file says", choices=("", "table", "shoulder"),
    )  # fmt: skip
    min_score: float = option(
        0.2, "score of shoulder, elbow and wrist below which an arm holds", range=(0.0, 1.0)
    )
    min_face: float = option(
        0.6, "score of nose or eyes below which all holds: with the head out of sight human_pose may take "
        "the operator's front for the back; 0 to follow operators seen from behind", range=(0.0, 1.0),
    )  # fmt: skip
    rate: float = option(100.0, "commands a second", unit="Hz", range=(20.0, 1000.0))
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    lock: LockConfig = field(default_factory=LockConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    grip: GripConfig = field(default_factory=GripConfig)
