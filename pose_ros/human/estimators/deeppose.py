"""DeepPose: everyone is found by MoveNet's boxes, cut out, and their joints are told by regression.

Source: Toshev & Szegedy, "DeepPose: Human Pose Estimation via Deep Neural Networks", CVPR 2014. Our own
network has their cascade; the ResNets that others published have one stage.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pose_ros.config import option
from pose_ros.human.box_crops import BoxCrops
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.movenet import MoveNet, MoveNetConfig
from pose_ros.human.similarity import distinct
from pose_ros.nets import deeppose
from pose_ros.nets.deeppose import published
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

SAME_PERSON = 0.5  # similarity above which two boxes held one person


@dataclass(frozen=True)
class DeepPoseConfig:
    variant: str = option(
        "own",
        "own: this project's network and cascade; resnet: a checkpoint of mmpose's regression of COCO-17 by "
        "ResNet-50, -101 or -152, with or without RLE, whose path `weights` must give",
        choices=("own", "resnet"),
    )
    weights: str = option("deeppose", "name of the weights, or a path")
    stages: int = option(3, "stages of the cascade of variant own; 1 is without", range=(1, deeppose.STAGES))
    max_people: int = option(6, "at most this many people are looked at", range=(1, 20))
    detector: MoveNetConfig = field(default_factory=MoveNetConfig)


class DeepPose(HumanEstimator):
    about = About(
        "regression of coordinates in a crop of each person, refined joint by joint",
        "this project's, from MoveNet's, Apache-2.0",
        "published ResNets",
    )
    skeleton = COCO_17

    def __init__(self, config: DeepPoseConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self._detector = MoveNet(config.detector, device)
        path = path_of(config.weights)
        if config.variant == "own":
            self._network, size = deeppose.load_trained(path), (deeppose.HEIGHT, deeppose.WIDTH)
        else:
            self._network, size = deeppose.load_published(path), (published.HEIGHT, published.WIDTH)
        self._network.to(device, memory_format=torch.channels_last)
        self._rows, self._columns = size
        self._short = _computes_short(device)

    def warm_up(self) -> None:
        self._detector.warm_up()
        self._look(np.zeros((1, self._rows, self._columns, 3), np.uint8))

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        boxes = self._detector.detect(rgb).box_xyxy[: self.config.max_people]
        found = time.perf_counter()
        people = self.within(rgb, boxes)
        people = people.select(np.argsort(-people.score.mean(axis=1), kind="stable"))
        people = people.select(distinct(people, SAME_PERSON))
        self.stage_ms = {"detect": (found - started) * 1e3, "regress": (time.perf_counter() - found) * 1e3}
        return people

    def within(self, rgb: np.ndarray, box_xyxy: np.ndarray) -> Keypoints2D:
        """The people of these boxes (N,4) px, one for each."""
        if not len(box_xyxy):
            return Keypoints2D.empty(self.skeleton)
        windows = BoxCrops.around(box_xyxy, self._columns / self._rows, deeppose.MARGIN)
        unit, score = self._look(windows.cut(rgb, self._rows))
        return Keypoints2D(windows.to_image(unit), score, np.asarray(box_xyxy, float), self.skeleton)

    @torch.inference_mode()
    def _look(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joints (N,17,2) in heights about the crops' middle, and scores (N,17)."""
        image = torch.from_numpy(crops).to(self.device).permute(0, 3, 1, 2).float()
        own = self.config.variant == "own"
        unit, score = self._by_cascade(image) if own else self._by_resnet(image)
        return unit.double().cpu().numpy(), score.double().cpu().numpy()

    def _by_cascade(self, image: Tensor) -> tuple[Tensor, Tensor]:
        said = self._network(image, self.config.stages, self._short)
        return said.xy[-1], said.logit.sigmoid()

    def _by_resnet(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Scores as mmpose has them: the scale is its own doubt, who knows none is sure of all."""
        said, scale = self._network(image)
        size = said.new_tensor([self._columns, self._rows])
        unit = (said * size - (size - 1) / 2) / self._rows
        return unit, 1 - scale.mean(-1).nan_to_num(0.0)


def _computes_short(device: torch.device) -> bool:
    """Whether bfloat16, in which the network was trained, is faster there than float."""
    if device.type != "cpu":
        return device.type == "cuda"
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
