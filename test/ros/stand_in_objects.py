"""object_pose with a stand-in pipeline: every blue square in the image is a box at its depth.

The mesh of the box has its origin in a corner. What comes out of the node tells where it thinks the pixels
and metres are. Run as a script it is the node.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.types import Detections2D, Objects, RGBDFrame, Symmetries, TrackedObject, TrackState

BLUE = (0, 0, 255)
SIZE = np.array([0.10, 0.06, 0.04])
TURN = rotation_exp(np.array([0.3, -0.5, 0.8]))  # of every box, in the camera's frame
COVARIANCE = np.diag([1e-6, 4e-6, 9e-6, 1e-4, 4e-4, 9e-4])


def box_mesh() -> Mesh:
    """From the origin to SIZE."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * SIZE
    faces = np.array([
        [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
        [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
    ])  # fmt: skip
    return Mesh.plain(corners, faces)


def model(label: str, mesh: Mesh | None = None, path: Path | None = None) -> SimpleNamespace:
    """What the node uses of an ObjectModel."""
    mesh = mesh or box_mesh()
    return SimpleNamespace(
        label=label, mesh=mesh, diameter=mesh.diameter, bounds=mesh.bounds, symmetries=Symmetries.none(),
        is_textured=False, path=path, unit="m", up="z",
    )  # fmt: skip


def boxes(*centres: tuple[int, int], depth: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(rgb, depth) with a blue square of 41 pixels around each (u, v)."""
    rgb = np.full((480, 640, 3), (90, 90, 60), np.uint8)
    metres = np.full((480, 640), depth * 1.5, np.float32)
    for u, v in centres:
        rgb[v - 20 : v + 21, u - 20 : u + 21] = BLUE
        metres[v - 20 : v + 21, u - 20 : u + 21] = depth
    return rgb, metres


@dataclass(frozen=True)
class Costs:
    seconds: float = option(0.0, "how long a frame takes", unit="s", range=(0.0, 10.0))
    search: float = option(0.0, "how long a search takes", unit="s", range=(0.0, 10.0))


@dataclass(frozen=True)
class StandInObjectConfig:
    models: str = option("box", "labels of the models it pretends to have, by commas")
    cost: Costs = field(default_factory=Costs)


class StandInObjects:
    device_note = "cpu (a stand-in)"

    def __init__(self, config: StandInObjectConfig) -> None:
        if config.models.startswith("/"):
            raise MeshError(f"{config.models} is neither a folder of CAD files nor a YAML file")
        self.config = config
        self.models = {label: model(label) for label in config.models.split(",") if label}
        self.stage_ms: dict[str, float] = {}
        self.calls: list[tuple] = []  # (what, detections)
        self._first = 0  # ids count on from here; activation resets once

    def reset(self) -> None:
        self._first += 1
        self.calls.append(("reset", None))

    def add_model(self, label: str, path: Path, unit: str = "m", up: str = "z") -> None:
        self.models = self.models | {label: model(label, load_mesh(path, unit, up), path)}

    def detect(self, frame, detections=None, labels=None, roi=None) -> Objects:
        time.sleep(self.config.cost.search)
        self.calls.append(("detect", detections, labels, roi))
        return self._objects(frame)

    def __call__(self, frame: RGBDFrame, detections: Detections2D | None = None) -> Objects:
        time.sleep(self.config.cost.seconds)
        self.calls.append(("track", detections))
        if (frame.rgb == 255).all():
            raise RuntimeError("what no pipeline should do, at a white image")
        return self._objects(frame)

    def _objects(self, frame: RGBDFrame) -> Objects:
        """A box at each blue square; one that touches the left border is LOST, the right one TENTATIVE."""
        blue = ((frame.rgb[..., 2] > 180) & (frame.rgb[..., 0] < 100)).astype(np.uint8)
        count, labels, stats, centres = cv2.connectedComponentsWithStats(blue)
        order = sorted(range(1, count), key=lambda n: centres[n, 0])
        label_image, objects = np.zeros(blue.shape, np.uint8), []
        name = next(iter(self.models), None)
        for n in order if name else []:
            u, v = centres[n].round().astype(int)
            pose = RigidTransform(TURN, frame.camera.unproject((u, v), frame.depth[v, u]))
            left, width = stats[n, cv2.CC_STAT_LEFT], stats[n, cv2.CC_STAT_WIDTH]
            state = TrackState.LOST if left == 0 else TrackState.TRACKED
            state = TrackState.TENTATIVE if left + width == frame.camera.width else state
            objects.append(
                TrackedObject(
                    f"{name}_{self._first + len(objects)}", name, state, 3, 0.9, pose, COVARIANCE, 1.0,
                    float(np.linalg.norm(pose.translation)), False,
                )
            )  # fmt: skip
            label_image[labels == n] = len(objects)
        reasons = {label: "nothing in sight is of its size" for label in self.models if label != name}
        if name and not objects:
            reasons[name] = "nothing blue is in sight"
        return Objects(tuple(objects), label_image, reasons, frame.stamp_ns, frame.frame_id)


def broken(folder: Path) -> Path:
    path = folder / "broken.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nf 1 2 9\n")
    return path


if __name__ == "__main__":
    from pose_ros.ros.managed_node import spin
    from pose_ros.ros.object_pose_node import ObjectPoseNode

    sys.exit(spin(lambda: ObjectPoseNode(StandInObjectConfig(), StandInObjects)))
