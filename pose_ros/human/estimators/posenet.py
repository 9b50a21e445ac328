"""PoseNet: heat maps, offsets and displacements in one pass, people grown from them; bottom-up.

Source: Papandreou et al., "PersonLab", 2018; Google's PoseNet for TensorFlow.js, whose network this is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pose_ros.config import option
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.estimators.movenet import letterbox
from pose_ros.human.estimators.personlab import Maps, choose, grow
from pose_ros.human.estimators.top_down import extent
from pose_ros.nets.tfjs import load_tfjs
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

STRIDE = 16  # pixels a cell of the maps
MOST_CANDIDATES = 256
OUTPUTS = tuple(
    f"MobilenetV1/{name}_2/BiasAdd" for name in ("heatmap", "offset", "displacement_fwd", "displacement_bwd")
)
# Parent and child, from the nose outwards, in the order of the displacement maps.
TREE = (
    ("nose", "left_eye"), ("left_eye", "left_ear"), ("nose", "right_eye"), ("right_eye", "right_ear"),
    *(
        edge
        for side in ("left", "right")
        for edge in (
            ("nose", f"{side}_shoulder"), (f"{side}_shoulder", f"{side}_elbow"),
            (f"{side}_elbow", f"{side}_wrist"), (f"{side}_shoulder", f"{side}_hip"),
            (f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_ankle"),
        )
    ),
)  # fmt: skip
EDGES = tuple((COCO_17.index(parent), COCO_17.index(child)) for parent, child in TREE)


@dataclass(frozen=True)
class PoseNetConfig:
    weights: str = option("posenet", "name of the weights, or the path of a model.json")
    long_side: int = option(
        640,
        "length the image's longer side is scaled to: longer finds smaller people",
        unit="px",
        range=(64, 2048),
    )
    max_people: int = option(10, "at most this many people are reported", range=(1, 50))
    min_part: float = option(0.5, "people are grown from joints whose heat is above this", range=(0.01, 1.0))
    min_score: float = option(
        0.2, "people whose joints' mean is below this are not reported", range=(0.0, 1.0)
    )
    radius: float = option(
        20.0, "two of one joint nearer than this in the scaled image are one", unit="px", range=(1.0, 200.0)
    )


class PoseNet(HumanEstimator):
    about = About("bottom-up: joints by heat map, people by displacements along a tree", "Google, Apache-2.0")
    skeleton = COCO_17

    def __init__(self, config: PoseNetConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self.network = load_tfjs(path_of(config.weights), OUTPUTS).to(device)

    def warm_up(self) -> None:
        self.maps(np.zeros((480, 640, 3), np.uint8))

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        maps, scale = self.maps(rgb)
        seen = time.perf_counter()
        people = self._people(maps, scale)
        self.stage_ms = {"network": (seen - started) * 1e3, "parse": (time.perf_counter() - seen) * 1e3}
        return people

    @torch.inference_mode()
    def maps(self, rgb: np.ndarray) -> tuple[Maps, float]:
        """The network's maps, and its pixels a pixel of the image."""
        canvas, scale = letterbox(rgb, self.config.long_side, STRIDE)
        # With a size of 16 n + 1 padding is alike on all sides, and a cell lies on every 16th pixel.
        canvas = cv2.copyMakeBorder(canvas, 0, 1, 0, 1, cv2.BORDER_CONSTANT)
        image = torch.from_numpy(canvas).to(self.device).permute(2, 0, 1)[None].float() / 127.5 - 1
        heat, *fields = (output[0] for output in self.network(image))
        # First all y, then all x.
        fields = [field.reshape(2, -1, *field.shape[1:]).transpose(0, 1) for field in fields]
        return Maps(torch.sigmoid(heat), *fields, STRIDE), scale

    @torch.inference_mode()
    def _people(self, maps: Maps, scale: float) -> Keypoints2D:
        config = self.config
        trees = grow(maps, EDGES, config.min_part, MOST_CANDIDATES)
        chosen, scores = choose(trees, config.radius, config.min_score)
        chosen = chosen[np.argsort(-scores, kind="stable")][: config.max_people]
        xy, score = (trees.yx[chosen][..., ::-1] + 0.5) / scale - 0.5, trees.score[chosen]
        return Keypoints2D(xy, score, extent(xy, score, config.min_score), self.skeleton)
