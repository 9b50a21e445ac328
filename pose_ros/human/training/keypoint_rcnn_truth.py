"""Pictures of people as a key-point R-CNN learns from them: one canvas size a batch, boxes, masks, joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from pose_ros.human.training.augment import AugmentConfig, augmented, warped
from pose_ros.human.training.pictures import TrainingPicture

LEAST_PIXELS, LEAST_JOINTS = 40, 3  # in sight, of a person worth finding
HIDDEN = 0.7  # weight of a joint that can only be guessed
ZOOM = (0.7, 1.7)  # of the scale at which the picture fills the canvas
TURN = 8.0  # degrees, standard deviation


@dataclass(frozen=True)
class Truth:
    """B pictures with P people in all of them; coordinates in px from the pictures' edges.

    image: (B,3,H,W) uint8. boxes: (P,4), about what is seen of a person and the joints inside of the picture.
    of: (P,), each person's picture. xy: (P,17,2). weight: (P,17), 0 for joints that are not labelled.
    mask: (P,1,H,W) float.
    """

    image: Tensor
    boxes: Tensor
    of: Tensor
    xy: Tensor
    weight: Tensor
    mask: Tensor

    def to(self, device: torch.device) -> Truth:
        return Truth(*(getattr(self, field.name).to(device) for field in fields(self)))


def truth_of(pictures: Sequence[TrainingPicture]) -> Truth:
    """The truth in pictures of one size; who is hardly seen is left out."""
    boxes, of, xy, weight, mask = [], [], [], [], []
    for n, picture in enumerate(pictures):
        masks = picture.mask
        seen = masks.sum((1, 2)) >= LEAST_PIXELS
        for person in np.flatnonzero(seen & (picture.visible.sum(1) >= LEAST_JOINTS)):
            boxes.append(box_about(masks[person], picture.xy[person], picture.labelled[person]))
            of.append(n)
            xy.append(np.nan_to_num(picture.xy[person]) + 0.5)
            weight.append(
                picture.labelled[person] * np.where(picture.visible[person], 1.0, HIDDEN).astype(np.float32)
            )
            mask.append(masks[person])
    height, width = pictures[0].owner.shape
    image = torch.from_numpy(np.stack([picture.rgb for picture in pictures])).permute(0, 3, 1, 2)
    return Truth(
        image.contiguous(memory_format=torch.channels_last),
        _tensor(boxes, (4,)),
        torch.tensor(of, dtype=torch.long),
        _tensor(xy, (17, 2)),
        _tensor(weight, (17,)),
        _tensor(mask, (height, width))[:, None],
    )


def box_about(mask: np.ndarray, xy: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Box (4,) px from the edge about mask (H,W) and the labelled joints of (17,2), within the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    low = np.minimum((columns[0], rows[0]), np.where(labelled[:, None], xy, np.inf).min(0))
    high = np.maximum((columns[-1], rows[-1]), np.where(labelled[:, None], xy, -np.inf).max(0))
    end = (mask.shape[1], mask.shape[0])
    return np.concatenate([np.clip(low, 0, end), np.clip(high + 1, 0, end)])


def _tensor(rows: list[np.ndarray], shape: tuple[int, ...]) -> Tensor:
    return torch.from_numpy(np.asarray(rows, np.float32).reshape(len(rows), *shape))


def on_canvas(
    picture: TrainingPicture, rng: np.random.Generator, size: tuple[int, int], config: AugmentConfig
) -> TrainingPicture:
    """The picture augmented, turned a little, nearer or farther, on a canvas of `size` (width, height)."""
    height, width = picture.owner.shape
    fit = min(size[0] / width, size[1] / height)
    scale = fit * np.exp(rng.uniform(*np.log(ZOOM)))
    turn = np.radians(rng.normal(0, TURN)) if rng.random() < 0.5 else 0.0
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    focus = np.array([width, height]) / 2
    boxes = picture.box_xyxy
    boxes = boxes[np.isfinite(boxes).all(1)]
    if len(boxes) and scale > fit:  # what leaves the canvas shall rather be background
        x0, y0, x1, y1 = boxes[rng.integers(len(boxes))]
        focus = np.array([x0 + x1, y0 + y1]) / 2
    place = np.array(size) * rng.uniform(0.35, 0.65, 2)
    matrix = np.column_stack([linear, place - linear @ focus])
    fill = (0, 0, 0) if rng.random() < 0.5 else tuple(int(v) for v in rng.integers(0, 256, 3))
    return augmented(warped(picture, matrix, size, fill), rng, config)
