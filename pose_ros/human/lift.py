"""From 2D key points and depth to 3D joints: the `lift`.

Depth sees the skin, and often not the skin of the joint: a sleeve's edge, the wall behind, an arm
in front. So every joint's depth is read from a patch, and the patches are weighed against each
other through the network's root-relative 3D shape:

1. the shape is scaled and moved so that it fits the viewing rays and the measured depths (robust
   linear least squares in scale and translation);
2. what the measured depths leave over is a Gaussian process along the skeleton (neighbouring joints
   err alike). Its leave-one-out residuals refuse depths that belong to something else; its posterior
   gives the depth of every joint, measured or hidden, with an honest variance.
   Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning", eqs. 2.23, 2.24, 5.12.

Where an estimator tells masks, another's pixels are never a person's, and own ones go before nobody's. The
latter still count where a patch holds few of the person's own: masks tend to miss hands and feet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import shortest_path

from pose_ros.config import option
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

# How far the joint's centre lies behind the skin, m, for an adult; measured on synthetic bodies.
SKIN_TO_CENTRE = {
    "shoulder": 0.055, "elbow": 0.04, "wrist": 0.03, "hip": 0.11, "knee": 0.07, "ankle": 0.04,
    "ear": 0.035, "eye": 0.01, "eye_inner": 0.01, "eye_outer": 0.01,
}  # fmt: skip

LEAST_SHARE = 0.25  # of a patch that must lie on the surface
VOTE_SIGMA = 0.12  # m; depths that far apart may belong to one person
LEAST_SUPPORT = 1e-6  # of a vote; a dwarf or giant by a factor of four is depth in another unit
SIZE_SIGMA = 0.25  # of the logarithm of people's sizes, with the network's error in them
FLAT_SIGMA = 0.2  # m; how far joints lie before or behind the torso of a person of unknown shape


@dataclass(frozen=True)
class LiftConfig:
    patch_radius: float = option(
        0.03, "radius of the patch whose depths are read at a joint", unit="m", range=(0.005, 0.2)
    )
    window: float = option(
        0.5,
        "depths farther than this from where the person is are not the person",
        unit="m",
        range=(0.1, 2.0),
    )
    min_score: float = option(
        0.3, "key points below this score are not measured, only inferred", range=(0.0, 1.0)
    )
    depth_sigma: float = option(
        0.02, "standard deviation of depth on the right joint", unit="m", range=(0.001, 0.5)
    )
    shape_sigma: float = option(
        0.08, "standard deviation of the network's shape along the ray", unit="m", range=(0.001, 1.0)
    )
    pixel_sigma: float = option(4.0, "standard deviation of a key point", unit="px", range=(0.1, 100.0))


class Lift:
    """2D + depth → 3D for one skeleton; holds no state between frames."""

    def __init__(self, config: LiftConfig, skeleton: Skeleton) -> None:
        self.config = config
        self.skeleton = skeleton
        self._skin = np.array([_skin_to_centre(joint) for joint in skeleton.joints])
        self._prior = np.exp(-_bones_between(skeleton) / 2)  # correlation
        self._torso = skeleton.indices("left_shoulder", "right_shoulder", "right_hip", "left_hip")

    def __call__(self, frame: RGBDFrame, keypoints: Keypoints2D) -> Keypoints3D:
        """3D joints of all people of the frame; a person with too little depth is all UNKNOWN."""
        if len(keypoints) == 0:
            return Keypoints3D.empty(self.skeleton)
        rays = frame.camera.rays(keypoints.xy)
        # The network's axes are taken for the camera's. Turning them to the viewing ray, as for a crop
        # seen straight on, was measured to be worse: BlazePose knows upright people in whole rooms.
        flat = keypoints.xyz_root is None
        shape = np.zeros((*keypoints.score.shape, 3)) if flat else keypoints.xyz_root
        mask = keypoints.mask
        theirs = None if mask is None else mask.sum(axis=0) > mask
        near = self._place(frame.depth, theirs, keypoints, rays, shape)
        samples, own = self._patches(frame, theirs, keypoints, near)
        usable = keypoints.score >= self.config.min_score
        # Twice: the first fit says where to look for the person, the second is the answer.
        expected = near[:, None] + shape[..., 2]
        for window in (self.config.window, self.config.window / 2):
            measured = _surface(samples, own, expected - self._skin, window) + self._skin
            measured[~usable] = np.nan
            if flat:
                expected = np.broadcast_to(nanmedian(measured)[:, None], measured.shape)
            else:
                expected = self._fit(shape, rays, measured, keypoints.score)
        # A person without a shape is taken for flat: then limbs reach far before and behind.
        prior = self._prior * (FLAT_SIGMA if flat else self.config.shape_sigma) ** 2
        depth, variance, kept = self._posterior(expected, measured, prior)
        return self._keypoints3d(frame, keypoints, rays, depth, variance, kept)

    def _place(self, depth: np.ndarray, theirs: np.ndarray | None, keypoints: Keypoints2D, rays, shape):
        """Depth (N,) of the people's middles, NaN where no depth is seen.

        Every depth seen on the torso or at a joint, less the shape's own, is a vote for where the
        middle is. The densest votes win, preferred where the person would be of usual size: so an
        occluder or the wall that fills half the torso does not drag the person to itself.
        """
        corners = keypoints.xy[:, self._torso]
        s, t = (grid.ravel()[:, None] for grid in np.meshgrid(np.linspace(0.1, 0.9, 5), np.linspace(0, 1, 6)))
        top = corners[:, None, 0] * (1 - s) + corners[:, None, 1] * s
        bottom = corners[:, None, 3] * (1 - s) + corners[:, None, 2] * s
        on_torso = look_up(depth, top * (1 - t) + bottom * t, theirs)
        at_joints = look_up(depth, keypoints.xy, theirs)
        votes = np.concatenate([on_torso, at_joints - shape[..., 2]], axis=1)
        weight = np.concatenate([np.full(on_torso.shape, 0.5), keypoints.score], axis=1)
        apart = (votes[:, :, None] - votes[:, None, :]) / VOTE_SIGMA
        support = (np.nan_to_num(np.exp(-(apart**2) / 2)) * weight[:, None, :]).sum(-1)
        if keypoints.xyz_root is not None:
            usual = _depth_by_size(shape, rays, keypoints.score)[:, None]
            with np.errstate(invalid="ignore", divide="ignore"):
                support *= np.exp(-((np.log(votes / usual) / SIZE_SIGMA) ** 2) / 2)
        support = np.where(np.isfinite(votes), np.nan_to_num(support), -1.0)
        best = np.argmax(support, axis=1)[:, None]
        place = np.take_along_axis(votes, best, axis=1)[:, 0]
        return np.where(np.take_along_axis(support, best, axis=1)[:, 0] > LEAST_SUPPORT, place, np.nan)

    def _patches(
        self, frame: RGBDFrame, theirs: np.ndarray | None, keypoints: Keypoints2D, near: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Depth samples (N,K,S) on a disc about each joint, and which lie on the person's own pixels."""
        radius = np.nan_to_num(frame.camera.fx * self.config.patch_radius / near, nan=3.0)
        offsets = disc() * np.clip(radius, 2, 40)[:, None, None, None]
        at = keypoints.xy[:, :, None] + offsets
        own = None if keypoints.mask is None else np.isfinite(look_up(frame.depth, at, ~keypoints.mask))
        return look_up(frame.depth, at, theirs), own

    def _fit(self, shape, rays, measured, score) -> np.ndarray:
        """Depth (N,K) of the shape, scaled and moved to fit rays and measured depths; robust.

        Unknowns a person: scale s and translation t. Rows a joint, all linear:
        (s X + t) lies on its ray (two rows), and (s X + t)_z is the measured depth.
        """
        n, k = score.shape
        one, zero = np.ones((n, k)), np.zeros((n, k))
        x, y, z = np.moveaxis(shape, -1, 0)
        rows = np.stack(
            [
                np.stack([x - rays[..., 0] * z, one, zero, -rays[..., 0]], -1),
                np.stack([y - rays[..., 1] * z, zero, one, -rays[..., 1]], -1),
                np.stack([z, zero, zero, one], -1),
            ],
            axis=2,
        )
        known = np.isfinite(measured)
        target = np.stack([zero, zero, np.where(known, measured, 0.0)], axis=-1)
        middle = nanmedian(measured)
        lateral = score / (self.config.shape_sigma / 2) ** 2
        along = np.where(known, 1 / self.config.shape_sigma**2, 0.0)
        # A weak prior keeps the scale at the network's own where rays say little (a person end on).
        prior = np.diag([1 / 0.2**2, 0, 0, 1e-9])
        solution = np.stack([one[:, 0], zero[:, 0], zero[:, 0], np.nan_to_num(middle)], -1)
        robust = 1 / (1 + ((measured - middle[:, None]) / self.config.window) ** 2)
        for _ in range(4):
            weight = np.stack([lateral, lateral, along * np.nan_to_num(robust)], axis=-1)
            normal = np.einsum("nkri,nkr,nkrj->nij", rows, weight, rows) + prior + 1e-9 * np.eye(4)
            right = np.einsum("nkri,nkr,nkr->ni", rows, weight, target) + prior[0] * 1.0
            solution = np.linalg.solve(normal, right[..., None])[..., 0]
            expected = np.einsum("nki,ni->nk", rows[:, :, 2], solution)
            robust = 1 / (1 + ((measured - expected) / (2 * self.config.shape_sigma)) ** 2) ** 2
        return expected

    def _posterior(self, expected, measured, prior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Depth (N,K), its variance (N,K) and which measurements were believed (N,K)."""
        residual = measured - expected
        kept = np.isfinite(residual)
        for _ in range(3):
            inverse, weighed = self._solve(residual, kept, prior)
            spread = 1 / np.einsum("nkk->nk", inverse)
            leave_one_out = weighed * spread  # residual of a joint as told by all the others
            kept = kept & (leave_one_out**2 < 3.0**2 * spread)
        inverse, weighed = self._solve(residual, kept, prior)
        depth = expected + np.einsum("kj,nj->nk", prior, weighed)
        explained = np.einsum("kj,njl,kl->nk", prior, inverse, prior)
        return depth, np.diag(prior) - explained, kept

    def _solve(self, residual, kept, prior) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of the measurements' covariance (N,K,K) and its product with them (N,K)."""
        noise = np.where(kept, self.config.depth_sigma**2, 1e6)  # 1e6 m²: as good as not measured
        covariance = prior + noise[:, :, None] * np.eye(len(self.skeleton))
        inverse = np.linalg.inv(covariance)
        return inverse, np.einsum("nkj,nj->nk", inverse, np.where(kept, residual, 0.0))

    def _keypoints3d(self, frame, keypoints, rays, depth, variance, kept) -> Keypoints3D:
        enough = kept[:, self._torso].any(1) & (kept.sum(1) >= 3)
        known = enough[:, None] & np.isfinite(depth) & (depth > 0)
        origin = np.where(kept, Origin.MEASURED, Origin.INFERRED).astype(np.uint8)
        origin[~known] = Origin.UNKNOWN
        xyz = np.where(known[..., None], rays * depth[..., None], np.nan)
        direction = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
        along = direction[..., :, None] * direction[..., None, :]
        pixel = self.config.pixel_sigma / np.clip(keypoints.score, 0.1, 1.0)
        lateral = (pixel * depth / frame.camera.fx) ** 2
        covariance = lateral[..., None, None] * (np.eye(3) - along) + variance[..., None, None] * along
        covariance = np.where(known[..., None, None], covariance, np.nan)
        confidence = self.config.shape_sigma**2 / (self.config.shape_sigma**2 + variance)
        score = np.where(known, keypoints.score * np.clip(confidence, 0, 1), 0.0)
        return Keypoints3D(xyz, score, covariance, origin, self.skeleton)


def _depth_by_size(shape: np.ndarray, rays: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Depth (N,) at which shapes (N,K,3) of their own size fit the rays (N,K,3): linear least squares."""
    n, k = score.shape
    one, zero = np.ones((n, k)), np.zeros((n, k))
    rows = np.stack([np.stack([one, zero, -rays[..., 0]], -1), np.stack([zero, one, -rays[..., 1]], -1)], 2)
    target = rays[..., :2] * shape[..., 2:] - shape[..., :2]
    normal = np.einsum("nkri,nk,nkrj->nij", rows, score, rows) + 1e-9 * np.eye(3)
    return np.linalg.solve(normal, np.einsum("nkri,nk,nkr->ni", rows, score, target)[..., None])[:, 2, 0]


def _skin_to_centre(joint: str) -> float:
    part = joint.removeprefix("left_").removeprefix("right_")
    return SKIN_TO_CENTRE.get(part, 0.0)


def _bones_between(skeleton: Skeleton) -> np.ndarray:
    """Number of bones (K,K) on the way from joint to joint; joints without bones are far away."""
    graph = np.zeros((len(skeleton), len(skeleton)))
    # The head hangs on the shoulders, which no skeleton of key points says.
    neck = [("nose", "left_shoulder"), ("nose", "right_shoulder")]
    for a, b in (*skeleton.bones, *neck):
        graph[skeleton.index(a), skeleton.index(b)] = 1
    return np.minimum(shortest_path(graph, directed=False), 10)


def disc(points: int = 40) -> np.ndarray:
    """Points (S,2) spread evenly over the unit disc (sunflower)."""
    index = np.arange(points) + 0.5
    radius, angle = np.sqrt(index / points), index * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def look_up(depth: np.ndarray, xy: np.ndarray, banned: np.ndarray | None = None) -> np.ndarray:
    """Depth (N,…) at the pixels nearest to xy (N,…,2), NaN outside the image and where none was measured.

    banned: (N,H,W) bool, pixels that are NaN for that person, too.
    """
    height, width = depth.shape
    u, v = (
        np.round(np.nan_to_num(xy, nan=-1e6)).astype(int).clip(-1, 1 << 20).transpose(-1, *range(xy.ndim - 1))
    )
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    v, u = v.clip(0, height - 1), u.clip(0, width - 1)
    found = depth[v, u]
    if banned is not None:
        inside &= ~banned[np.arange(len(banned)).reshape(-1, *[1] * (v.ndim - 1)), v, u]
    return np.where(inside & (found > 0) & (found < np.inf), found, np.nan)


def _surface(samples: np.ndarray, own: np.ndarray | None, expected: np.ndarray, window: float) -> np.ndarray:
    """Median (N,K) of the samples (N,K,S) within `window` of the expected surface, of `own` ones if enough.

    NaN where fewer than a quarter of the patch lie there: an edge, or something else.
    """
    near = np.abs(samples - expected[..., None]) < window
    if own is not None:
        enough = (near & own).mean(-1, keepdims=True) >= LEAST_SHARE
        near &= own | ~enough
    surface = nanmedian(np.where(near, samples, np.nan))
    return np.where(near.mean(-1) >= LEAST_SHARE, surface, np.nan)


def nanmedian(values: np.ndarray) -> np.ndarray:
    """np.nanmedian over the last axis, NaN for all-NaN slices without a warning, and fast."""
    ordered = np.sort(values, axis=-1)  # NaN sorts last
    count = np.isfinite(ordered).sum(-1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    last = values.shape[-1] - 1
    middle = np.take_along_axis(ordered, low, -1) + np.take_along_axis(ordered, np.minimum(high, last), -1)
    return np.where(count > 0, middle / 2, np.nan)[..., 0]
