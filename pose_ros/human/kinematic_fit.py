"""Joint centres from RGB-D: capsules of flesh on a skeleton are fitted to the depth a person shows.

Depth sees the skin, a robot needs the joint. So every point of the person's surface pulls the capsule it
lies on until the capsule's front touches it; key points pull sideways, bone lengths that are learned as the
person moves hold the joints together, and the network's shape and the frames before speak for what nothing
else tells. All of it is one robust Gauss-Newton problem in the joints' positions, for all people in one
batch, and its curvature is the joints' covariance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.config import option
from pose_ros.human.flesh import (
    FAMILIES,
    FAMILY_SIGMA,
    FITTED,
    GIRTH_SIGMA,
    GIRTHS,
    LENGTHS,
    SHAPE_SIGMA,
    SIZE_SIGMA,
)
from pose_ros.human.keypoint_bias import bias_of, biased
from pose_ros.human.skin import BEHIND, PART, RADII, Touch, depth_at, ends, look, nearest
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

K, S, G = len(FITTED), len(FAMILIES), len(GIRTHS)
UNKNOWNS = 3 * K + S + G  # positions, families of lengths, girths
LOST = 0.12  # m; whose key points are so far from where they should be (median) is fitted anew
SUPPORT = 3.0  # points of skin about a joint from which it counts as measured
SEEN_SIGMA, HIDDEN_SIGMA = 0.008, 0.08  # m a coordinate; errors that measured and hidden joints have beside
LONGEST_GAP = 0.5  # s; whoever was not seen for longer is fitted anew


@dataclass(frozen=True)
class FitConfig:
    iterations: int = option(3, "Gauss-Newton steps a frame", range=(1, 50))
    surface_sigma: float = option(0.015, "of the skin about its capsule", unit="m", range=(0.001, 0.1))
    surface_points: float = option(
        2.0, "points that say as much as all of one part: neighbours err alike", range=(0.1, 1000.0)
    )
    surface_reach: float = option(
        0.05, "surfaces much farther off than this are something else", unit="m", range=(0.01, 0.5)
    )
    keypoint_sigma: float = option(0.025, "of a key point, at the person", unit="m", range=(0.001, 0.5))
    shape_sigma: float = option(0.08, "of the network's shape, a bone", unit="m", range=(0.001, 1.0))
    rough_sigma: float = option(0.25, "of the lifted key points", unit="m", range=(0.001, 5.0))
    motion_sigma: float = option(
        1.5, "of how much a joint's velocity changes from frame to frame", unit="m/s", range=(0.01, 50.0)
    )
    learn: float = option(
        30.0, "frames that say as much of a person's size as one whose errors were its own", range=(1.0, 1e6)
    )


@dataclass
class BodyState:
    """What is remembered of one person. xyz (21,3) m, velocity (21,3) m/s, sizes (S+G,): lengths by family
    and girths, 1 = usual, with their covariance."""

    xyz: np.ndarray | None = None
    velocity: np.ndarray = field(default_factory=lambda: np.zeros((K, 3)))
    stamp: float = 0.0
    sizes: np.ndarray = field(default_factory=lambda: np.ones(S + G))
    sizes_covariance: np.ndarray = field(default_factory=lambda: _usual_sizes())


def _usual_sizes() -> np.ndarray:
    covariance = np.zeros((S + G, S + G))
    covariance[:S, :S] = SIZE_SIGMA**2 + FAMILY_SIGMA**2 * np.eye(S)
    covariance[S:, S:] = GIRTH_SIGMA**2 + SHAPE_SIGMA**2 * np.eye(G)
    return covariance


# Hands take many shapes, and feet stand on the floor.
_REACH = np.array([0.4 if part.endswith("foot") else 1e-3 if part.endswith("hand") else 1.0 for part in PART])
# Lengths
_A = np.array([FITTED.index(length.joints[0]) for length in LENGTHS])
_B = np.array([FITTED.index(length.joints[1]) for length in LENGTHS])
_MEAN = np.array([length.mean for length in LENGTHS])
_FAMILY = np.array([FAMILIES.index(length.family) for length in LENGTHS])
_LENGTH_WEIGHT = np.array([length.sigma**-2 for length in LENGTHS])
# Bones whose direction the network tells.
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_BONES = FITTED.bones + (("nose", "left_ear"), ("nose", "right_ear"), ("left_ear", "right_ear"))
_TELL = np.zeros((len(_BONES), K))
_TELL_SHARE = np.array([4.0 if a in _FACE and b in _FACE else 1.0 for a, b in _BONES])
_EARS, _HEAD = FITTED.indices("left_ear", "right_ear"), FITTED.indices(*_FACE)
_SKIN = FITTED.indices("nose", "left_eye", "right_eye")
for _row, (_a, _b) in zip(_TELL, _BONES, strict=True):
    _row[[FITTED.index(_b), FITTED.index(_a)]] = 1, -1
LIMBS = tuple(
    (
        FITTED.indices(f"{side}_{a}", f"{side}_{b}", f"{side}_{c}"),
        [n for n, part in enumerate(PART) if part in {f"{side}_{p}" for p in parts}],
    )
    for side in ("left", "right")
    for a, b, c, parts in (
        ("elbow", "wrist", "hand", ("upper_arm", "forearm", "hand")),
        ("knee", "ankle", "toe", ("thigh", "shank", "foot")),
    )
)
_LIMB_JOINTS = FITTED.indices(
    *(
        f"{side}_{j}"
        for side in ("left", "right")
        for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    )
)
_TORSO = FITTED.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")


class KinematicFit:
    """Fits people of one estimator's skeleton; what is remembered of them is the caller's."""

    def __init__(self, config: FitConfig, skeleton: Skeleton) -> None:
        self.config, self.skeleton = config, skeleton
        self._from_estimator, self._bias = _from_estimator(skeleton), bias_of(skeleton)

    def __call__(
        self, frame: RGBDFrame, keypoints: Keypoints2D, rough: Keypoints3D, states: list[BodyState]
    ) -> Keypoints3D:
        """Joint centres of the people of a frame, in the estimator's skeleton; `states` are brought to it.

        rough: the lifted key points. A person whose lift is unknown stays unknown, and as remembered.
        """
        told = self._told(keypoints, rough)
        seen = np.flatnonzero(np.isfinite(told.rough[:, _TORSO]).all((1, 2)))
        if not len(seen):
            return rough
        problem = _Problem(self.config, self._bias, frame, told.select(seen), [states[n] for n in seen])
        problem.solve()
        fitted, covariance, measured = problem.joints()
        return self._keypoints3d(keypoints, rough, seen, fitted, covariance, measured)

    def _told(self, keypoints: Keypoints2D, rough: Keypoints3D) -> _Told:
        mix = self._from_estimator
        known = mix.any(1)
        score = np.einsum("kj,nj->nk", mix, keypoints.score)
        root = None if keypoints.xyz_root is None else np.einsum("kj,njx->nkx", mix, keypoints.xyz_root)
        lifted = np.einsum("kj,njx->nkx", mix, rough.xyz)
        lifted[:, ~known] = np.nan
        return _Told(np.einsum("kj,njx->nkx", mix, keypoints.xy), score, root, lifted)

    def _keypoints3d(self, keypoints, rough, seen, fitted, covariance, measured) -> Keypoints3D:
        xyz, cov, origin = rough.xyz.copy(), rough.covariance.copy(), rough.origin.copy()
        for k, name in enumerate(self.skeleton.joints):
            if name in FITTED.joints:
                n = FITTED.index(name)
                xyz[seen, k], cov[seen, k] = fitted[:, n], covariance[:, n]
                origin[seen, k] = np.where(measured[:, n], Origin.MEASURED, Origin.INFERRED)
        for name, led in _leads(self.skeleton).items():
            k = self.skeleton.index(name)
            shift = xyz[seen, k] - rough.xyz[seen, k]
            for other in self.skeleton.indices(*led):
                xyz[seen, other] = rough.xyz[seen, other] + shift
                cov[seen, other] = cov[seen, k] + 0.02**2 * np.eye(3)
                origin[seen, other] = origin[seen, k]
        score = rough.score
        return Keypoints3D(xyz, score, cov, origin, self.skeleton)


@dataclass(frozen=True)
class _Told:
    """What estimator and lift say of N people, in FITTED's joints; score 0 and NaN where they do not."""

    xy: np.ndarray
    score: np.ndarray
    root: np.ndarray | None
    rough: np.ndarray

    def select(self, chosen: np.ndarray) -> _Told:
        root = None if self.root is None else self.root[chosen]
        return _Told(self.xy[chosen], self.score[chosen], root, self.rough[chosen])


