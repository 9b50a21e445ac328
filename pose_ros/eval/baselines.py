"""What the neighbours do, from the same key points of the same run: to be measured against, not used."""

from __future__ import annotations

import numpy as np

from pose_ros.types import Keypoints2D, RGBDFrame


def lift_one_pixel(frame: RGBDFrame, keypoints: Keypoints2D) -> np.ndarray:
    """Joints (N,K,3) m at the depth of the one pixel nearest to each key point.

    NaN where that pixel has no depth or lies outside the image: kinder than those who publish it as
    a point at the camera.
    """
    return frame.camera.unproject(keypoints.xy, depth_at(frame.depth, keypoints.xy))


def lift_scaled_root(frame: RGBDFrame, keypoints: Keypoints2D) -> np.ndarray:
    """Joints (N,K,3) m: the network's own 3D, set at the depth of the hips' middle and scaled to fit.

    The scale makes the root-relative shape as large as its key points are at that depth (least
    squares over the image plane). NaN for people without depth there or without 3D.
    """
    if keypoints.xyz_root is None:
        return np.full((*keypoints.score.shape, 3), np.nan)
    hips = keypoints.xy[:, keypoints.skeleton.indices("left_hip", "right_hip")].mean(axis=1)
    hip = frame.camera.unproject(hips, depth_at(frame.depth, hips))
    wide = (frame.camera.rays(keypoints.xy) * hip[:, None, 2:] - hip[:, None])[..., :2]
    shape = keypoints.xyz_root
    scale = np.sum(wide * shape[..., :2], axis=(1, 2)) / np.sum(shape[..., :2] ** 2, axis=(1, 2))
    return hip[:, None] + scale[:, None, None] * shape


def depth_at(depth: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """Depth (…) at the pixels nearest to xy (…,2); NaN outside the image and where it is not positive."""
    height, width = depth.shape
    u, v = np.moveaxis(np.round(np.nan_to_num(xy, nan=-1)).astype(int), -1, 0)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    value = depth[v.clip(0, height - 1), u.clip(0, width - 1)]
    return np.where(inside & (value > 0), value, np.nan)
