"""Errors of 6D object poses and what BOP makes of them, each short and pure. Lengths in m, pixels in px.

Source: Hodaň et al., "BOP Challenge 2020" (ECCVW 2020), section 2; Hinterstoisser et al., "Model based
training, detection and pose estimation of texture-less 3D objects" (ACCV 2012) for ADD and ADD-S. A
symmetric object has poses that nobody can tell apart: MSSD, MSPD and ADD take the nearest of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import ConvexHull, QhullError, cKDTree

from pose_ros.eval.metrics import average_precision
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log, skew
from pose_ros.types import Symmetries

THRESHOLDS = np.linspace(0.05, 0.5, 10)  # of VSD itself, and of MSSD over the diameter
MSPD_THRESHOLDS = np.linspace(5, 50, 10)  # px at 640 px of width
VSD_TAUS = np.linspace(0.05, 0.5, 10)  # over the diameter
VSD_DELTA = 0.015  # m
CONTINUOUS_STEPS = 315  # of a full turn: the farthest point moves by at most 1 % of the diameter a step


def corner_points(mesh: Mesh) -> np.ndarray:
    """The corners (P,3) of the convex hull: the greatest distance between two poses is at one of them."""
    used = mesh.vertices[np.unique(mesh.triangles)]
    try:
        return used[ConvexHull(used).vertices]
    except QhullError:  # flat
        return used


def true_poses(estimate: RigidTransform, truth: RigidTransform, symmetries: Symmetries) -> RigidTransform:
    """The poses (M,) that cannot be told from the truth, continuous symmetries in BOP's steps.

    Of a ball, which has too many to enumerate, the one that is turned as the estimate is: none is nearer.
    """
    if symmetries.is_sphere:
        one = nearest_symmetric(estimate, truth, symmetries)
        return RigidTransform(one.rotation[None], one.translation[None])
    return truth @ symmetries.sampled(CONTINUOUS_STEPS)


def add(estimate: RigidTransform, truth: RigidTransform, points: np.ndarray, symmetries: Symmetries) -> float:
    """Mean distance of the model's points (P,3) in two poses; of a symmetric object in the nearest true
    pose.
    """
    found = estimate.apply(points)
    return float(
        np.linalg.norm(_placed(true_poses(estimate, truth, symmetries), points) - found, axis=-1)
        .mean(-1)
        .min()
    )


def adds(estimate: RigidTransform, truth: RigidTransform, points: np.ndarray) -> float:
    """Mean distance of each true point to the nearest one found (ADD-S): blind for what looks alike in
    shape.
    """
    return float(cKDTree(estimate.apply(points)).query(truth.apply(points))[0].mean())


def mssd(
    estimate: RigidTransform, truth: RigidTransform, points: np.ndarray, symmetries: Symmetries
) -> float:
    """Greatest distance of a point in two poses, least over the symmetries."""
    found = estimate.apply(points)
    return float(
        np.linalg.norm(_placed(true_poses(estimate, truth, symmetries), points) - found, axis=-1)
        .max(-1)
        .min()
    )


def mspd(
    estimate: RigidTransform,
    truth: RigidTransform,
    points: np.ndarray,
    symmetries: Symmetries,
    camera: PinholeCamera,
) -> float:
    """Greatest distance in the picture of a point in two poses, least over the symmetries; no lens
    distortion.
    """
    found = _projected(estimate.apply(points), camera)
    true = _projected(_placed(true_poses(estimate, truth, symmetries), points), camera)
    return float(np.linalg.norm(true - found, axis=-1).max(-1).min())


def _placed(poses: RigidTransform, points: np.ndarray) -> np.ndarray:
    """The points under every pose: (M,P,3)."""
    return points @ np.swapaxes(poses.rotation, 1, 2) + poses.translation[:, None]


def _projected(points: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    return points[..., :2] / points[..., 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)


def render_distance(mesh: Mesh, pose: RigidTransform, camera: PinholeCamera) -> np.ndarray:
    """(H,W) m from the camera's centre to the mesh at camera_from_object `pose`, NaN where it is not."""
    points = pose.apply(mesh.vertices)
    both = np.concatenate([mesh.triangles, mesh.triangles[:, ::-1]])
    pixels = _projected(np.where(points[:, 2:] > 1e-6, points, 1.0), camera)
    hits = rasterize(pixels, points[:, 2], both, camera.height, camera.width)
    depth = np.full(camera.height * camera.width, np.nan)
    depth[hits.pixel] = hits.depth
    return distance_of(depth.reshape(camera.height, camera.width), camera)


