"""What every human estimator is: one colour image in, the key points of its people out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D


class HumanEstimator(ABC):
    """One family of human pose estimation; all of them are interchangeable."""

    skeleton: ClassVar[Skeleton]
    stage_ms: dict[str, float]  # milliseconds each stage of the latest call took

    @abstractmethod
    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        """People of an image (H,W,3) uint8 taken at `stamp_ns`; the best first, none twice."""

    def warm_up(self) -> None:  # noqa: B027 - some have nothing to prepare
        """Prepare for pictures of a camera's usual 4:3, so that the first of them does not wait."""

    def reset(self) -> None:  # noqa: B027 - most estimators remember nothing
        """Forget earlier images: the next one is of another scene."""
