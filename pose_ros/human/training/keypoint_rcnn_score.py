"""How well a key-point R-CNN does where the truth is known: joints, masks, people found and invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from pose_ros.eval.metrics import pck_2d, torso_size
from pose_ros.human.training.keypoint_rcnn_truth import LEAST_JOINTS, LEAST_PIXELS, box_about
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.nets.keypoint_rcnn import CompactKeypointRCNN, paint
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

SHRINKS, MOST, MIN_SCORE, MOST_IOU = 32, 12, 0.3, 0.6  # the estimator's defaults
SAME = 0.3  # IoU of boxes from which on an estimate may be of a person


def score_network(network: CompactKeypointRCNN, pictures: Iterable[TrainingPicture]) -> dict[str, float]:
    """The figures of a network that sees the pictures as they are."""
    device = next(network.parameters()).device

    def estimate(rgb: np.ndarray) -> Keypoints2D:
        height, width = rgb.shape[:2]
        canvas = np.pad(rgb, ((0, -height % SHRINKS), (0, -width % SHRINKS), (0, 0)))
        image = torch.from_numpy(canvas).to(device).permute(2, 0, 1)[None].float()
        found = network.find(image, (height, width), MOST, MIN_SCORE, MOST_IOU)
        xy, boxes, score = (x.cpu().numpy() for x in (found.xy, found.boxes, found.point_score))
        mask = paint(found.mask.cpu().numpy(), found.frame.cpu().numpy(), height, width)
        return Keypoints2D(xy - 0.5, score, boxes - 0.5, COCO_17, mask=mask)

    return score_pictures(estimate, pictures)


def score_pictures(
    estimate: Callable[[np.ndarray], Keypoints2D], pictures: Iterable[TrainingPicture]
) -> dict[str, float]:
    """PCK at 0.2 torsos, mask IoU over people found and over all, people found, invented ones a picture.

    Estimates and people are paired by their boxes. A joint of a person who is missed is wrong.
    """
    near, labelled, overlap, found, people, invented, count = [], [], [], 0, 0, 0, 0
    for picture in pictures:
        count += 1
        said = estimate(picture.rgb)
        masks = picture.mask
        worth = (masks.sum((1, 2)) >= LEAST_PIXELS) & (picture.visible.sum(1) >= LEAST_JOINTS)
        boxes = np.array(
            [
                box_about(masks[n], picture.xy[n], picture.labelled[n]) if worth[n] else np.zeros(4)
                for n in range(len(picture))
            ]
        ).reshape(-1, 4)
        same = _iou(said.box_xyxy + 0.5, boxes)
        size = torso_size(picture.xy, picture.labelled)
        mine, theirs = linear_sum_assignment(-same)
        partner = {int(b): int(a) for a, b in zip(mine, theirs, strict=True) if same[a, b] >= SAME}
        invented += len(said) - len(partner)
        for n in np.flatnonzero(worth):
            people += 1
            labelled.append(int(picture.labelled[n].sum()))
            if n not in partner:
                near.append(0.0)
                overlap.append(np.nan)
                continue
            found += 1
            here = partner[n]
            near.append(pck_2d(said.xy[here], picture.xy[n], picture.labelled[n], size[n]) * labelled[-1])
            if said.mask is not None:
                a, b = said.mask[here], masks[n]
                overlap.append((a & b).sum() / max((a | b).sum(), 1))
    overlap = np.array(overlap)
    known = np.isfinite(overlap)
    return {
        "pck_0.2": sum(near) / max(sum(labelled), 1),
        "mask_iou_found": float(overlap[known].mean()) if known.any() else 0.0,
        "mask_iou_all": float(np.nan_to_num(overlap).mean()) if len(overlap) else 0.0,
        "found": found / max(people, 1),
        "invented": invented / max(count, 1),
    }


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    size = [np.clip(one[:, 2:] - one[:, :2], 0, None).prod(-1) for one in (a, b)]
    union = size[0][:, None] + size[1][None] - common
    return np.where(union > 0, common / np.maximum(union, 1e-9), 0.0)
