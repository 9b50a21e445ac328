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
from pose_ros.human.estimators.estimator import About, HumanEstimator
from pose_ros.human.regions import Regions
from pose_ros.human.similarity import distinct
from pose_ros.nets.tflite import load_tflite
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D
from pose_ros.weights import path_of

STRIDE = 32  # the network takes sides that are multiples of this


# A second look at each person, cut out so that they fill half of a square of this many pixels: the
# network then sees everyone at the size it knows best, however near or far they are.
LOOK, FILL = 256, 0.5
SAME_PERSON = 0.3  # similarity above which two finds are one person
SAME = 0.2  # of the person's size: key points farther apart than this on the mean are another person's


@dataclass(frozen=True)
class MoveNetConfig:
    weights: str = option("movenet_multipose", "name of the weights, or a path")
    long_side: int = option(
        512,
        "length the image's longer side is scaled to: longer finds smaller people",
        unit="px",
        range=(64, 2048),
    )
    min_score: float = option(0.2, "people below this score are not reported", range=(0.0, 1.0))


class MoveNet(HumanEstimator):
    about = About("one pass for up to six people, centre points", "Google, Apache-2.0")
    skeleton = COCO_17

    def __init__(self, config: MoveNetConfig, device: torch.device) -> None:
        self.config = config
        self.device = device
        self.stage_ms = {}
        self._network = load_tflite(path_of(config.weights)).to(device)

    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        started = time.perf_counter()
        people = self.look_again(rgb, self.detect(rgb))
        self.stage_ms = {"detect": (time.perf_counter() - started) * 1e3}
        return people

    def warm_up(self) -> None:
        black = np.zeros((480, 640, 3), np.uint8)
        self.detect(black)
        self._run(black[:LOOK, :LOOK])

    def detect(self, rgb: np.ndarray, only_large: bool = False) -> Keypoints2D:
        """Everyone in the image, from one look for those who are small in it and one for the large.

        `only_large` leaves out the first look, which costs three times the second.
        """
        people = self._look(rgb, LOOK)
        if not only_large and self.config.long_side > LOOK:
            people = self._look(rgb, self.config.long_side).joined(people)
        return people.select(distinct(people, SAME_PERSON))

    def _look(self, rgb: np.ndarray, long_side: int) -> Keypoints2D:
        canvas, scale = letterbox(rgb, long_side, STRIDE)
        unit, score, box, certainty = self._run(canvas)
        chosen = np.argsort(-certainty, kind="stable")
        chosen = chosen[certainty[chosen] >= self.config.min_score]
        side = np.array([canvas.shape[1], canvas.shape[0]]) / scale
        # Unit coordinates count from pixel edges, ours from pixel centres.
        xy, box = unit[chosen] * side - 0.5, box[chosen] * np.tile(side, 2) - 0.5
        return Keypoints2D(xy, score[chosen], box, self.skeleton)

    def look_again(self, rgb: np.ndarray, people: Keypoints2D) -> Keypoints2D:
        """The same people, each looked at alone; their key points are the mean of both looks."""
        low, high = _extent(people)
        extent = np.maximum(high - low, 1).max(axis=1, initial=0)
        regions = Regions((low + high) / 2, extent / FILL, np.zeros(len(people)))
        xy = people.xy.copy()
        for n, crop in enumerate(regions.crop(rgb, LOOK)):
            unit, *_ = self._run(crop)
            seen = regions.select(np.array([n])).to_image(unit.reshape(1, -1, 2)).reshape(unit.shape)
            far = np.linalg.norm(seen - people.xy[n], axis=-1).mean(axis=-1) / extent[n]
            same = np.argmin(far)
            if far[same] < SAME:
                xy[n] = (xy[n] + seen[same]) / 2
        return Keypoints2D(xy, people.score, people.box_xyxy, self.skeleton)

    @torch.inference_mode()
    def _run(self, canvas: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Six candidates: key points (6,17,2) and boxes x0 y0 x1 y1 (6,4) in the unit square, scores."""
        image = torch.from_numpy(canvas).to(self.device).permute(2, 0, 1)[None].float()
        people = self._network(image)[0][0].cpu().numpy().astype(float)
        points = people[:, :51].reshape(-1, len(self.skeleton), 3)
        return points[..., 1::-1], points[..., 2], people[:, [52, 51, 54, 53]], people[:, 55]


def _extent(people: Keypoints2D) -> tuple[np.ndarray, np.ndarray]:
    """Corners (N,2), (N,2) px of the box about the key points that were seen."""
    seen = (people.score > 0.2)[..., None]
    low = np.where(seen, people.xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, people.xy, -np.inf).max(axis=1, initial=-np.inf)
    none = ~np.isfinite(low)
    return np.where(none, people.box_xyxy[:, :2], low), np.where(none, people.box_xyxy[:, 2:], high)


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
