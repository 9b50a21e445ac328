"""What a pose backend is: others' ways to find objects behind one interface, each optional."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import cv2
import numpy as np

from pose_ros.errors import BackendError, unknown
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.shapes import check_shape
from pose_ros.types import Detections2D, ObjectPoses, RGBDFrame, Symmetries


class Model(Protocol):
    """What a backend needs of a model; objects.model.ObjectModel has it."""

    label: str
    mesh: Mesh
    symmetries: Symmetries


@dataclass(frozen=True)
class Found:
    """poses: of N objects. size: (N,3) m along their own axes. reasons: label -> why no more of it."""

    poses: ObjectPoses
    size: np.ndarray
    reasons: dict[str, str]

    def __post_init__(self) -> None:
        check_shape("size", self.size, (len(self.poses), 3))


class PoseBackend(ABC):
    """One way to find objects in a frame; all of them are interchangeable.

    licence: whose software and weights run, and what they allow.
    """

    name: ClassVar[str]
    licence: ClassVar[str]

    @abstractmethod
    def __call__(
        self,
        frame: RGBDFrame,
        detections: Detections2D,
        models: Mapping[str, Model],
        labels: Collection[str] | None = None,
    ) -> Found:
        """The objects among `detections`, of `models` with these labels (None: all).

        A detection with the label of a model is tried with that model only, one with "" with all of them.
        """


BACKENDS = ("objectron", "foundationpose", "megapose")


def make_backend(name: str, **options: object) -> PoseBackend:
    """A backend by name; BackendError says what is missing, how to get it and under which licence it is."""
    if name == "objectron":
        from pose_ros.objects.backends.objectron import Objectron as backend
    elif name == "foundationpose":
        from pose_ros.objects.backends.foundationpose import FoundationPoseBackend as backend
    elif name == "megapose":
        from pose_ros.objects.backends.megapose import MegaPoseBackend as backend
    else:
        raise BackendError(unknown("backend", name, BACKENDS))
    return backend(**options)


def tried(
    detections: Detections2D, models: Mapping[str, Model], labels: Collection[str] | None
) -> list[tuple]:
    """Pairs (detection's number, label of the model to try on it)."""
    wanted = [label for label in models if labels is None or label in labels]
    return [
        (number, label)
        for number, name in enumerate(detections.label)
        for label in wanted
        if name in ("", label)
    ]


def undistorted(frame: RGBDFrame, masks: np.ndarray) -> tuple[RGBDFrame, np.ndarray]:
    """Frame and masks (N,H,W) as a camera without distortion and the same matrix would see them."""
    camera = frame.camera
    if not camera.is_distorted:
        return frame, masks
    plain = PinholeCamera(camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
    where = camera.project(plain.ray_grid).astype(np.float32)
    maps = where[..., 0], where[..., 1]
    rgb = cv2.remap(frame.rgb, *maps, cv2.INTER_LINEAR)
    # Between a near and a far pixel there is nothing: depth and masks are taken from one or the other.
    depth = cv2.remap(frame.depth, *maps, cv2.INTER_NEAREST, borderValue=np.nan)
    moved = [cv2.remap(mask.astype(np.uint8), *maps, cv2.INTER_NEAREST) > 0 for mask in masks]
    frame = RGBDFrame(rgb, depth, plain, frame.stamp_ns, frame.frame_id)
    return frame, np.array(moved, bool).reshape(masks.shape)
