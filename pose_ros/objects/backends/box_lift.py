"""From the 9 points of a box in a picture, and depth on what is in it, to the box in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log
from pose_ros.shapes import check_shape

# Objectron's order: the centre, then the corners, x slowest and z fastest. x right, y up, z forward.
BOX_POINTS = np.array([[0, 0, 0], *([x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1))], float)
NEAREST = 10  # percentile of depth on a thing over depth of its box: that of places where they touch
SCALE_SIGMA = 0.04  # relative, of the distance found so
ALIKE = 0.01  # units of ray for a side e times as long as the mean
LEAST_SIGMA = 0.004  # of a key point, in units of ray


@dataclass(frozen=True)
class LiftedBox:
    """camera_from_box: centre and axes. size (3,) m. error: rms of the points, as part of their extent.

    covariance (6,6): as ObjectPoses has it.
    """

    camera_from_box: RigidTransform
    size: np.ndarray
    error: float
    covariance: np.ndarray


def lift_box(rays: np.ndarray, mask_rays: np.ndarray, mask_depth: np.ndarray) -> LiftedBox | None:
    """The box whose points project to `rays` (9,3), z = 1, where depth on the thing touches it.

    mask_rays (M,3), z = 1, and mask_depth (M,) m: what was measured of the thing. None where no box fits or
    nothing was measured.
    """
    check_shape("rays", rays, (9, 3))
    known = mask_depth > 0
    start = _linear(rays)
    if start is None or known.sum() < 10:
        return None
    fitted = least_squares(_residuals, start, args=(rays,), method="lm", max_nfev=200)
    rotation, center, half = _box(fitted.x)
    if center[2] <= 0:
        return None
    front = _first_hit(rotation, center, half, mask_rays[known])
    hit = np.isfinite(front)
    if hit.sum() < 10:
        return None
    scale = float(np.percentile(mask_depth[known][hit] / front[hit], NEAREST))
    extent = np.ptp(rays[:, :2], axis=0).max()
    rms = float(np.sqrt(np.mean(fitted.fun**2) * 2))
    covariance = _covariance(fitted.jac, max(rms, LEAST_SIGMA), center * scale, scale, rotation)
    pose = RigidTransform(rotation, center * scale)
    return LiftedBox(pose, 2 * half * scale, rms / max(extent, 1e-9), covariance)


def _linear(rays: np.ndarray) -> np.ndarray | None:
    """Parameters of a box near the best affine one, its centre at depth 1.

    Every point is the centre plus or minus three half edges; that it lies on its ray is linear in them
    (EPnP, Lepetit et al. 2009, with the box's own axes for control points).
    """
    weights = np.concatenate([np.ones((9, 1)), BOX_POINTS], axis=1)  # (9,4)
    rows = [np.kron(weights, [1, 0, 0]), np.kron(weights, [0, 1, 0])]
    depth = np.kron(weights, [0, 0, 1])
    system = np.concatenate([rows[0] - rays[:, :1] * depth, rows[1] - rays[:, 1:2] * depth])
    solution = np.linalg.svd(system)[2][-1].reshape(4, 3)
    if abs(solution[0, 2]) < 1e-9:
        return None
    center, *edges = solution / solution[0, 2]
    half = np.linalg.norm(edges, axis=1)
    if not np.isfinite(half).all() or half.min() < 1e-6:
        return None
    u, _, vt = np.linalg.svd((np.array(edges) / half[:, None]).T)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return np.concatenate([rotation_log(rotation), center[:2], np.log(half)])


def _box(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotation, centre and half size of a box whose centre is at depth 1."""
    return rotation_exp(parameters[:3]), np.append(parameters[3:5], 1.0), np.exp(parameters[5:])


def _residuals(parameters: np.ndarray, rays: np.ndarray) -> np.ndarray:
    rotation, center, half = _box(parameters)
    points = (BOX_POINTS * half) @ rotation.T + center
    # Seen from one side, or by another lens than trained with, the side along the view is anything.
    shape = ALIKE * (parameters[5:] - parameters[5:].mean())
    return np.append((points[:, :2] / np.maximum(points[:, 2:], 0.1) - rays[:, :2]).ravel(), shape)


def _first_hit(rotation: np.ndarray, center: np.ndarray, half: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Depth (M,) at which rays (M,3) enter the box; inf where they miss it."""
    origin, direction = -center @ rotation, rays @ rotation
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (-half - origin) / direction, (half - origin) / direction
    near, far = np.minimum(low, high).max(1), np.maximum(low, high).min(1)
    return np.where((near < far) & (near > 0), near, np.inf)


def _covariance(
    jacobian: np.ndarray, sigma: float, center: np.ndarray, scale: float, rotation: np.ndarray
) -> np.ndarray:
    """(6,6): place and then turn about the camera's axes, from that of the parameters and of the distance."""
    information = jacobian.T @ jacobian / sigma**2 + 1e-9 * np.eye(8)
    parameters = np.linalg.inv(information)
    # The rotation vector's change as a turn about the camera's axes, by finite differences.
    vector, step = rotation_log(rotation), 1e-5
    turn = np.stack(
        [rotation_log(rotation_exp(vector + step * axis) @ rotation.T) / step for axis in np.eye(3)], axis=1
    )
    to_pose = np.zeros((6, 8))
    to_pose[:2, 3:5] = scale * np.eye(2)
    to_pose[3:, :3] = turn
    covariance = to_pose @ parameters @ to_pose.T
    covariance[:3, :3] += np.outer(center, center) * SCALE_SIGMA**2
    return (covariance + covariance.T) / 2