class _Problem:
    def __init__(
        self, config: FitConfig, bias, frame: RGBDFrame, told: _Told, states: list[BodyState]
    ) -> None:
        self.bias = bias
        self.config, self.frame, self.told, self.states = config, frame, told, states
        self.stamp = frame.stamp_ns * 1e-9
        self.rays = frame.camera.rays(told.xy)
        self.sizes = np.stack([state.sizes for state in states])
        self.prior_sizes = self.sizes.copy()
        self.prior_information = np.linalg.inv(np.stack([state.sizes_covariance for state in states]))
        self.rough = _completed(told.rough)
        self.expected, self.expected_weight = self._predicted()
        self.xyz = self._chosen()
        self.points, self.directions = look(self.xyz, frame.depth, frame.camera)

    def solve(self) -> None:
        """Bring joints and sizes to where all that is told agrees best; `normal` is the last step's."""
        reach = self.config.surface_reach
        for n in range(self.config.iterations):
            if n % 2 == 0:
                self.capsule = nearest(*ends(self.xyz), self.sizes[:, S:], self.points, self.directions)
            self.normal, right = self._normal(reach * (2.0 if n < self.config.iterations // 2 else 1.0))
            step = np.linalg.solve(self.normal, right[..., None])[..., 0]
            self.xyz = self.xyz + step[:, : 3 * K].reshape(-1, K, 3)
            self.sizes = self.sizes + step[:, 3 * K :]

    def joints(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions (N,K,3), covariances (N,K,3,3), which of them lie under skin that was measured (N,K)."""
        inverse = np.linalg.inv(self.normal)
        blocks = inverse[:, : 3 * K, : 3 * K].reshape(-1, K, 3, K, 3)
        # Curvature does not know that nobody saw a joint, nor that a network can be wholly wrong.
        doubt = np.where(self.support > SUPPORT, SEEN_SIGMA, HIDDEN_SIGMA) ** 2
        covariance = np.einsum("nkxky->nkxy", blocks) + doubt[..., None, None] * np.eye(3)
        for n, state in enumerate(self.states):
            self._remember(n, state, inverse[n, 3 * K :, 3 * K :])
        return self.xyz, covariance, self.support > SUPPORT

    def _remember(self, n: int, state: BodyState, posterior: np.ndarray) -> None:
        gap = self.stamp - state.stamp
        if state.xyz is not None and -LONGEST_GAP < gap <= 0:
            return  # a repeated or late frame teaches nothing
        if state.xyz is not None and 0 < gap < LONGEST_GAP:
            state.velocity = state.velocity + 0.35 * ((self.xyz[n] - state.xyz) / gap - state.velocity)
        else:
            state.velocity = np.zeros((K, 3))
        state.xyz, state.stamp = self.xyz[n], self.stamp
        gained = (np.linalg.inv(posterior) - self.prior_information[n]) / self.config.learn
        information = self.prior_information[n] + gained
        pull = self.prior_information[n] @ self.prior_sizes[n] + gained @ self.sizes[n]
        state.sizes_covariance = np.linalg.inv(information)
        state.sizes = state.sizes_covariance @ pull

    def _predicted(self) -> tuple[np.ndarray, np.ndarray]:
        """Where joints should be by the frames before (N,K,3), and the weight of that (N,)."""
        expected, weight = self.rough.copy(), np.zeros(len(self.states))
        for n, state in enumerate(self.states):
            gap = self.stamp - state.stamp
            if state.xyz is not None and 0 < gap < LONGEST_GAP:
                expected[n] = state.xyz + state.velocity * min(gap, 0.1)
                weight[n] = 1 / (0.01 + self.config.motion_sigma * gap) ** 2
        aside = np.linalg.norm(expected[..., :2] - self.rays[..., :2] * expected[..., 2:], axis=-1)
        for n in np.flatnonzero(np.median(aside[:, _LIMB_JOINTS], axis=1) > LOST):
            expected[n], weight[n] = self.rough[n], 0.0
        return expected, weight

    def _chosen(self) -> np.ndarray:
        """Where to start (N,K,3): as expected, but a limb as lifted where depth speaks for that."""
        start = self.expected.copy()
        told, known = self._evidence(self.rough), self._evidence(self.expected)
        for (joints, _), lifted, expected in zip(LIMBS, told, known, strict=True):
            better = np.flatnonzero(lifted > expected + 0.15)
            start[np.ix_(better, joints)] = self.rough[np.ix_(better, joints)]
        if self.told.root is not None:
            # A face can be seen inside out as well: how it is turned the network knows best.
            middle = (start - self.told.root)[:, _EARS].mean(1, keepdims=True)
            start[:, _HEAD] = self.told.root[:, _HEAD] + middle
        return start

    def _evidence(self, xyz: np.ndarray) -> list[np.ndarray]:
        """For each limb (N,): how much of its middle has depth just before it, less what is seen through."""
        start, end = ends(xyz)
        u = np.linspace(0.1, 0.9, 5)[:, None]
        middle = start[:, :, None] * (1 - u) + end[:, :, None] * u
        radius = RADII[:, :1] * (1 - u.T) + RADII[:, 1:] * u.T
        gap = self._look(middle) - (middle[..., 2] - radius)
        good, through = np.abs(gap) < 0.05, gap > 0.08
        return [(good * 1.0 - 1.5 * through)[:, capsules].mean((1, 2)) for _, capsules in LIMBS]

    def _look(self, xyz: np.ndarray) -> np.ndarray:
        """Depth (…) that is seen at these points (…,3)."""
        pixels = np.nan_to_num(self.frame.camera.project(xyz), nan=-1.0).clip(-1, 1 << 20)
        return depth_at(self.frame.depth, np.rint(pixels).astype(int))

    def _normal(self, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Normal matrix (N,U,U) and right side (N,U) of the next step."""
        config, n = self.config, len(self.xyz)
        normal, right = np.zeros((n, UNKNOWNS, UNKNOWNS)), np.zeros((n, UNKNOWNS))

        def add(rows: np.ndarray, off: np.ndarray, weight: np.ndarray) -> None:
            weighed = np.swapaxes(rows * weight[..., None], -1, -2)
            normal[...] += weighed @ rows
            right[...] -= (weighed @ off[..., None])[..., 0]

        # The skin
        touch = Touch(self.xyz, self.sizes[:, S:], self.points, self.directions, self.capsule)
        near = reach * _REACH[touch.capsule]
        weight = 1 / config.surface_sigma**2 / (1 + (touch.miss / near) ** 2) ** 2
        # What is seen lies before the middle line: what does not is the floor or the wall behind a limb.
        weight = weight / (1 + (np.maximum(touch.ahead, 0) / BEHIND) ** 2) ** 2
        # Points of one part err alike: many say little more than a few.
        weight = weight * np.minimum(1, config.surface_points / np.maximum(touch.count(touch.miss < near), 1))
        matrix, pulls = touch.normal_equations(weight)
        chosen = np.r_[0 : 3 * K, 3 * K + S : UNKNOWNS]
        normal[:, chosen[:, None], chosen] = matrix
        right[:, chosen] = pulls
        self.support = touch.support(touch.miss < near)
        # Key points
        seen = biased(self.xyz, *self.bias)
        aside = seen[..., :2] - self.rays[..., :2] * seen[..., 2:]
        rows = np.zeros((n, K, 2, UNKNOWNS))
        for axis in (0, 1):
            rows[:, :, axis, axis : 3 * K : 3] = np.eye(K)
            rows[:, :, axis, 2 : 3 * K : 3] = -np.eye(K) * self.rays[..., axis, None]
        strength = (self.told.score / config.keypoint_sigma) ** 2
        strength = strength / (1 + (aside**2).sum(-1) / (3 * config.keypoint_sigma) ** 2)
        add(rows.reshape(n, 2 * K, -1), aside.reshape(n, -1), np.repeat(strength, 2, -1))
        # Lengths
        between = self.xyz[:, _A] - self.xyz[:, _B]
        length = np.linalg.norm(between, axis=-1)
        direction = between / np.maximum(length, 1e-6)[..., None]
        rows = np.zeros((n, len(LENGTHS), UNKNOWNS))
        m, axes = np.arange(len(LENGTHS))[:, None], np.arange(3)
        rows[:, m, 3 * _A[:, None] + axes] = direction
        rows[:, m, 3 * _B[:, None] + axes] = -direction
        rows[:, m[:, 0], 3 * K + _FAMILY] = -_MEAN
        add(rows, length - _MEAN * self.sizes[:, _FAMILY], np.broadcast_to(_LENGTH_WEIGHT, length.shape))
        # What is told of positions alone
        alike = np.zeros((n, K, K))
        pull = np.zeros((n, K, 3))
        if self.told.root is not None:
            size = self.sizes[:, :S].mean(1)[:, None, None]
            off = _TELL @ self.xyz - size * (_TELL @ self.told.root)
            weight = (
                _TELL_SHARE * config.shape_sigma**-2 / (1 + (off**2).sum(-1) / (3 * config.shape_sigma) ** 2)
            )
            alike += np.einsum("bk,nb,bj->nkj", _TELL, weight, _TELL)
            pull -= np.einsum("bk,nb,nbx->nkx", _TELL, weight, off)
        off = self.xyz - self.rough
        weight = config.rough_sigma**-2 / (1 + (off**2).sum(-1) / config.rough_sigma**2)
        off2 = self.xyz - self.expected
        weight2 = self.expected_weight[:, None] / (1 + (off2**2).sum(-1) * self.expected_weight[:, None] / 9)
        diagonal = np.arange(K)
        alike[:, diagonal, diagonal] += weight + weight2
        pull -= weight[..., None] * off + weight2[..., None] * off2
        # Nose and eyes lie on the skin.
        off = self.xyz[:, _SKIN, 2] - self._look(self.xyz[:, _SKIN])
        weight = np.where(np.isfinite(off), 0.01**-2 / (1 + (off / 0.03) ** 2) ** 2, 0.0)
        weight = weight * (self.xyz[:, _SKIN, 2] < self.xyz[:, _EARS, 2].mean(1, keepdims=True) - 0.02)
        deep = 3 * np.array(_SKIN) + 2
        normal[:, deep, deep] += weight
        right[:, deep] -= weight * np.nan_to_num(off)
        for axis in range(3):
            normal[:, axis : 3 * K : 3, axis : 3 * K : 3] += alike
            right[:, axis : 3 * K : 3] += pull[..., axis]
        # Sizes
        normal[:, 3 * K :, 3 * K :] += self.prior_information
        right[:, 3 * K :] -= np.einsum("nij,nj->ni", self.prior_information, self.sizes - self.prior_sizes)
        return normal, right


def _completed(lifted: np.ndarray) -> np.ndarray:
    """Lifted joints (N,K,3) with hands and toes beyond wrist and ankle where the estimator has none."""
    lifted = lifted.copy()
    for tip, root, before in (("hand", "wrist", "elbow"), ("toe", "ankle", "knee")):
        for side in ("left", "right"):
            t, r, b = FITTED.indices(f"{side}_{tip}", f"{side}_{root}", f"{side}_{before}")
            beyond = lifted[:, r] + 0.3 * (lifted[:, r] - lifted[:, b])
            lifted[:, t] = np.where(np.isfinite(lifted[:, t]), lifted[:, t], beyond)
    return lifted


def _from_estimator(skeleton: Skeleton) -> np.ndarray:
    """Weights (21,K) that make FITTED's joints of an estimator's; a row of zeros where it has none."""
    mix = np.zeros((K, len(skeleton)))
    for k, name in enumerate(FITTED.joints):
        side = name.split("_")[0]
        parts = {"hand": (f"{side}_index", f"{side}_pinky"), "toe": (f"{side}_foot_index",)}
        sources = parts.get(name.removeprefix(f"{side}_"), (name,))
        if all(source in skeleton.joints for source in sources):
            mix[k, skeleton.indices(*sources)] = 1 / len(sources)
    return mix


def _leads(skeleton: Skeleton) -> dict[str, tuple[str, ...]]:
    """Joints that are not fitted, by the fitted one they go with."""
    leads = {"nose": ("mouth_left", "mouth_right")}
    for side in ("left", "right"):
        leads[f"{side}_eye"] = (f"{side}_eye_inner", f"{side}_eye_outer")
        leads[f"{side}_wrist"] = tuple(f"{side}_{p}" for p in ("pinky", "index", "thumb"))
        leads[f"{side}_ankle"] = (f"{side}_heel", f"{side}_foot_index")
    return {lead: tuple(joint for joint in led if joint in skeleton.joints) for lead, led in leads.items()}


def _counts(capsule: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """For each point (N,P) how many of the chosen lie on its capsule."""
    flat = capsule + len(PART) * np.arange(len(capsule))[:, None]
    counts = np.bincount(flat.ravel(), chosen.ravel(), len(PART) * len(capsule))
    return counts[flat]
