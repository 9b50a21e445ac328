"""What a live recording is told before it begins, and of each topic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pose_ros.apps.record.bag import BagConfig
from pose_ros.apps.record.operator import GestureConfig
from pose_ros.apps.record.resample import RateConfig
from pose_ros.apps.record.sources import FeatureConfig, TopicSource
from pose_ros.apps.record.video import VideoConfig
from pose_ros.config import option

BAGS, SET = "bags", "lerobot"
FORMATS = ("mcap", "lerobot", "both")


@dataclass(frozen=True)
class SessionConfig:
    folder: str = option("recordings", "what is recorded goes to its folders bags and lerobot")
    formats: str = option("both", "rosbag2 (MCAP), LeRobotDataset v3.0, or both", choices=FORMATS)
    task: str = option("", "what the operator does, in words a policy is told")
    robot: str = option("", "the robot's name")
    min_free: float = option(
        1.0, "an episode is ended, and none begun, with less space on the disk", unit="GB", range=(0.0, 1e6)
    )
    rate: RateConfig = field(default_factory=RateConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    video: VideoConfig = field(default_factory=VideoConfig)
    bag: BagConfig = field(default_factory=BagConfig)
    gesture: GestureConfig = field(default_factory=GestureConfig)


@dataclass
class Topic:
    """A topic that is recorded. source: what columns are made of it, if any; read: a message of its bytes."""

    name: str
    type: str
    definition: str
    qos: str
    read: Callable[[bytes], Any]
    source: TopicSource | None = None
    keep_last: bool = False  # latched: what came before the episode belongs to it
    last: tuple[int, bytes] | None = None
    channel: int | None = None
