"""RTMPose through `rtmlib`: each joint's place as two classifications, along x and along y; top-down.

Source: Jiang et al., "RTMPose: Real-Time Multi-Person Pose Estimation based on MMPose", 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.errors import GraphError
from pose_ros.human.estimators.estimator import About
from pose_ros.human.estimators.rtmlib_tool import check_outputs, load_tool, parameter_count
from pose_ros.human.estimators.top_down import TopDown, TopDownConfig, extent, person_boxes
from pose_ros.types import Keypoints2D

SEEN = 0.3


@dataclass(frozen=True)
class RTMPoseConfig(TopDownConfig):
    weights: str = option("", "path of an ONNX file of RTMPose")


class RTMPose(TopDown):
    about = About(
        "top-down: a joint's place as classes along x and along y",
        "OpenMMLab, Apache-2.0; by path",
        "published weights: tested with small random networks only",
    )

    def __init__(self, config: RTMPoseConfig, device: torch.device) -> None:
        super().__init__(config, device)
        self._tool = load_tool("rtmpose", "RTMPose", config.weights, device)
        check_outputs(self._tool, config.weights, (3, 3), "joints along x and along y")

    def parameter_count(self) -> int:
        return super().parameter_count() + parameter_count(Path(self.config.weights).expanduser())

    def look(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        # Its networks are trained on RGB; rtmlib takes the colours as they come.
        xy, score = self._tool(rgb, person_boxes(people, SEEN).tolist())
        joints = len(self.skeleton)
        if xy.shape[1] < joints:
            raise GraphError(f"{self.config.weights} gives {xy.shape[1]} joints, not COCO's 17 first")
        # Sets of more joints (Halpe-26, COCO-WholeBody) start with COCO's.
        xy, score = np.asarray(xy[:, :joints], float), np.clip(score[:, :joints], 0.0, 1.0).astype(float)
        return Keypoints2D(xy, score, extent(xy, score, SEEN), self.skeleton)
