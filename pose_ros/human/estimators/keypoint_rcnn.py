"""Mask R-CNN with key points: people's boxes, and of each of them mask and joints; top-down in one pass.

Source: He et al., "Mask R-CNN", 2017.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_ros.config import option
from pose_ros.errors import ConfigError
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.movenet import letterbox
from pose_ros.human.similarity import distinct
from pose_ros.nets.keypoint_rcnn import SHRINKS, Found, load_compact, load_published, paint
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

SAME_PERSON = 0.7  # similarity of joints above which two finds are one person


@dataclass(frozen=True)
class KeypointRCNNConfig:
    variant: str = option(
        "compact",
        "network: our own small one, or torchvision's published one, which tells no masks",
        choices=("compact", "resnet50_fpn"),
    )
    weights: str = option("", "path of the variant's file; empty is the registered one of compact")
    long_side: int = option(
        384,
        "length the image's longer side is scaled to: longer finds smaller people; resnet50_fpn has its own",
        unit="px",
        range=(64, 2048),
    )
    min_score: float = option(0.3, "people below this score are not reported", range=(0.01, 1.0))
    most_overlap: float = option(
        0.6, "of two boxes that overlap by more (IoU) only the surer is reported", range=(0.1, 0.95)
    )
    max_people: int = option(12, "so many people are reported at most", range=(1, 100))


class KeypointRCNN(HumanEstimator):
    about = About(
        "two stages: proposals, then box, mask and heat maps of each person",
        "this project's, on MoveNet's, Apache-2.0",
        "torchvision's published file (resnet50_fpn): loader only",
    )
    skeleton = COCO_17

    def __init__(self, config: KeypointRCNNConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        if config.variant == "compact":
            self.network = load_compact(path_of(config.weights or "keypoint_rcnn"))
        elif config.weights:
            self.network = load_published(path_of(config.weights))
        else:
            raise ConfigError(
                f"keypoint_rcnn.variant {config.variant} needs keypoint_rcnn.weights, the path of its "
                "published file"
            )
        self.network.to(device)

    def warm_up(self) -> None:
        self.estimate(np.zeros((480, 640, 3), np.uint8), 0)

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        config = self.config
        image, size = self._canvas(rgb)
        found = self.network.find(image, size, config.max_people, config.min_score, config.most_overlap)
        seen = time.perf_counter()
        people = self._keypoints(found, rgb.shape[:2], size)
        self.stage_ms = {"network": (seen - started) * 1e3, "masks": (time.perf_counter() - seen) * 1e3}
        return people

    def _canvas(self, rgb: np.ndarray) -> tuple[Tensor, tuple[int, int]]:
        """What the network sees, (1,3,H,W), and which height and width of that is the picture."""
        if self.config.variant == "compact":
            canvas, scale = letterbox(rgb, self.config.long_side, SHRINKS)
            return self._tensor(canvas), tuple(round(side * scale) for side in rgb.shape[:2])
        return self.network.fit(self._tensor(rgb))

    def _tensor(self, rgb: np.ndarray) -> Tensor:
        return torch.from_numpy(rgb).to(self.device).permute(2, 0, 1)[None].float()

    def _keypoints(self, found: Found, shape: tuple[int, int], size: tuple[int, int]) -> Keypoints2D:
        """In pixels of an image of `shape`, whose centres lie at integers."""
        scale = np.array(shape[::-1]) / size[::-1]
        xy, box, frame, score = (
            one.cpu().numpy().astype(float) for one in (found.xy, found.boxes, found.frame, found.point_score)
        )
        box, frame = (one * np.tile(scale, 2) for one in (box, frame))
        mask = None if found.mask is None else paint(found.mask.cpu().numpy(), frame, *shape)
        people = Keypoints2D(xy * scale - 0.5, score, box - 0.5, self.skeleton, mask=mask)
        return people.select(distinct(people, SAME_PERSON))