def distance_of(depth: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """Depth along the axis (H,W) to distance from the camera's centre."""
    return depth * np.linalg.norm(camera.ray_grid, axis=-1)


def vsd(
    estimate: np.ndarray,
    truth: np.ndarray,
    scene: np.ndarray,
    diameter: float,
    taus: Sequence[float] = VSD_TAUS,
) -> np.ndarray:
    """Visible surface discrepancy in [0,1] for each tau (share of the diameter).

    estimate, truth: the model's distances (H,W) m in both poses, scene: the measured ones; NaN = none. What
    is visible is at most VSD_DELTA behind the scene, or where nothing was measured. Over the union of both
    visible parts: a pixel costs 1 where only one of them is, or where they are tau or more apart.
    """
    with np.errstate(invalid="ignore"):
        seen_truth = ~np.isnan(truth) & ~(truth > scene + VSD_DELTA)
        seen_estimate = ~np.isnan(estimate) & (~(estimate > scene + VSD_DELTA) | seen_truth)
    union, both = (seen_truth | seen_estimate).sum(), seen_truth & seen_estimate
    if not union:
        return np.ones(len(taus))
    apart = np.abs(estimate[both] - truth[both]) / diameter
    wrong = (apart[None] >= np.asarray(taus)[:, None]).sum(1)
    return (wrong + union - both.sum()) / union


def recall(errors: np.ndarray, score: np.ndarray, threshold: float) -> int:
    """How many true poses are found: errors (N estimates, M true) below the threshold, each taken once.

    Estimates choose by falling score, each the free true pose with the least error. Source: bop_toolkit's
    pose_matching.match_poses.
    """
    free = np.ones(errors.shape[1], bool)
    for n in np.argsort(-score, kind="stable"):
        candidates = np.where(free, errors[n], np.inf)
        if len(candidates) and candidates.min() < threshold:
            free[candidates.argmin()] = False
    return int((~free).sum())


def average_recall(
    errors: Sequence[np.ndarray], scores: Sequence[np.ndarray], thresholds: Sequence[float]
) -> float:
    """Share of true poses found, mean over the thresholds; NaN without a true pose.

    One item a picture and object: errors (N,M), scores (N,). As in BOP's localization task only as many
    estimates count as there are true poses: those with the highest scores.
    """
    total = sum(one.shape[1] for one in errors)
    if not total:
        return np.nan
    found = 0
    for error, score in zip(errors, scores, strict=True):
        best = np.argsort(-score, kind="stable")[: error.shape[1]]
        found += sum(recall(error[best], score[best], threshold) for threshold in thresholds)
    return found / (total * len(thresholds))


def ap_mssd(
    errors: Sequence[np.ndarray], scores: Sequence[np.ndarray], ignored: Sequence[np.ndarray]
) -> float:
    """Average precision of all estimates of one object, mean over the ten thresholds; as BOP's detection
    task.

    One item a picture: MSSD over the diameter (N,M), score (N,), ignored (M,): true poses that need not be
    found.
    """
    similarity = [1 - error for error in errors]
    return average_precision(similarity, list(scores), list(ignored), 1 - THRESHOLDS)[0]


def nearest_symmetric(
    estimate: RigidTransform, truth: RigidTransform, symmetries: Symmetries
) -> RigidTransform:
    """Of the true poses that look alike the one turned least from the estimate; continuous symmetries
    exactly.
    """
    best, least = truth, np.inf
    for rotation, translation in zip(
        symmetries.discrete.rotation, symmetries.discrete.translation, strict=True
    ):
        motion = RigidTransform(rotation, translation)
        relative = estimate.rotation.T @ (truth @ motion).rotation
        if symmetries.is_sphere:
            motion = motion @ _turn_about(relative.T, symmetries.center)
        elif symmetries.axis is not None:
            axis = np.asarray(symmetries.axis)
            # The turn by t about the axis maximizes trace(relative @ turn) = a cos t + b sin t + constant.
            a = np.trace(relative) - axis @ relative @ axis
            b = np.trace(relative @ skew(axis))
            motion = motion @ _turn_about(rotation_exp(np.arctan2(b, a) * axis), symmetries.center)
        angle = np.linalg.norm(rotation_log(estimate.rotation.T @ (truth @ motion).rotation))
        if angle < least:
            best, least = truth @ motion, angle
    return best


def _turn_about(rotation: np.ndarray, center: np.ndarray) -> RigidTransform:
    return RigidTransform(rotation, center - rotation @ center)


def pose_difference(estimate: RigidTransform, truth: RigidTransform) -> np.ndarray:
    """(6,): translation m, then rotation vector rad about the camera's axes, from the estimate to the
    truth.
    """
    turn = rotation_log(truth.rotation @ estimate.rotation.T)
    return np.concatenate([truth.translation - estimate.translation, turn])


def adds_auc(distances: np.ndarray, limit: float = 0.1) -> float:
    """Area in [0,1] under the share of distances (N,) m below a threshold that grows to `limit`; inf = not
    found.

    Source: Xiang et al., "PoseCNN" (RSS 2018), section V-B, here exact instead of by bins.
    """
    distances = np.asarray(distances, float)
    return float(np.clip(1 - distances / limit, 0, 1).mean()) if distances.size else np.nan
