"""How much two sets of 2D key points show the same people."""

from __future__ import annotations

import numpy as np

from pose_ros.types import Keypoints2D


def similarity(a: np.ndarray, b: np.ndarray, box_xyxy: np.ndarray) -> np.ndarray:
    """How much people a (N,K,2) and b (M,K,2) agree, (N,M) in [0,1]; box (N,4) gives a's size.

    OKS (COCO) with one fall-off for all joints, a tenth of the person's size.
    """
    size = np.maximum(box_xyxy[:, 2:] - box_xyxy[:, :2], 1).prod(axis=-1) ** 0.5
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1) / (0.1 * size[:, None, None])
    return np.exp(-(distance**2) / 2).mean(axis=-1)


def distinct(people: Keypoints2D, same_person: float) -> np.ndarray:
    """Positions of the people who agree with none before them by `same_person` or more."""
    alike = similarity(people.xy, people.xy, people.box_xyxy)
    kept: list[int] = []
    for n in range(len(people)):
        if all(alike[n, k] < same_person for k in kept):
            kept.append(n)
    return np.array(kept, int)
