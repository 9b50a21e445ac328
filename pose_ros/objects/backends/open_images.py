"""The detector that comes with Objectron: boxes of 23 classes of Open Images, SSD MobileNetV2.

Source of the decoding: Liu et al., "SSD: Single Shot MultiBox Detector", 2016.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from pose_ros.nets.tflite import load_tflite
from pose_ros.weights import path_of

SIDE = 300  # px
CLASSES = (
    "", "bicycle", "boot", "laptop", "person", "chair", "cattle", "desk", "cat", "computer mouse",
    "computer monitor", "box", "mug", "coffee cup", "stationary bicycle", "table", "bottle", "high heels",
    "vehicle", "footwear", "dog", "book", "camera", "car",
)  # fmt: skip
GRIDS = (19, 10, 5, 3, 2, 1)  # cells along a side of each layer
LEAST_SIDE, GREATEST_SIDE = 0.2, 0.95  # of anchors in the first and last layer, as part of the picture
CENTER_SCALE, SIZE_SCALE = 10.0, 5.0  # in which offsets and logarithms of sizes are told
SAME = 0.4  # intersection over union of boxes of one thing


class OpenImagesDetector:
    def __init__(self, device: torch.device) -> None:
        self._network = load_tflite(path_of("objectron_detector"), [0, 1]).to(device)
        self._device = device
        self._anchors = anchors()

    @torch.inference_mode()
    def __call__(
        self, rgb: np.ndarray, classes: tuple[str, ...], least_score: float
    ) -> tuple[np.ndarray, list[str], np.ndarray]:
        """Boxes (N,4) x0 y0 x1 y1 px, their classes and scores (N,), best first; one a place."""
        small = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        image = torch.from_numpy(small).to(self._device).permute(2, 0, 1)[None].float() / 127.5 - 1
        offsets, logits = (output[0].float().cpu().numpy() for output in self._network(image))
        height, width = rgb.shape[:2]
        boxes = decoded(offsets, self._anchors) * (width, height, width, height)
        columns = [CLASSES.index(name) for name in classes]
        score = 1 / (1 + np.exp(-logits[:, columns]))
        best = score.max(1)
        likely = np.flatnonzero(best >= least_score)
        likely = likely[np.argsort(-best[likely])]
        kept: list[int] = []
        for n in likely:
            if all(overlap(boxes[n], boxes[other]) < SAME for other in kept):
                kept.append(n)
        return boxes[kept].reshape(-1, 4), [classes[k] for k in score[kept].argmax(1)], best[kept]


def anchors() -> np.ndarray:
    """(1917,4): centre x, y and width, height as parts of the picture."""
    rows = []
    sides = np.linspace(LEAST_SIDE, GREATEST_SIDE, len(GRIDS))
    following = [*sides[1:], 1.0]
    for layer, (cells, side, larger) in enumerate(zip(GRIDS, sides, following, strict=True)):
        shapes = [(side, ratio) for ratio in (1.0, 2.0, 0.5, 3.0, 1 / 3)] + [(np.sqrt(side * larger), 1.0)]
        if layer == 0:
            shapes = [(0.1, 1.0), (side, 2.0), (side, 0.5)]
        sizes = [(scale * np.sqrt(ratio), scale / np.sqrt(ratio)) for scale, ratio in shapes]
        centers = (np.arange(cells) + 0.5) / cells
        rows += [(x, y, w, h) for y in centers for x in centers for w, h in sizes]
    return np.array(rows)


def decoded(offsets: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Boxes (A,4) x0 y0 x1 y1 from what the network says of each anchor: y, x, log h, log w."""
    x = anchors[:, 0] + offsets[:, 1] / CENTER_SCALE * anchors[:, 2]
    y = anchors[:, 1] + offsets[:, 0] / CENTER_SCALE * anchors[:, 3]
    w = anchors[:, 2] * np.exp(offsets[:, 3] / SIZE_SCALE)
    h = anchors[:, 3] * np.exp(offsets[:, 2] / SIZE_SCALE)
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes x0 y0 x1 y1."""
    side = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    both = float(np.prod(np.maximum(side, 0)))
    either = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - both
    return both / max(either, 1e-12)
