"""A person with all their joints where they are to be, and as the message that carries them."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import header_of
from pose_ros.ros.people_cloud import people_message
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, Person, TrackState

PLACES = {  # optical frame: x right, y down, z away; metres from the middle of the hips
    "nose": (0.0, -0.7, 0.0),
    "left_shoulder": (0.2, -0.5, 0.0),
    "right_shoulder": (-0.2, -0.5, 0.0),
    "left_wrist": (0.3, 0.1, -0.1),
    "right_wrist": (-0.3, 0.1, -0.1),
    "left_thumb": (0.3, 0.15, -0.1),
    "left_index": (0.36, 0.23, -0.1),
    "left_hip": (0.1, 0.0, 0.0),
    "right_hip": (-0.1, 0.0, 0.0),
}


def person(id: str = "p1", hand_up: bool = False, distance: float = 2.0, state=TrackState.TRACKED) -> Person:
    xyz = np.tile([0.0, 0.4, distance], (33, 1))
    for name, place in PLACES.items():
        xyz[BLAZEPOSE_33.index(name)] = np.add(place, (0, 0.2, distance))
    if hand_up:
        xyz[BLAZEPOSE_33.index("left_wrist")] = (0.3, -0.8, distance)
    frames = {"body": RigidTransform(np.eye(3), np.array([0, 0.2, distance]))}
    return Person(
        id,
        state,
        10,
        Keypoints2D(np.full((1, 33, 2), 100.0), np.full((1, 33), 0.9), np.zeros((1, 4)), BLAZEPOSE_33),
        Keypoints3D(
            xyz[None],
            np.full((1, 33), 0.9),
            np.tile(np.eye(3) * 1e-4, (1, 33, 1, 1)),
            np.full((1, 33), Origin.MEASURED),
            BLAZEPOSE_33,
        ),
        frames,
    )


def people_cloud(people: list[Person], stamp_ns: int) -> PointCloud2:
    return people_message(people, header_of(stamp_ns, "camera"))
