"""Palms in crops of an image: MediaPipe's detector, for hands that the body's key points do not show.

Source: Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020; its model card. Anchors as
in SSD (Liu et al., 2016) without sizes: two at every eighth pixel, six at every sixteenth.
"""

from __future__ import annotations

import numpy as np
import torch

from pose_ros.human.regions import Regions
from pose_ros.nets.tflite import load_tflite
from pose_ros.weights import path_of

SIDE = 192  # px
WRIST, KNUCKLE = 0, 2  # of a palm's seven points; the knuckle is the middle finger's
WIDER, ONWARD = 2.6, 0.5  # a hand's square in sizes of the palm's, and how far its middle lies beyond
LIMIT = 80.0  # of logits


class PalmDetector:
    """Raises WeightsError on construction where the network's weights are not on this machine."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._network = load_tflite(path_of("palm_detector")).to(device)
        self._anchors = anchors()

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray, around: Regions) -> tuple[Regions, np.ndarray]:
        """The likeliest palm in each of N squares, as the region of its whole hand, and its score (N,)."""
        crops = torch.from_numpy(around.crop(rgb, SIDE)).to(self.device)
        boxes, logits = self._network(crops.permute(0, 3, 1, 2).float().div_(255))
        logits = logits.float().cpu().numpy()[..., 0].clip(-LIMIT, LIMIT)
        best = logits.argmax(axis=1)
        row = np.arange(len(around))
        box = boxes.float().cpu().numpy()[row, best].astype(float) / SIDE
        box[:, [0, 1]] += self._anchors[best]
        points = box[:, 4:].reshape(-1, 7, 2) + self._anchors[best][:, None]
        return hand_regions(around, box[:, :4], points), 1 / (1 + np.exp(-logits[row, best]))


def anchors() -> np.ndarray:
    """(2016,2) centres of the anchors, as parts of the crop."""
    grids = []
    for stride, many in ((8, 2), (16, 6)):
        cells = SIDE // stride
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        grids.append(np.repeat(centres, many, axis=0))
    return np.concatenate(grids)


def hand_regions(around: Regions, box: np.ndarray, points: np.ndarray) -> Regions:
    """Where hands are whose palms lie so in the squares: box (N,4) centre and size, points (N,7,2), parts."""
    image = around.to_image(np.concatenate([box[:, None, :2], points], axis=1))
    middle, wrist, knuckle = image[:, 0], image[:, 1 + WRIST], image[:, 1 + KNUCKLE]
    way = knuckle - wrist
    up = way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6)
    size = box[:, 2:].max(axis=1) * around.size
    return Regions(middle + ONWARD * size[:, None] * up, WIDER * size, np.arctan2(up[:, 0], -up[:, 1]))
