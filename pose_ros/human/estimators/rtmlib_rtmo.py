"""RTMO through `rtmlib`: everyone's joints in one pass of a one-stage detector.

Source: Lu et al., "RTMO: Towards High-Performance One-Stage Real-Time Multi-Person Pose Estimation", 2024.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.errors import GraphError
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.rtmlib_tool import check_outputs, load_tool, parameter_count
from pose_ros.human.estimators.top_down import extent
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

SEEN = 0.3


@dataclass(frozen=True)
class RTMOConfig:
    weights: str = option("", "path of an ONNX file of RTMO")
    min_score: float = option(0.5, "people below this score are not reported", range=(0.0, 1.0))
    same_person: float = option(0.45, "of boxes that overlap more than this one stays", range=(0.0, 1.0))


class RTMO(HumanEstimator):
    about = About(
        "one-stage: boxes and joints of everyone at once",
        "OpenMMLab, Apache-2.0; by path",
        "published weights: tested with small random networks only",
    )
    skeleton = COCO_17

    def __init__(self, config: RTMOConfig, device: torch.device) -> None:
        self.config = config
        self.stage_ms = {}
        limits = {"nms_thr": config.same_person, "score_thr": config.min_score}
        self._tool = load_tool("rtmo", "RTMO", config.weights, device, **limits)
        check_outputs(self._tool, config.weights, (3, 4), "boxes and joints of people")

    def parameter_count(self) -> int:
        return parameter_count(Path(self.config.weights).expanduser())

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        # Its networks are trained on BGR; rtmlib takes the colours as they come.
        xy, score = self._tool(np.ascontiguousarray(rgb[..., ::-1]))
        if xy.shape[1:] != (len(self.skeleton), 2):
            raise GraphError(f"{self.config.weights} gives {xy.shape[1]} joints, not COCO's 17")
        some = np.flatnonzero(score.max(axis=1) > 0)  # for nobody, rtmlib gives somebody of zeros
        xy, score = np.asarray(xy[some], float), np.clip(score[some], 0.0, 1.0).astype(float)
        self.stage_ms = {"network": (time.perf_counter() - started) * 1e3}
        return Keypoints2D(xy, score, extent(xy, score, SEEN), self.skeleton)
