"""A small data set, and a detector that answers the truth, changed as a test wishes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.bop import BOPScene, ObjectTruth, open_bop
from pose_ros.types import Detections2D, Objects, RGBDFrame, TrackedObject, TrackState

COVARIANCE = np.diag([1e-3**2] * 3 + [0.01**2] * 3)
Change = Callable[[str, TrackedObject], TrackedObject | list | None]


def found(truth: ObjectTruth, **more) -> TrackedObject:
    """The truth as a pipeline would say it."""
    values = {
        "id": f"{truth.label}_1", "label": truth.label, "state": TrackState.TRACKED, "age": 1, "score": 0.9,
        "camera_from_object": truth.camera_from_object, "covariance": COVARIANCE, "visible": 1.0,
        "distance": 0.6, "is_textured": False,
    }  # fmt: skip
    return TrackedObject(**(values | more))


def moved(one: TrackedObject, shift=(0, 0, 0), turn=(0, 0, 0), **more) -> TrackedObject:
    """Shifted by m and turned about its origin by rad, both along the camera's axes."""
    pose = one.camera_from_object
    pose = RigidTransform(rotation_exp(np.array(turn, float)) @ pose.rotation, pose.translation + shift)
    return dataclasses.replace(one, camera_from_object=pose, **more)


class StandIn:
    """Knows every frame by its stamp. change(key, perfect) -> what it says of it: one, several or None."""

    device_note = "a stand-in"

    def __init__(self, root, change: Change = lambda key, one: one, models: dict | None = None) -> None:
        self.scene: BOPScene = open_bop(root)
        self.keys = {frame.stamp_ns: key for key, frame in zip(self.scene.keys(), self.scene, strict=True)}
        self.change, self.models = change, models or {}
        self.calls: list[tuple[str, Detections2D | None]] = []
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def __call__(self, frame: RGBDFrame) -> Objects:
        return self.detect(frame)

    def detect(self, frame: RGBDFrame, detections: Detections2D | None = None) -> Objects:
        key = self.keys[frame.stamp_ns]
        self.calls.append((key, detections))
        said = [self.change(key, found(truth)) for truth in self.scene.truth(key)]
        objects = [
            one for some in said for one in (some if isinstance(some, list) else [some]) if one is not None
        ]
        label_image = np.zeros(frame.depth.shape, np.uint8)
        return Objects(tuple(objects), label_image, {"obj_000001": "hidden"}, frame.stamp_ns, frame.frame_id)
