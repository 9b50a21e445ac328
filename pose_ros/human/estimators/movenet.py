"""MoveNet MultiPose: COCO-17 key points of up to six people in one pass, bottom-up.

Source: Google, "MoveNet MultiPose Lightning" model card (CenterNet on MobileNetV2 with an FPN).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pose_ros.config import option
from pose_ros.human.estimators.estimator import HumanEstimator
from pose_ros.nets.tflite import load_tflite
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

STRIDE = 32  # the network takes sides that are multiples of this


@dataclass(frozen=True)
class MoveNetConfig:
    weights: str = option("movenet_multipose", "name of the weights, or a path")
    long_side: int = option(
        384,
        "length the image's longer side is scaled to: longer finds smaller people",
        unit="px",
        range=(64, 2048),
    )
    min_score: float = option(0.2, "people below this score are not reported", range=(0.0, 1.0))


class MoveNet(HumanEstimator):
    skeleton = COCO_17

    def __init__(self, config: MoveNetConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self._network = load_tflite(path_of(config.weights)).to(device)

    @torch.inference_mode()
    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        canvas, scale = letterbox(rgb, self.config.long_side, STRIDE)
        image = torch.from_numpy(canvas).to(self.device).permute(2, 0, 1)[None].float()
        (found,) = self._network(image)
        people = found[0].cpu().numpy()
        people = people[people[:, 55] >= self.config.min_score]
        people = people[np.argsort(-people[:, 55], kind="stable")]
        side = np.array([canvas.shape[1], canvas.shape[0]]) / scale
        points = people[:, :51].reshape(-1, len(self.skeleton), 3)
        boxes = people[:, [52, 51, 54, 53]]
        self.stage_ms = {"detect": (time.perf_counter() - started) * 1e3}
        # Normalised coordinates count from pixel edges, ours from pixel centres.
        return Keypoints2D(
            xy=points[..., 1::-1] * side - 0.5,
            score=points[..., 2],
            box_xyxy=boxes * np.tile(side, 2) - 0.5,
            skeleton=self.skeleton,
        )


def letterbox(rgb: np.ndarray, long_side: int, stride: int) -> tuple[np.ndarray, float]:
    """Image scaled so that its longer side is `long_side`, black below and right to multiples of stride.

    Returns it and the scale: canvas pixels a pixel of the input.
    """
    height, width = rgb.shape[:2]
    scale = long_side / max(height, width)
    small = cv2.resize(
        rgb, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA if scale < 1 else 1
    )
    canvas = np.zeros((*(-(-side // stride) * stride for side in small.shape[:2]), 3), np.uint8)
    canvas[: small.shape[0], : small.shape[1]] = small
    return canvas, scale
