"""DeepPose: our own network with its cascade, and the regressions that others published."""

from pose_ros.nets.deeppose.network import (
    HEIGHT,
    JOINTS,
    MARGIN,
    STAGES,
    WIDTH,
    DeepPoseNetwork,
    Maps,
    Regression,
)
from pose_ros.nets.deeppose.published import ResNetRegression, load_published
from pose_ros.nets.deeppose.trained import load_trained

__all__ = [
    "HEIGHT",
    "JOINTS",
    "MARGIN",
    "STAGES",
    "WIDTH",
    "DeepPoseNetwork",
    "Maps",
    "Regression",
    "ResNetRegression",
    "load_published",
    "load_trained",
]
