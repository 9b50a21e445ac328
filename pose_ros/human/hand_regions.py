"""Where in the image the hands of known people are: from the body's key points, or from the hand before."""

from __future__ import annotations

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.regions import Regions
from pose_ros.skeleton import HAND_21
from pose_ros.types import Keypoints2D, Keypoints3D

SIDES = ("left", "right")
WIDTH = 0.22  # m, of the square about a hand that the network looks at
PALM = 0.1  # m, from the wrist to the knuckles
ONWARD = 0.4  # of the forearm's length that a hand's middle lies beyond the wrist, where no finger is known
BEFORE = 0.04  # m; knuckles seen nearer to their wrist say nothing about how a hand is turned
AROUND = 0.45  # m, of the square about a wrist in which a palm is looked for
WIDTH_AGAIN = 0.2  # m, of that where its landmarks are known
# Usual lengths, m, of what shows how large a body is in an image whose depth is unknown.
PARTS = (
    ("left_shoulder", "right_shoulder", 0.36),
    *((f"{side}_{a}", f"{side}_{b}", length) for side in SIDES for a, b, length in (
        ("shoulder", "elbow", 0.29), ("elbow", "wrist", 0.25), ("shoulder", "hip", 0.48))),
)  # fmt: skip
_ARM, _KNUCKLES = ("elbow", "wrist"), ("index", "pinky")
_BOTTOM = HAND_21.index("wrist")
_ROOTS = HAND_21.indices("index_mcp", "middle_mcp", "ring_mcp")


def pixels_per_metre(camera: PinholeCamera, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D) -> np.ndarray:
    """(N,2) at the left and the right wrist.

    Where no depth is known, of the body's longest looking part, as a view can only shorten parts.
    """
    wrists = keypoints3d.skeleton.indices(*(f"{side}_wrist" for side in SIDES))
    ends = np.array([keypoints2d.skeleton.indices(a, b) for a, b, _ in PARTS]).T
    length = np.array([length for _, _, length in PARTS])
    xy = keypoints2d.xy
    parts = np.linalg.norm(xy[:, ends[0]] - xy[:, ends[1]], axis=-1) / length
    usual = np.maximum(parts.max(axis=1, initial=0.0), 1e-6)
    scale = camera.fx / keypoints3d.xyz[:, wrists, 2]
    return np.where(np.isfinite(scale), scale, usual[:, None])


def wrists_of(keypoints2d: Keypoints2D) -> np.ndarray:
    """(N,2,2) px of the left and the right wrist."""
    return keypoints2d.xy[:, keypoints2d.skeleton.indices(*(f"{side}_wrist" for side in SIDES))]


def usual_regions(camera: PinholeCamera, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D) -> Regions:
    """Squares about all left and right hands, person by person (2 N).

    A hand seen from its end is short in the image: so its size comes from its distance.
    """
    skeleton, xy = keypoints2d.skeleton, keypoints2d.xy
    scale = pixels_per_metre(camera, keypoints2d, keypoints3d)
    elbow, wrist = (xy[:, skeleton.indices(*(f"{side}_{joint}" for side in SIDES))] for joint in _ARM)
    forearm = wrist - elbow
    way = ONWARD * forearm
    if f"left_{_KNUCKLES[0]}" in skeleton.joints:
        index, pinky = (
            xy[:, skeleton.indices(*(f"{side}_{joint}" for side in SIDES))] for joint in _KNUCKLES
        )
        way = (index + pinky) / 2 - wrist
    # A hand does not reach farther than it is long, whatever an estimator says.
    length = np.linalg.norm(way, axis=-1)
    center = wrist + way * np.minimum(1.0, 1.3 * PALM * scale / np.maximum(length, 1e-6))[..., None]
    along = np.where((length > BEFORE * scale)[..., None], way, forearm)
    angle = np.arctan2(along[..., 0], -along[..., 1])
    return Regions(center.reshape(-1, 2), (WIDTH * scale).ravel(), angle.ravel())


def squares_about(center: np.ndarray, scale: np.ndarray) -> Regions:
    """Upright squares about wrists (M,2) px in which palms are looked for; scale (M,) px/m."""
    return Regions(center, AROUND * scale, np.zeros(len(center)))


def next_regions(xy: np.ndarray, scale: np.ndarray) -> Regions:
    """Where to look for hands that were at xy (M,21,2) px: upright along the palm; scale (M,) px/m there.

    As wide for a fist as for an open hand: so the network sees it better than in a square about its box.
    """
    up = xy[:, _ROOTS].mean(1) - xy[:, _BOTTOM]
    angle = np.arctan2(up[:, 0], -up[:, 1])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], 1)  # image from upright
    upright = np.einsum("nji,nkj->nki", turn, xy)
    center = np.einsum("nij,nj->ni", turn, (upright.min(axis=1) + upright.max(axis=1)) / 2)
    return Regions(center, WIDTH_AGAIN * scale, angle)
