"""The families of human pose estimation, each one `estimator:` away."""

from __future__ import annotations

import torch

from pose_ros.errors import ConfigError, unknown
from pose_ros.human.estimators.blazepose import BlazePose, BlazePoseConfig
from pose_ros.human.estimators.deepcut import DeepCut, DeepCutConfig
from pose_ros.human.estimators.deeppose import DeepPose, DeepPoseConfig
from pose_ros.human.estimators.estimator import HumanEstimator
from pose_ros.human.estimators.keypoint_rcnn import KeypointRCNN, KeypointRCNNConfig
from pose_ros.human.estimators.movenet import MoveNet, MoveNetConfig
from pose_ros.human.estimators.movenet_single import MoveNetSingle, MoveNetSingleConfig
from pose_ros.human.estimators.openpose import OpenPose, OpenPoseConfig
from pose_ros.human.estimators.posenet import PoseNet, PoseNetConfig
from pose_ros.human.estimators.rtmlib_rtmo import RTMO, RTMOConfig
from pose_ros.human.estimators.rtmlib_rtmpose import RTMPose, RTMPoseConfig
from pose_ros.human.estimators.vitpose import ViTPose, ViTPoseConfig

ESTIMATORS: dict[str, type[HumanEstimator]] = {
    "blazepose": BlazePose,
    "deepcut": DeepCut,
    "deeppose": DeepPose,
    "keypoint_rcnn": KeypointRCNN,
    "movenet": MoveNet,
    "movenet_single": MoveNetSingle,
    "openpose": OpenPose,
    "posenet": PoseNet,
    "rtmo": RTMO,
    "rtmpose": RTMPose,
    "vitpose": ViTPose,
}


def create_estimator(name: str, config: object, device: torch.device) -> HumanEstimator:
    """The estimator of that name; ConfigError lists the valid ones."""
    if name not in ESTIMATORS:
        raise ConfigError(unknown("estimator", name, ESTIMATORS))
    return ESTIMATORS[name](config, device)


__all__ = [
    "ESTIMATORS",
    "BlazePoseConfig",
    "DeepCutConfig",
    "DeepPoseConfig",
    "HumanEstimator",
    "KeypointRCNNConfig",
    "MoveNetConfig",
    "MoveNetSingleConfig",
    "OpenPoseConfig",
    "PoseNetConfig",
    "RTMOConfig",
    "RTMPoseConfig",
    "ViTPoseConfig",
    "create_estimator",
]
