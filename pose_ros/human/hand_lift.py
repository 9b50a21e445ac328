"""From a hand's 21 landmarks and depth to its joints in metres.

The network tells well where joints are in the image, fairly how fingers are bent, and not how large or how
far away a hand is. Depth tells the latter, of the skin, where it sees it. So all joints of a hand, and its
size, are found together by robust Gauss-Newton, all hands in one batch, from what pulls at them:

* each landmark's viewing ray;
* depth about the joint, as much behind the skin as flesh is thick; a depth that lies off (the wall behind a
  landmark beside its finger, another finger in front) lets go (Geman & McClure, 1985);
* the network's bones, turned to the viewing ray and scaled by the hand's size, and usual lengths of bones;
* the body's wrist, by its covariance.

The posterior covariance is that of the last step's normal equations: a joint that depth does not see is as
uncertain as its neighbours and bones leave it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.hand_shape import palm_axes
from pose_ros.human.head import view_rotation
from pose_ros.human.lift import disc, look_up, nanmedian
from pose_ros.skeleton import HAND_21
from pose_ros.types import Keypoints3D, Origin

# Bones of an adult's hand, m, joint to joint. Fingers: Buryanov & Kotiuk, "Proportions of hand segments",
# Int. J. Morphol. 28 (2010), a tip being where the bone ends. From the body's wrist, across the palm, and the
# thumb's first: of synthetic bodies of that size.
LENGTHS = {
    ("wrist", "thumb_cmc"): 0.045, ("thumb_cmc", "thumb_mcp"): 0.034, ("thumb_mcp", "thumb_ip"): 0.0345,
    ("thumb_ip", "thumb_tip"): 0.0217,
    ("wrist", "index_mcp"): 0.097, ("index_mcp", "index_pip"): 0.0398, ("index_pip", "index_dip"): 0.0224,
    ("index_dip", "index_tip"): 0.0158,
    ("wrist", "middle_mcp"): 0.097, ("middle_mcp", "middle_pip"): 0.0446,
    ("middle_pip", "middle_dip"): 0.0263, ("middle_dip", "middle_tip"): 0.0174,
    ("wrist", "ring_mcp"): 0.093, ("ring_mcp", "ring_pip"): 0.0414, ("ring_pip", "ring_dip"): 0.0257,
    ("ring_dip", "ring_tip"): 0.0173,
    ("wrist", "pinky_mcp"): 0.090, ("pinky_mcp", "pinky_pip"): 0.0327, ("pinky_pip", "pinky_dip"): 0.0181,
    ("pinky_dip", "pinky_tip"): 0.016,
    ("index_mcp", "middle_mcp"): 0.0225, ("middle_mcp", "ring_mcp"): 0.021, ("ring_mcp", "pinky_mcp"): 0.018,
    ("index_mcp", "pinky_mcp"): 0.0585,
}  # fmt: skip
# Landmarks that lie off the joint they are named for, m, in the axes of a left palm (Hand tells which).
OFF = {"wrist": (0.0, 0.002, -0.009), "thumb_cmc": (0.002, -0.012, 0.012)}
# How far a joint's centre lies behind the skin, m.
FLESH = {"wrist": 0.03, "thumb_cmc": 0.018, "thumb_mcp": 0.015, "thumb_ip": 0.0095,
         "mcp": 0.015, "pip": 0.007, "dip": 0.0065, "tip": 0.006}  # fmt: skip
# How much more than others the network errs in how bones are turned: little in the palm, much at their ends.
TURNS = {"mcp": 0.4, "cmc": 0.6, "pip": 0.75, "ip": 1.0, "dip": 1.4, "tip": 1.5}
WINDOWS = (0.08, 0.05, 0.03, 0.03, 0.025, 0.025)  # m about the expected skin in which depth is read, by step
NEAREST = 0.3  # of a patch must lie in the window
ALIKE = 4.0  # joints of one hand err alike, which their normal equations do not know: measured, of variances
SIZE_SIGMA = 0.1  # of the logarithm of hands' sizes
EDGE = 0.012  # m; a depth so far off has let go by three quarters
REACH = np.array([HAND_21.indices(*bone) for bone in LENGTHS])
USUAL = np.array(list(LENGTHS.values()))
TURN = np.array([TURNS[second.split("_")[-1]] for _, second in LENGTHS])
SKIN = np.array([FLESH.get(joint, FLESH.get(joint.split("_")[-1])) for joint in HAND_21.joints])
_OFF = np.array([OFF.get(joint, (0.0, 0.0, 0.0)) for joint in HAND_21.joints])
_DISC = disc(24)
WRIST, K = HAND_21.index("wrist"), len(HAND_21)


@dataclass(frozen=True)
class HandLiftConfig:
    patch_radius: float = option(
        0.005, "radius of the patch whose depths are read at a joint", unit="m", range=(0.001, 0.05)
    )
    landmark_sigma: float = option(
        0.004, "error of a landmark across its viewing ray", unit="m", range=(0.0005, 0.1)
    )
    depth_sigma: float = option(0.005, "error of depth on the right joint", unit="m", range=(0.0005, 0.1))
    bone_sigma: float = option(
        25.0, "error of how the network's bones are turned", unit="deg", range=(1.0, 180.0)
    )
    length_sigma: float = option(0.15, "how bones' lengths vary, as a share", range=(0.01, 1.0))
    wrist_sigma: float = option(
        0.01, "error of the body's wrist as a hand's, beside its own", unit="m", range=(0.001, 0.1)
    )


def lift_hands(
    right: np.ndarray,
    xy: np.ndarray,
    shape: np.ndarray,
    score: np.ndarray,
    wrist: np.ndarray,
    wrist_covariance: np.ndarray,
    depth: np.ndarray,
    camera: PinholeCamera,
    config: HandLiftConfig,
) -> Keypoints3D:
    """Joints of M hands. right, xy, shape, score: as in HandLooks. depth: (H,W) m, NaN = none.

    wrist (M,3), wrist_covariance (M,3,3): the body's, m in the optical frame; where it is NaN, all of the
    hand is UNKNOWN. Joints whose depth is seen are MEASURED, the others INFERRED.
    """
    known = np.isfinite(wrist).all(-1)
    joints = np.full((len(xy), K, 3), np.nan)
    covariance = np.full((len(xy), K, 3, 3), np.nan)
    origin = np.full((len(xy), K), Origin.UNKNOWN, np.uint8)
    if known.any():
        fit = _Fit(
            right[known],
            xy[known],
            shape[known],
            wrist[known],
            wrist_covariance[known],
            depth,
            camera,
            config,
        )
        joints[known], covariance[known], measured = fit.solve()
        origin[known] = np.where(measured, Origin.MEASURED, Origin.INFERRED)
    score = np.where(known[:, None], score[:, None], 0.0) * np.ones(K)
    return Keypoints3D(joints, score, covariance, origin, HAND_21)


class _Fit:
    """The least squares of M hands; unknowns are the joints and the logarithm of each hand's size."""

    def __init__(self, right, xy, shape, wrist, wrist_covariance, depth, camera, config) -> None:
        self.config, self.depth, self.camera = config, depth, camera
        self.rays = camera.rays(xy)
        self.xy = xy
        self.view = view_rotation(self.rays[:, HAND_21.index("middle_mcp")])
        self.shape = np.einsum("mij,mkj->mki", self.view, shape)
        # Its bones are believed as to where they point.
        bones = _bones(self.shape)
        length = np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-6)
        self.bones = bones / length * USUAL[:, None]
        self.shape = self.shape * (USUAL.mean() / length.mean(1))[:, None]
        self.off = np.where(right[:, None, None], _OFF * (1, -1, 1), _OFF)
        self.wrist = wrist
        extra = config.wrist_sigma**2 * np.eye(3)
        self.wrist_weight = np.linalg.inv(wrist_covariance + extra)

    def solve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints (M,K,3), their covariance (M,K,3,3) and which of them depth holds (M,K)."""
        joints, size = self._start(), np.zeros(len(self.xy))
        held = np.zeros(joints.shape[:2], bool)
        for window in WINDOWS:
            normal, right, held = self._normal(joints, size, window)
            step = np.linalg.solve(normal, right[..., None])[..., 0]
            joints = joints + step[:, :-1].reshape(joints.shape)
            size = np.clip(size + step[:, -1], -0.7, 0.5)
        blocks = np.linalg.inv(normal)[:, :-1, :-1].reshape(len(joints), K, 3, K, 3)
        covariance = ALIKE * np.einsum("mkikj->mkij", blocks)
        return joints, (covariance + np.swapaxes(covariance, -1, -2)) / 2, held

    def _start(self) -> np.ndarray:
        """On the landmarks' rays, as deep as the network's shape hung on the body's wrist."""
        z = self.wrist[:, None, 2] + self.shape[..., 2] - self.shape[:, [WRIST], 2]
        near = np.median(z, axis=1)
        surface = self._surface(self.rays * z[..., None], z, 2 * WINDOWS[0])
        off = np.nan_to_num(nanmedian(surface + SKIN - z))
        return self.rays * np.maximum(z + off[:, None], near[:, None] / 2)[..., None]

    def _normal(
        self, joints: np.ndarray, size: np.ndarray, window: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Normal equations (M,3K+1,3K+1), their right sides (M,3K+1), joints that depth holds (M,K)."""
        config, many = self.config, len(joints)
        n = 3 * K + 1
        normal, right = np.zeros((many, n, n)), np.zeros((many, n))

        # Across the viewing ray.
        ray = self.rays / np.linalg.norm(self.rays, axis=-1, keepdims=True)
        across = (np.eye(3) - ray[..., None] * ray[..., None, :]) / config.landmark_sigma**2
        own = across.copy()
        landmarks = joints + np.einsum("mij,mkj->mki", palm_axes(joints), self.off)
        pull = -np.einsum("mkij,mkj->mki", across, landmarks)

        # Depth, behind the skin.
        skin = self._surface(joints, joints[..., 2] - SKIN, window)
        off = skin + SKIN - joints[..., 2]
        seen = np.isfinite(off)
        off = np.nan_to_num(off)
        loose = 1 / (1 + (off / EDGE) ** 2) ** 2
        weight = np.where(seen, loose, 0.0) / config.depth_sigma**2
        own[..., 2, 2] += weight
        pull[..., 2] += weight * off

        # The body's wrist.
        own[:, WRIST] += self.wrist_weight
        pull[:, WRIST] += np.einsum("mij,mj->mi", self.wrist_weight, self.wrist - joints[:, WRIST])

        for k in range(K):
            normal[:, 3 * k : 3 * k + 3, 3 * k : 3 * k + 3] += own[:, k]
            right[:, 3 * k : 3 * k + 3] += pull[:, k]

        # Bones: as the network has them, and as long as usual.
        scale, turn = np.exp(size), np.radians(config.bone_sigma)
        now, wanted = _bones(joints), self.bones
        length = np.maximum(np.linalg.norm(now, axis=-1), 1e-4)
        along = now / length[..., None]
        for b, (first, second) in enumerate(REACH):
            i, j = slice(3 * first, 3 * first + 3), slice(3 * second, 3 * second + 3)
            rows = np.zeros((many, 4, n))
            value = np.zeros((many, 4))
            rows[:, :3, i], rows[:, :3, j] = -np.eye(3), np.eye(3)
            rows[:, :3, -1] = -scale[:, None] * wanted[:, b]
            value[:, :3] = scale[:, None] * wanted[:, b] - now[:, b]
            rows[:, :3] /= turn * TURN[b] * USUAL[b]
            value[:, :3] /= turn * TURN[b] * USUAL[b]
            rows[:, 3, i], rows[:, 3, j] = -along[:, b], along[:, b]
            rows[:, 3, -1] = -scale * USUAL[b]
            value[:, 3] = scale * USUAL[b] - length[:, b]
            rows[:, 3] /= config.length_sigma * USUAL[b]
            value[:, 3] /= config.length_sigma * USUAL[b]
            normal += np.swapaxes(rows, -1, -2) @ rows
            right += np.einsum("mrn,mr->mn", rows, value)
        normal[:, -1, -1] += SIZE_SIGMA**-2
        right[:, -1] -= SIZE_SIGMA**-2 * size
        return normal, right, seen & (loose > 0.5)

    def _surface(self, joints: np.ndarray, expected: np.ndarray, window: float) -> np.ndarray:
        """Median (M,K) of the depths about the joints within `window` m of the expected ones (M,K)."""
        pixel = self.camera.project(joints)
        radius = np.maximum(self.config.patch_radius * self.camera.fx / joints[..., 2], 1.0)
        samples = look_up(self.depth, pixel[..., None, :] + radius[..., None, None] * _DISC)
        near = np.abs(samples - expected[..., None]) < window
        median = nanmedian(np.where(near, samples, np.nan))
        return np.where(near.mean(-1) >= NEAREST, median, np.nan)


def _bones(joints: np.ndarray) -> np.ndarray:
    """(M,B,3), in LENGTHS' order, of joints (M,K,3)."""
    return joints[:, REACH[:, 1]] - joints[:, REACH[:, 0]]
