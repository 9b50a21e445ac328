"""Depth images: registration from the depth camera into the colour camera."""

from __future__ import annotations

import math

import numpy as np

from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform


def register_depth(
    depth: np.ndarray,
    depth_camera: PinholeCamera,
    color_camera: PinholeCamera,
    color_from_depth: RigidTransform,
) -> np.ndarray:
    """Depth as the colour camera would see it, (H,W) float32 metres, NaN where nothing was measured.

    depth: (h,w) metres in `depth_camera`, NaN = none. The nearest surface wins where several fall
    on one pixel; a depth pixel covers as many colour pixels as its footprint, so that no grid of
    holes is left when colour has the higher resolution.
    """
    if depth.shape != (depth_camera.height, depth_camera.width):
        raise FrameError(
            f"depth is {depth.shape}, its camera says {(depth_camera.height, depth_camera.width)}"
        )
    valid = depth > 0  # NaN compares false
    points = depth_camera.ray_grid[valid] * depth[valid][:, None]
    points = color_from_depth.apply(points)
    points = points[points[:, 2] > 0]
    z = points[:, 2].astype(np.float32)
    pixels = color_camera.project(points)
    width, height = color_camera.width, color_camera.height
    nearest = np.full(height * width, np.inf, np.float32)
    footprint = math.ceil(round(color_camera.fx / depth_camera.fx, 3))
    corner = np.round(pixels - (footprint - 1) / 2).astype(int)
    for dv in range(footprint):
        for du in range(footprint):
            u, v = corner[:, 0] + du, corner[:, 1] + dv
            inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
            np.minimum.at(nearest, v[inside] * width + u[inside], z[inside])
    nearest[np.isinf(nearest)] = np.nan
    return nearest.reshape(height, width)
