"""MoveNet SinglePose, Lightning or Thunder: COCO-17 key points of one person a crop, who is followed.

Source: Google, "MoveNet SinglePose" model card (CenterNet on MobileNetV2 with an FPN). The crop about the
person is the one its authors describe; several people are several crops, in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.human.estimators.estimator import About
from pose_ros.human.estimators.movenet_heads import decode
from pose_ros.human.estimators.top_down import TopDown, TopDownConfig, extent
from pose_ros.human.regions import Regions
from pose_ros.nets.tfjs import load_tfjs
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

SIDES = {"lightning": 192, "thunder": 256}  # px of the crops
SEEN = 0.2  # key points of a lower score do not say where the person is
TORSO_REACH, BODY_REACH = 1.9, 1.2  # half of the crop's side is so many times as far as the joints reach
TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")

_GRAPH = "StatefulPartitionedCall"
START = f"{_GRAPH}/stack"  # the picture as it comes; what is before takes one only
HEADS = (
    f"{_GRAPH}/center_0/conv2d_4/BiasAdd",
    f"{_GRAPH}/kpt_heatmap_0/conv2d_5/BiasAdd",
    f"{_GRAPH}/kpt_regress_0/conv2d_6/BiasAdd",
    f"{_GRAPH}/kpt_offset_0/conv2d_7/BiasAdd",
)


@dataclass(frozen=True)
class MoveNetSingleConfig(TopDownConfig):
    variant: str = option("thunder", "lightning is faster, thunder more exact", choices=tuple(SIDES))
    weights: str = option("", "path of the variant's own model.json; empty is the registered one")


class MoveNetSingle(TopDown):
    about = About("top-down, one person a crop: MoveNet SinglePose", "Google, Apache-2.0")

    def __init__(self, config: MoveNetSingleConfig, device: torch.device) -> None:
        super().__init__(config, device)
        path = path_of(config.weights or f"movenet_{config.variant}")
        self.network = load_tfjs(path, HEADS, (START, 3)).to(device)
        self._side = SIDES[config.variant]

    def warm_up(self) -> None:
        super().warm_up()
        self._maps(np.zeros((1, self._side, self._side, 3), np.uint8))

    @torch.inference_mode()
    def look(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        regions = crops_about(people)
        points, score = decode(*self._maps(regions.crop(rgb, self._side)))
        xy, score = regions.to_image(points.double().cpu().numpy()), score.double().cpu().numpy()
        return Keypoints2D(xy, score, extent(xy, score, SEEN), self.skeleton)

    @torch.inference_mode()
    def _maps(self, crops: np.ndarray) -> tuple[torch.Tensor, ...]:
        return self.network(torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float())


def crops_about(people: Keypoints2D) -> Regions:
    """Upright squares about people whose key points are known, wide enough for arms that spread meanwhile.

    The middle is that of the hips, where hips and shoulders were seen, else that of all that was seen.
    """
    index = people.skeleton.indices
    seen = people.score >= SEEN
    shoulders, hips = (seen[:, index(*pair)].any(axis=1) for pair in (TORSO[:2], TORSO[2:]))
    whole = (shoulders & hips)[:, None]
    box = extent(people.xy, people.score, SEEN)
    middle = np.where(whole, people.xy[:, index(*TORSO[2:])].mean(axis=1), (box[:, :2] + box[:, 2:]) / 2)
    away = np.abs(people.xy - middle[:, None]).max(axis=-1)
    body = np.where(seen, away, 0).max(axis=1)
    torso = np.where(whole, np.where(seen, away, 0)[:, index(*TORSO)], 0).max(axis=1)
    half = np.maximum(np.maximum(TORSO_REACH * torso, BODY_REACH * body), 1.0)
    return Regions(middle, 2 * half, np.zeros(len(people)))
