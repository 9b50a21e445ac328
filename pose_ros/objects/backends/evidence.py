"""How well poses that others propose agree with depth: their scores say which is best, not if it is right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.backends.backend import Found, Model
from pose_ros.types import ObjectPoses, RGBDFrame

TOLERANCE, GROWTH = 0.006, 0.006  # m at any distance, and 1/m of distance squared
CORRELATED = 40.0  # neighbouring pixels err together: so many count as one
LEAST_SHARE = 0.5  # of a proposal's pixels must not be a better one's


@dataclass(frozen=True)
class Proposal:
    """A pose of a model for a thing in `mask` (H,W)."""

    label: str
    camera_from_object: RigidTransform
    mask: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """score in [0,1], not calibrated: share of what should be seen or is in the mask that depth confirms.

    visible: share of the outline not hidden. mask (H,W): what is confirmed. covariance (6,6).
    """

    score: float
    visible: float
    mask: np.ndarray
    covariance: np.ndarray


def weigh(frame: RGBDFrame, mesh: Mesh, proposal: Proposal) -> Evidence:
    """Compare the mesh, drawn at its pose, with depth."""
    height, width = frame.depth.shape
    pose = proposal.camera_from_object
    corners = pose.apply(mesh.vertices)
    nothing = Evidence(0.0, 0.0, np.zeros((height, width), bool), np.eye(6))
    with np.errstate(invalid="ignore"):
        pixels = frame.camera.project(corners)
    if not np.isfinite(pixels).all():
        return nothing  # it reaches behind the camera
    hits = rasterize(pixels, corners[:, 2], mesh.triangles, height, width)
    if len(hits.pixel) == 0:
        return nothing
    seen = frame.depth.ravel()[hits.pixel]
    tolerance = TOLERANCE + GROWTH * hits.depth**2
    with np.errstate(invalid="ignore"):
        agrees = np.abs(seen - hits.depth) <= tolerance
        through = seen > hits.depth + tolerance
        hidden = seen < hits.depth - tolerance
    own = np.zeros(height * width, bool)
    own[hits.pixel[agrees]] = True
    drawn = np.zeros(height * width, bool)
    drawn[hits.pixel] = True
    unexplained = (proposal.mask.ravel() & (frame.depth.ravel() > 0) & ~drawn).sum()
    score = agrees.sum() / max(agrees.sum() + through.sum() + unexplained, 1)
    # What hides the object may be the object itself, wrongly turned, if it is in its own mask.
    score *= 1 - (hidden & proposal.mask.ravel()[hits.pixel]).sum() / max(len(hidden), 1)
    visible = 1 - hidden.sum() / len(hits.pixel)
    points = mesh.points(hits.triangle, hits.weights)[agrees]
    normals = mesh.normals[hits.triangle[agrees]]
    sigma = tolerance[agrees] / 2
    covariance = _covariance(pose, points, normals, sigma, float(np.ptp(mesh.bounds, axis=0).max()))
    return Evidence(float(score), float(visible), own.reshape(height, width), covariance)


def _covariance(
    pose: RigidTransform, points: np.ndarray, normals: np.ndarray, sigma: np.ndarray, size: float
) -> np.ndarray:
    """(6,6) of a fit of points to planes, wide where nothing holds the object: its size, and half a turn."""
    arms = points @ pose.rotation.T
    directions = normals @ pose.rotation.T
    jacobian = np.concatenate([directions, np.cross(arms, directions)], axis=1) / sigma[:, None]
    free = np.diag([1 / size**2] * 3 + [1 / np.pi**2] * 3)
    covariance = np.linalg.inv(jacobian.T @ jacobian / CORRELATED + free)
    return (covariance + covariance.T) / 2


def best_of(
    frame: RGBDFrame,
    models: dict[str, Model],
    proposals: list[Proposal],
    least: float,
    reasons: dict[str, str],
) -> Found:
    """The proposals that depth agrees with, best first; no pixel belongs to two."""
    height, width = frame.depth.shape
    weighed = [(weigh(frame, models[p.label].mesh, p), p) for p in proposals]
    weighed.sort(key=lambda entry: -entry[0].score)
    free = np.ones((height, width), bool)
    kept: list[tuple[Evidence, Proposal, np.ndarray]] = []
    for evidence, proposal in weighed:
        mask = evidence.mask & free
        if evidence.score < least:
            reasons.setdefault(
                proposal.label, f"the best pose agrees with depth by {evidence.score:.2f} only"
            )
        elif mask.sum() < LEAST_SHARE * evidence.mask.sum():
            reasons.setdefault(proposal.label, "what looks like it is rather something else")
        else:
            free &= ~mask
            kept.append((evidence, proposal, mask))
            reasons[proposal.label] = "no more of it is seen"
    if not kept:
        return Found(ObjectPoses.empty(height, width), np.zeros((0, 3)), reasons)
    poses = ObjectPoses(
        RigidTransform(
            np.stack([p.camera_from_object.rotation for _, p, _ in kept]),
            np.stack([p.camera_from_object.translation for _, p, _ in kept]),
        ),
        tuple(p.label for _, p, _ in kept),
        np.array([e.score for e, _, _ in kept]),
        np.stack([e.covariance for e, _, _ in kept]),
        np.array([e.visible for e, _, _ in kept]),
        np.stack([mask for _, _, mask in kept]),
    )
    return Found(poses, np.stack([np.ptp(models[p.label].mesh.bounds, axis=0) for _, p, _ in kept]), reasons)
