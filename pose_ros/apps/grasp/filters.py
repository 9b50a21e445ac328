"""Which grasps of a seen object cannot be done: each filter says of every grasp whether it must go."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from pose_ros.apps.grasp.gripper import Gripper, inside_any
from pose_ros.apps.grasp.scene import Plane
from pose_ros.geometry.rigid import RigidTransform

if TYPE_CHECKING:
    from pose_ros.apps.grasp.plan import PlanConfig

CORNERS = np.array(list(product((0, 1), repeat=3)))
STEEP = 0.3  # cosine of approach and down below which drawing a hand back hardly lifts it
PAD_LEFT = 0.0015  # m of pad that must reach beyond the contacts
EPSILON = 1e-6  # m
ON_PLANE = 0.01  # m; points this near to the support are its own, and its filter's business
CHUNK = 64  # grasps tried against the cloud at once


@dataclass(frozen=True)
class Placed:
    """M grasps in the root frame: index (M,) in the object's set, pose (M,) root_from_tcp, opening (M,) m."""

    index: np.ndarray
    pose: RigidTransform
    opening: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def select(self, chosen: np.ndarray) -> Placed:
        pose = RigidTransform(self.pose.rotation[chosen], self.pose.translation[chosen])
        return Placed(self.index[chosen], pose, self.opening[chosen])

    def joined(self, other: Placed) -> Placed:
        pose = RigidTransform(
            np.concatenate([self.pose.rotation, other.pose.rotation]),
            np.concatenate([self.pose.translation, other.pose.translation]),
        )
        opening = np.concatenate([self.opening, other.opening])
        return Placed(np.concatenate([self.index, other.index]), pose, opening)


def narrowed(placed: Placed, width: np.ndarray, room: float) -> Placed:
    """Hands no wider open than `room` m at each pad; width (N,) m of all grasps of the set."""
    return replace(placed, opening=np.minimum(placed.opening, width[placed.index] + 2 * room))


def from_below(placed: Placed, up: np.ndarray, most: float) -> np.ndarray:
    """(M,) approach more than `most` rad away from straight down."""
    return -placed.pose.rotation[:, :, 2] @ up < np.cos(most)


def out_of_reach(placed: Placed, base: RigidTransform, least: float, most: float) -> np.ndarray:
    """(M,) TCP nearer to the robot's base than `least` m or farther than `most`."""
    distance = np.linalg.norm(placed.pose.translation - base.translation, axis=1)
    return (distance < least) | (distance > most)


def drawn_back(
    placed: Placed, ahead: np.ndarray, plane: Plane, gripper: Gripper, config: PlanConfig
) -> Placed:
    """Hands that would dip into the plane drawn back along their approach until they do not, as long as the
    contacts, `ahead` (M,) m of the TCP, stay between the pads. What was free on the way stays free."""
    steep = -placed.pose.rotation[:, :, 2] @ plane.normal
    short = config.plane_clearance + EPSILON - _lowest(placed, plane, gripper, config)
    most = np.maximum(gripper.tip - PAD_LEFT - ahead, 0)
    back = np.where((steep > STEEP) & (short > 0), short / np.maximum(steep, STEEP), 0.0)
    back = np.where(back <= most, back, 0.0)
    moved = placed.pose.translation - back[:, None] * placed.pose.rotation[:, :, 2]
    return replace(placed, pose=RigidTransform(placed.pose.rotation, moved))


def hits_plane(placed: Placed, plane: Plane, gripper: Gripper, config: PlanConfig) -> np.ndarray:
    """(M,) the open hand, there or on the way, dips into the plane."""
    return _lowest(placed, plane, gripper, config) < config.plane_clearance


def _lowest(placed: Placed, plane: Plane, gripper: Gripper, config: PlanConfig) -> np.ndarray:
    """(M,) m above the plane of the lowest corner of the open hand, there or on the way."""
    boxes = gripper.boxes(placed.opening, config.standoff)  # (M,5,2,3)
    corners = np.stack([boxes[:, :, CORNERS[:, k], k] for k in range(3)], axis=-1).reshape(
        len(placed), 5 * len(CORNERS), 3
    )
    places = np.einsum("mij,mkj->mki", placed.pose.rotation, corners) + placed.pose.translation[:, None]
    return plane.height(places).min(1, initial=np.inf)


def hits_scene(
    placed: Placed, points: np.ndarray, plane: Plane | None, gripper: Gripper, config: PlanConfig
) -> np.ndarray:
    """(M,) points (N,3) of the surroundings lie where the open hand is, or passes on its straight way."""
    if plane is not None:
        points = points[plane.height(points) > ON_PLANE]
    hits = np.zeros(len(placed), bool)
    if not len(points) or not len(placed):
        return hits
    boxes = gripper.boxes(placed.opening, config.standoff, config.scene_clearance)
    # All of the hand lies within this of the TCP.
    reach = np.abs(boxes).max((0, 1, 2))
    low, high = placed.pose.translation.min(0), placed.pose.translation.max(0)
    radius = float(np.linalg.norm(reach))
    points = points[((points > low - radius) & (points < high + radius)).all(1)]
    for start in range(0, len(placed), CHUNK):
        part = slice(start, start + CHUNK)
        rotation, translation = placed.pose.rotation[part], placed.pose.translation[part]
        offset = np.einsum("mi,mij->mj", translation, rotation)
        there = points.astype(np.float32) @ rotation.astype(np.float32) - offset[:, None].astype(np.float32)
        hits[part] = inside_any(there, boxes[part]).any(1)
    return hits
