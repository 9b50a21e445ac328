"""Where eyes look against the head: from irises and the corners of the eyes, followed over time.

An eye is a ball that turns behind its lids. Its corners tell where its middle is; the iris's way from there,
across the line of sight, tells the direction. Between looks and behind closed lids the direction is drawn
back to straight ahead, where eyes are most of the time (an Ornstein-Uhlenbeck process); the same prior holds
back what small pictures of eyes cannot tell, so that far away the gaze becomes the head's direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.face_template import INDICES, SELLION, TEMPLATE
from pose_ros.human.head import view_rotation
from pose_ros.human.iris import CORNERS, Irises

# From the middle between an eye's corners to the point it turns about, in the head's frame, left eye (m), and
# from there to the iris's middle, as anatomy has it; synthetic people's eyes are a fifth larger.
BALL, RADIUS = np.array([-0.010, 0.0, 0.0]), 0.0105
MIRROR = np.array([[1.0, 1, 1], [1, -1, 1]])
STEEP = 0.9  # sine of the angle from the line of sight beyond which an iris tells no more


@dataclass(frozen=True)
class GazeConfig:
    eye_yaw: float = option(
        12.0, "how far eyes usually are turned aside in the head", unit="deg", range=(1.0, 45.0)
    )
    eye_pitch: float = option(6.0, "and up or down", unit="deg", range=(1.0, 45.0))
    keep: float = option(
        0.5, "how long eyes that are not seen are taken to stay as they were", unit="s", range=(0.01, 10.0)
    )
    iris_sigma: float = option(
        1.3, "error of an iris against its eye's corners, to the side; twice that up and down", unit="mm",
        range=(0.1, 10.0),
    )  # fmt: skip
    pixel_sigma: float = option(0.6, "the same in pixels, on top", unit="px", range=(0.0, 10.0))
    min_open: float = option(
        0.1, "an eye whose lids are nearer than that is closed, in widths of the eye", range=(0.0, 1.0)
    )


@dataclass(frozen=True)
class EyeLooks:
    """Yaw (to the left) and pitch (down) of M people's eyes in the head's frame: (M,2) rad, NaN unseen.

    variance: (M,2) rad².
    """

    angles: np.ndarray
    variance: np.ndarray


def look_at_eyes(
    irises: Irises, meshes: np.ndarray, rotation: np.ndarray, camera: PinholeCamera, config: GazeConfig
) -> EyeLooks:
    """How eyes are turned, of faces with meshes (M,468,2+) px and heads turned by `rotation` (M,3,3)."""
    if not len(meshes):
        return EyeLooks(np.zeros((0, 2)), np.zeros((0, 2)))
    corners = meshes[:, CORNERS, :2].mean(2)
    view = view_rotation(camera.rays(corners).reshape(-1, 3)).reshape(-1, 2, 3, 3)
    metres = metres_per_pixel(meshes, rotation, view[:, 0])
    view_from_head = np.swapaxes(view, -1, -2) @ rotation[:, None]
    ball = np.einsum("meij,ej->mei", view_from_head, BALL * MIRROR)
    way = (irises.points[:, :, 0] - corners) * metres[:, None, None]
    across = (way - ball[..., :2]) / RADIUS
    sine = np.linalg.norm(across, axis=-1, keepdims=True)
    across = across * np.minimum(1, STEEP / np.maximum(sine, 1e-9))
    ahead = -np.sqrt(1 - (across**2).sum(-1, keepdims=True))
    gaze = np.einsum("meji,mej->mei", view_from_head, np.concatenate([across, ahead], axis=-1))
    angles = np.stack([np.arctan2(gaze[..., 1], gaze[..., 0]), -np.arcsin(gaze[..., 2].clip(-1, 1))], axis=-1)
    # An eye that is seen from aside is drawn together: what it tells of yaw loses as much.
    facing = np.clip(-view_from_head[..., 2, 0], 0.05, 1)
    sigma = np.hypot(config.iris_sigma * 1e-3, config.pixel_sigma * metres)[:, None] / RADIUS
    variance = np.stack([(sigma / facing) ** 2, np.broadcast_to((2 * sigma) ** 2, facing.shape)], axis=-1)
    seen = (irises.openness > config.min_open) & np.isfinite(angles).all(-1)
    weight = np.where(seen[..., None], 1 / variance, 0.0)
    total = weight.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * np.nan_to_num(angles)).sum(1) / total
        # What both eyes have in common (a face's corners, light) does not average out.
        both = 1.5 / total
    return EyeLooks(np.where(total > 0, mean, np.nan), np.where(total > 0, both, np.nan))


def metres_per_pixel(meshes: np.ndarray, rotation: np.ndarray, view: np.ndarray) -> np.ndarray:
    """(M,) by how large a mesh is against the face's template; needs no depth."""
    shape = TEMPLATE - TEMPLATE.mean(0)
    turned = np.einsum("mij,kj->mki", np.swapaxes(view, -1, -2) @ rotation, shape)[..., :2]
    seen = meshes[:, INDICES, :2]
    seen = seen - seen.mean(1, keepdims=True)
    return np.sqrt((turned**2).sum((1, 2)) / np.maximum((seen**2).sum((1, 2)), 1e-9))


@dataclass(frozen=True)
class EyeState:
    """One person's eyes as known at `stamp`, s: angles (2,) rad as in EyeLooks, variance (2,) rad²."""

    stamp: float
    angles: np.ndarray
    variance: np.ndarray


def usual(config: GazeConfig) -> np.ndarray:
    """Variance (2,) rad² of eyes of which nothing is known."""
    return np.radians([config.eye_yaw, config.eye_pitch]) ** 2


def follow_eyes(
    known: EyeState | None, angles: np.ndarray, variance: np.ndarray, stamp: float, config: GazeConfig
) -> EyeState:
    """The eyes at `stamp`, with a look's angles (2,) and variance (2,) if it is not NaN."""
    prior = usual(config)
    mean, spread = np.zeros(2), prior
    if known is not None:
        fading = np.exp(-max(stamp - known.stamp, 0.0) / config.keep)
        mean, spread = known.angles * fading, prior + (known.variance - prior) * fading**2
    if np.isfinite(angles).all():
        gain = spread / (spread + variance)
        mean, spread = mean + gain * (angles - mean), (1 - gain) * spread
    return EyeState(stamp, mean, spread)


def gaze_frame(head: RigidTransform, angles: np.ndarray) -> RigidTransform:
    """Camera from gaze: at the sellion of a head, z where eyes turned by yaw and pitch (2,) rad look.

    x is to the person's right and y down, as REP-155 has it.
    """
    (yaw, pitch) = angles
    z = [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)]
    x = [np.sin(yaw), -np.cos(yaw), 0.0]
    axes = np.stack([x, np.cross(z, x), z], axis=-1)
    return RigidTransform(head.rotation @ axes, head.apply(SELLION))
