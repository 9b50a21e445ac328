"""Depth pictures of boxes and cylinders on tables, stacked, leaning on each other and in bins, with truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.solids import Solid, View, cast
from pose_ros.types import RGBDFrame

CAMERA = PinholeCamera(600.0, 601.0, 318.5, 241.0, 640, 480)


@dataclass(frozen=True)
class Picture:
    """frame, and masks (N,H,W) of the things in it; things hidden for the most part are left out."""

    frame: RGBDFrame
    masks: np.ndarray


def box(x, y, bottom, size, yaw=0.0) -> Solid:
    """Standing with its middle at x, y; size: full, m."""
    size = np.asarray(size, float)
    return Solid("box", np.array([x, y, bottom + size[2] / 2]), size / 2, yaw, None)


def can(x, y, bottom, diameter, height) -> Solid:
    size = np.array([diameter, diameter, height])
    return Solid("cylinder", np.array([x, y, bottom + height / 2]), size / 2, 0.0, None)


def table(top=0.0, width=1.6, depth=1.2, x=0.0, y=0.0) -> Solid:
    return box(x, y, top - 0.03, (width, depth, 0.03))


def look(distance=0.9, pitch=45.0, roll=0.0, yaw=0.0, at=(0.0, 0.0, 0.03)) -> RigidTransform:
    """world_from_camera that looks at a place, `pitch` degrees from above the horizon, turned by roll."""
    pitch, roll, yaw = np.radians([pitch, roll, yaw])
    level = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # along +y, z up
    rotation = rotation_exp(np.array([0, 0, yaw])) @ level @ rotation_exp(np.array([-pitch, 0, 0]))
    rotation = rotation @ rotation_exp(np.array([0, 0, roll]))
    return RigidTransform(rotation, np.asarray(at, float) - distance * rotation[:, 2])


def picture(things, scenery, world_from_camera, rng=None, camera=CAMERA) -> Picture:
    """Exact depth, or that of a noisy stereo camera where `rng` is given."""
    view = View(camera, world_from_camera)
    depth, normals, owner = cast([*things, *scenery], view)
    rays = view.rays()
    cosine = -(normals * rays).sum(0) / np.sqrt((rays**2).sum(0))
    measured = np.where(np.isfinite(depth), depth, np.nan).astype(np.float32)
    if rng is not None:
        sensor = DepthSensor(focal=camera.fx)
        measured = sensor.measure(
            np.where(np.isfinite(depth), depth, 50.0), cosine, np.full(depth.shape, 0.5), rng
        )
    frame = RGBDFrame(np.zeros((*depth.shape, 3), np.uint8), measured, camera, 0, "camera")
    masks = []
    for index, thing in enumerate(things):
        alone, _, _ = cast([thing], view)
        mask = owner == index
        if mask.sum() > max(0.4 * np.isfinite(alone).sum(), 100):
            masks.append(mask)
    return Picture(frame, np.array(masks).reshape(-1, *depth.shape))


def overlap(mask: np.ndarray, others: np.ndarray) -> float:
    """Greatest intersection over union with any of the others."""
    both, either = (others & mask).sum((1, 2)), (others | mask).sum((1, 2))
    return float((both / np.maximum(either, 1)).max(initial=0.0))


def scattered(rng: np.random.Generator, count: int, bottom=0.0, spread=0.3, apart=0.03) -> list[Solid]:
    """Boxes and cans of many sizes, none touching another; some as low as 2 cm."""
    things: list[Solid] = []
    for _ in range(500):
        if len(things) == count:
            break
        x, y = rng.uniform(-spread, spread, 2)
        if rng.random() < 0.5:
            size = rng.uniform([0.05, 0.05, 0.02], [0.16, 0.12, 0.2])
            thing = box(x, y, bottom, size, rng.uniform(0, np.pi))
        else:
            thing = can(x, y, bottom, rng.uniform(0.05, 0.1), rng.uniform(0.04, 0.15))
        gaps = [np.hypot(*(thing.centre - o.centre)[:2]) - thing.radius - o.radius for o in things]
        if min(gaps, default=1) > apart:
            things.append(thing)
    return things


def open_bin(width=0.4, depth=0.3, height=0.14, wall=0.01) -> list[Solid]:
    sides = [box(0, s * (depth + wall) / 2, 0, (width + 2 * wall, wall, height)) for s in (-1, 1)] + [
        box(s * (width + wall) / 2, 0, 0, (wall, depth, height)) for s in (-1, 1)
    ]
    return [box(0, 0, -0.01, (width, depth, 0.01)), *sides, table(-0.01)]
