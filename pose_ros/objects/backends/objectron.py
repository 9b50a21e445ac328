"""Objectron: cups, chairs, cameras and shoes without CAD, as 3D boxes with metres from depth.

Source: Ahmadyan et al., "Objectron: A Large Scale Dataset of Object-Centric Videos in the Wild with Pose
Annotations", CVPR 2021; Google's networks, Apache-2.0. What is not theirs: the distance. A picture leaves the
size of a box unknown; depth on the thing tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from pose_ros.config import option
from pose_ros.errors import BackendError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.nets.tflite import load_tflite
from pose_ros.objects.backends.backend import Found, Model, PoseBackend
from pose_ros.objects.backends.box_lift import LiftedBox, lift_box
from pose_ros.objects.backends.open_images import OpenImagesDetector, overlap
from pose_ros.types import Detections2D, ObjectPoses, RGBDFrame
from pose_ros.weights import path_of

SIDE = 224  # px of the network's input
# Category -> what the detector calls it.
CATEGORIES = {
    "cup": ("mug", "coffee cup"),
    "chair": ("chair",),
    "camera": ("camera",),
    "shoe": ("footwear", "boot", "high heels"),
}
GOOD_ERROR = 0.06  # of a box's extent: an error of its points at which the score is down to 0.6


@dataclass(frozen=True)
class ObjectronConfig:
    margin: float = option(
        1.5, "a crop is this much wider than the thing, as the networks were trained", range=(1.0, 3.0)
    )
    least_presence: float = option(0.5, "a crop that surely holds less is left out", range=(0.0, 1.0))
    least_detector_score: float = option(
        0.35, "what the detector is less sure of names no segment", range=(0.0, 1.0)
    )
    least_overlap: float = option(
        0.5, "intersection over union of the boxes of a segment and of what names it", range=(0.0, 1.0)
    )


class Objectron(PoseBackend):
    """Needs no models: labels of detections are categories (or Open Images classes such as mug).

    Detections without a label are named by the detector that comes with the networks. An object's frame is
    the centre of its box: x right, y up, z forward as seen by its maker; about y a cup's is arbitrary, and
    boxes of like sides may come turned by 90 degrees. score: not calibrated.
    """

    name = "objectron"
    licence = "Apache-2.0 (Google)"

    def __init__(self, config: ObjectronConfig | None = None, device: torch.device | str = "cpu") -> None:
        self.config = config or ObjectronConfig()
        self.device = torch.device(device)
        self._networks: dict[str, torch.nn.Module] = {}
        self._detector: OpenImagesDetector | None = None

    def __call__(
        self,
        frame: RGBDFrame,
        detections: Detections2D,
        models: Mapping[str, Model] | None = None,
        labels: Collection[str] | None = None,
    ) -> Found:
        wanted = {category_of(label) for label in (CATEGORIES if labels is None else labels)}
        reasons = {category: "nothing of this kind is seen" for category in CATEGORIES if category in wanted}
        found: list[tuple[float, str, LiftedBox, np.ndarray]] = []
        for number, category in self._named(frame, detections, wanted, reasons):
            mask = detections.mask[number]
            lifted, score, reason = self._lift(frame, mask, category)
            reasons[category] = reason
            if lifted is not None:
                found.append((score, category, lifted, mask))
        return _exclusive(frame, found, reasons)

    def _named(
        self, frame: RGBDFrame, detections: Detections2D, wanted: set[str], reasons: dict[str, str]
    ) -> list[tuple[int, str]]:
        """Detections and their categories, those that have no label after what the detector sees there."""
        named = [
            (n, category_of(label)) for n, label in enumerate(detections.label) if label and is_known(label)
        ]
        named = [(n, category) for n, category in named if category in wanted]
        nameless = [n for n, label in enumerate(detections.label) if not label]
        classes = tuple(name for category in sorted(wanted) for name in CATEGORIES[category])
        if not nameless or not classes:
            return named
        if self._detector is None:
            self._detector = OpenImagesDetector(self.device)
        seen = self._detector(frame.rgb, classes, self.config.least_detector_score)
        boxes = detections.box_xyxy
        for box, name, _ in zip(*seen, strict=True):
            category = category_of(name)
            shared = [overlap(box, boxes[n]) if np.isfinite(boxes[n]).all() else 0.0 for n in nameless]
            best = int(np.argmax(shared))
            if shared[best] >= self.config.least_overlap:
                named.append((nameless.pop(best), category))
            else:
                reasons[category] = f"a {name} is seen, and no segment of depth has its outline"
            if not nameless:
                break
        return named

    def _lift(self, frame: RGBDFrame, mask: np.ndarray, category: str) -> tuple[LiftedBox | None, float, str]:
        rows, columns = np.nonzero(mask)
        if len(rows) < 30:
            return None, 0.0, "its mask is empty"
        points, presence = self._points(frame.rgb, (columns, rows), category)
        if presence < self.config.least_presence:
            return None, 0.0, f"the network is only {presence:.2f} sure that the crop holds one"
        rays = frame.camera.rays(points)
        lifted = lift_box(rays, frame.camera.ray_grid[mask].astype(float), frame.depth[mask])
        if lifted is None:
            return None, 0.0, "no box fits the points, or there is no depth on it"
        score = presence * float(np.exp(-0.5 * (lifted.error / GOOD_ERROR) ** 2))
        return lifted, score, "no more of it is seen"

    @torch.inference_mode()
    def _points(
        self, rgb: np.ndarray, pixels: tuple[np.ndarray, np.ndarray], category: str
    ) -> tuple[np.ndarray, float]:
        """Centre and corners (9,2) px of the box around the thing at these pixels, and how sure."""
        low, high = np.array([[p.min(), p.max()] for p in pixels], float).T
        scale = SIDE / (max(high - low) * self.config.margin + 1)
        shift = SIDE / 2 - scale * (low + high) / 2
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        crop = cv2.warpAffine(rgb, matrix, (SIDE, SIDE), flags=smooth, borderMode=cv2.BORDER_REPLICATE)
        if category not in self._networks:
            self._networks[category] = load_tflite(path_of(f"objectron_{category}"), [0, 1]).to(self.device)
        image = torch.from_numpy(crop).to(self.device).permute(2, 0, 1)[None].float() / 255
        points, presence = self._networks[category](image)
        return (points.cpu().numpy().reshape(9, 2) - shift) / scale, float(presence)


def is_known(label: str) -> bool:
    return label in CATEGORIES or any(label in names for names in CATEGORIES.values())


def category_of(label: str) -> str:
    """The category of a label: its own name or one of the detector's; BackendError lists the valid ones."""
    if label in CATEGORIES:
        return label
    for category, names in CATEGORIES.items():
        if label in names:
            return category
    raise BackendError(unknown("category", label, CATEGORIES))


def _exclusive(
    frame: RGBDFrame, found: list[tuple[float, str, LiftedBox, np.ndarray]], reasons: dict[str, str]
) -> Found:
    """Poses of boxes, best first; no pixel belongs to two."""
    height, width = frame.depth.shape
    if not found:
        return Found(ObjectPoses.empty(height, width), np.zeros((0, 3)), reasons)
    free = np.ones((height, width), bool)
    kept, masks = [], []
    for entry in sorted(found, key=lambda entry: -entry[0]):
        mask = entry[3] & free
        if mask.sum() < 0.5 * entry[3].sum():
            continue  # most of it is a better one's
        free &= ~mask
        kept.append(entry)
        masks.append(mask)
    boxes = [entry[2] for entry in kept]
    poses = ObjectPoses(
        RigidTransform(
            np.stack([box.camera_from_box.rotation for box in boxes]),
            np.stack([box.camera_from_box.translation for box in boxes]),
        ),
        tuple(entry[1] for entry in kept),
        np.array([entry[0] for entry in kept]),
        np.stack([box.covariance for box in boxes]),
        np.ones(len(kept)),
        np.stack(masks),
    )
    return Found(poses, np.stack([box.size for box in boxes]), reasons)
