"""human_pose with a stand-in pipeline: every red rectangle in the image is a person at its depth.

What comes out of the node tells where it thinks the pixels and metres are, with no network involved.
Run as a script it is the node.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import cv2
import numpy as np

from pose_ros.config import option
from pose_ros.errors import WeightsError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, RGBDFrame, TrackState

CAMERA = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)
FRAME_ID = "camera_color_optical_frame"
RED = (255, 0, 0)
# body frame in the optical frame: x towards the camera, y to the image's right, z up
UPRIGHT = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])


def scene(*centres: tuple[int, int], depth: float = 2.0, camera: PinholeCamera = CAMERA) -> tuple:
    """(rgb, depth) with a red square of 41 pixels around each (u, v), the wall half as far again."""
    rgb = np.full((camera.height, camera.width, 3), (40, 90, 160), np.uint8)
    metres = np.full((camera.height, camera.width), depth * 1.5, np.float32)
    for u, v in centres:
        rgb[v - 20 : v + 21, u - 20 : u + 21] = RED
        metres[v - 20 : v + 21, u - 20 : u + 21] = depth
    return rgb, metres


@dataclass(frozen=True)
class Costs:
    seconds: float = option(0.0, "how long a frame takes", unit="s", range=(0.0, 10.0))


@dataclass(frozen=True)
class StandInConfig:
    device: str = option("auto", "where it pretends to run", choices=("auto", "cpu"))
    weights: bool = option(True, "pretend to have weights")
    cost: Costs = field(default_factory=Costs)


class StandInPipeline:
    device_note = "cpu (a stand-in)"

    def __init__(self, config: StandInConfig) -> None:
        if not config.weights:
            raise WeightsError("weights 'stand_in' are missing: run pose_ros weights get stand_in")
        self.config = config
        self.stage_ms: dict[str, float] = {}

    def reset(self) -> None:
        pass

    def __call__(self, frame: RGBDFrame) -> People:
        time.sleep(self.config.cost.seconds)
        if (frame.rgb == 255).all():
            raise RuntimeError("what no pipeline should do, at a white image")
        red = ((frame.rgb[..., 0] > 180) & (frame.rgb[..., 1] < 100) & (frame.rgb[..., 2] < 100)).astype(
            np.uint8
        )
        count, _, boxes, centres = cv2.connectedComponentsWithStats(red)
        found = [n for n in range(1, count) if boxes[n, cv2.CC_STAT_AREA] > 200]
        found.sort(key=lambda n: centres[n, 0])
        people = (person(f"p{k}", centres[n], frame, boxes[n]) for k, n in enumerate(found, 1))
        self.stage_ms = {"detect": 0.1}
        return People(tuple(people), frame.stamp_ns, frame.frame_id)


def person(id: str, centre: np.ndarray, frame: RGBDFrame, box: np.ndarray) -> Person:
    """All joints at the centre of the square; wrists 0.3 m to the sides of the body frame."""
    u, v = np.round(centre).astype(int)
    patch = frame.depth[v - 3 : v + 4, u - 3 : u + 4]
    xyz = frame.camera.unproject(centre, np.nanmedian(patch) if np.isfinite(patch).any() else np.nan)
    joints = len(COCO_17)
    body = RigidTransform(UPRIGHT, xyz)
    left = RigidTransform(np.eye(3), [0.0, 0.3, 0.0])
    known = np.isfinite(xyz).all()
    x, y, width, height = box[:4]
    return Person(
        id=id,
        state=TrackState.TRACKED,
        age=1,
        keypoints2d=Keypoints2D(
            np.broadcast_to(centre, (1, joints, 2)),
            np.full((1, joints), 0.9),
            np.array([[x, y, x + width, y + height]], float),
            COCO_17,
        ),
        keypoints3d=Keypoints3D(
            np.broadcast_to(xyz, (1, joints, 3)),
            np.full((1, joints), 0.9),
            np.zeros((1, joints, 3, 3)),
            np.full((1, joints), Origin.MEASURED if known else Origin.UNKNOWN),
            COCO_17,
        ),
        camera_from_joint=(
            {"body": body, "left_wrist": body @ left, "right_wrist": body @ left.inverse()} if known else {}
        ),
    )


if __name__ == "__main__":
    from pose_ros.ros.human_pose_node import HumanPoseNode
    from pose_ros.ros.managed_node import spin

    sys.exit(spin(lambda: HumanPoseNode(StandInConfig(), StandInPipeline)))
