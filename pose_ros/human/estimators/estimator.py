"""What every human estimator is: one colour image in, the key points of its people out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from torch import nn

from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D


@dataclass(frozen=True)
class About:
    """What one should know before choosing an estimator.

    method: how it works, in a few words. weights: whose they are, and their licence. not_run: what of it this
    project could not try.
    """

    method: str
    weights: str
    not_run: str = ""


class HumanEstimator(ABC):
    """One family of human pose estimation; all of them are interchangeable."""

    about: ClassVar[About]
    skeleton: ClassVar[Skeleton]
    stage_ms: dict[str, float]  # milliseconds each stage of the latest call took

    @abstractmethod
    def estimate(self, rgb: np.ndarray, stamp_ns: int) -> Keypoints2D:
        """People of an image (H,W,3) uint8 taken at `stamp_ns`; the best first, none twice."""

    def warm_up(self) -> None:  # noqa: B027 - some have nothing to prepare
        """Prepare for pictures of a camera's usual 4:3, so that the first of them does not wait."""

    def reset(self) -> None:  # noqa: B027 - most estimators remember nothing
        """Forget earlier images: the next one is of another scene."""

    def parameter_count(self) -> int:
        """Numbers its networks have learnt, a detector's that it uses with them."""
        return sum(_count(part) for part in vars(self).values())


def _count(part: object) -> int:
    if isinstance(part, HumanEstimator):
        return part.parameter_count()
    if not isinstance(part, nn.Module):
        return 0
    imported = (getattr(module, "parameter_count", 0) for module in part.modules())  # of other frameworks
    return sum(p.numel() for p in part.parameters()) + sum(imported)
