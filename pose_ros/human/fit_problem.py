"""The least squares behind the kinematic fit: everything that is told of people's joints, put together.

Unknowns a person: 21 positions, lengths by family, girths. What pulls: the skin (skin.py), key points, bones,
a face's own skin, the network's shape, the lift, and the frames before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.human.fit_state import BodyState, FitConfig, G, K, S
from pose_ros.human.flesh import FAMILIES, FITTED, LENGTHS
from pose_ros.human.keypoint_bias import biased
from pose_ros.human.skin import BEHIND, PART, RADII, Touch, depth_at, ends, look, nearest
from pose_ros.types import RGBDFrame

UNKNOWNS = 3 * K + S + G  # positions, families of lengths, girths
LOST = 0.12  # m; whose key points are so far from where they should be (median) is fitted anew
SUPPORT = 3.0  # points of skin about a joint from which it counts as measured
SEEN_SIGMA, HIDDEN_SIGMA = 0.008, 0.08  # m a coordinate; errors that measured and hidden joints have beside
FACE_SIGMA = 0.01  # m; of nose and eyes about the skin
LONGEST_GAP = 0.5  # s; whoever was not seen for longer is fitted anew

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
BONES = FITTED.bones + (("nose", "left_ear"), ("nose", "right_ear"), ("left_ear", "right_ear"))
_TELL = np.zeros((len(BONES), K))
_TELL_SHARE = np.array([4.0 if a in _FACE and b in _FACE else 1.0 for a, b in BONES])
_EARS, _HEAD = FITTED.indices("left_ear", "right_ear"), FITTED.indices(*_FACE)
_ON_SKIN = FITTED.indices("nose", "left_eye", "right_eye")
_SKIN_ROWS = np.r_[0 : 3 * K, 3 * K + S : UNKNOWNS]  # unknowns that the skin tells of
for _row, (_a, _b) in zip(_TELL, BONES, strict=True):
    _row[[FITTED.index(_b), FITTED.index(_a)]] = 1, -1
_LIMBS = tuple(
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


@dataclass(frozen=True)
class Told:
    """What estimator and lift say of N people, in FITTED's joints; score 0 and NaN where they do not.

    bones (B,): both ends of the bone are among what the estimator knows.
    """

    xy: np.ndarray
    score: np.ndarray
    root: np.ndarray | None
    rough: np.ndarray
    bones: np.ndarray

    def select(self, chosen: np.ndarray) -> Told:
        root = None if self.root is None else self.root[chosen]
        return Told(self.xy[chosen], self.score[chosen], root, self.rough[chosen], self.bones)


class Problem:
    """The joints, sizes and girths of a frame's people that agree best with everything that is told."""

    def __init__(
        self,
        config: FitConfig,
        bias: tuple[np.ndarray, np.ndarray],
        frame: RGBDFrame,
        told: Told,
        states: list[BodyState],
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
        for (joints, _), lifted, expected in zip(_LIMBS, told, known, strict=True):
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
        return [(good * 1.0 - 1.5 * through)[:, capsules].mean((1, 2)) for _, capsules in _LIMBS]

    def _look(self, xyz: np.ndarray) -> np.ndarray:
        """Depth (…) that is seen at these points (…,3)."""
        pixels = np.nan_to_num(self.frame.camera.project(xyz), nan=-1.0).clip(-1, 1 << 20)
        return depth_at(self.frame.depth, np.rint(pixels).astype(int))

    def _normal(self, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Normal matrix (N,U,U) and right side (N,U) of the next step."""
        n = len(self.xyz)
        step = _Step(np.zeros((n, UNKNOWNS, UNKNOWNS)), np.zeros((n, UNKNOWNS)))
        self._add_skin(step, reach)
        self._add_keypoints(step)
        self._add_lengths(step)
        self._add_face(step)
        if self.told.root is not None:
            self._add_shape(step)
        rough, expected = self.xyz - self.rough, self.xyz - self.expected
        step.add_places(rough, _robust(rough, self.config.rough_sigma, 1.0))
        known = self.expected_weight[:, None]
        step.add_places(expected, known / (1 + known * (expected**2).sum(-1) / 9))
        step.normal[:, 3 * K :, 3 * K :] += self.prior_information
        off = self.sizes - self.prior_sizes
        step.right[:, 3 * K :] -= np.einsum("nij,nj->ni", self.prior_information, off)
        return step.normal, step.right

    def _add_skin(self, step: _Step, reach: float) -> None:
        """Capsules touch the points of depth that lie on them."""
        touch = Touch(self.xyz, self.sizes[:, S:], self.points, self.directions, self.capsule)
        near = reach * _REACH[touch.capsule]
        weight = 1 / self.config.surface_sigma**2 / (1 + (touch.miss / near) ** 2) ** 2
        # What is seen lies before the middle line: what does not is the floor or the wall behind a limb.
        weight = weight / (1 + (np.maximum(touch.ahead, 0) / BEHIND) ** 2) ** 2
        # Points of one part err alike: many say little more than a few.
        count = touch.count(touch.miss < near)
        weight = weight * np.minimum(1, self.config.surface_points / np.maximum(count, 1))
        matrix, pulls = touch.normal_equations(weight)
        step.normal[:, _SKIN_ROWS[:, None], _SKIN_ROWS] += matrix
        step.right[:, _SKIN_ROWS] += pulls
        self.support = touch.support(touch.miss < near)

    def _add_keypoints(self, step: _Step) -> None:
        """Joints lie on their key points' rays, but for the network's bias."""
        seen = biased(self.xyz, *self.bias)
        aside = seen[..., :2] - self.rays[..., :2] * seen[..., 2:]
        rows = np.zeros((*seen.shape[:2], 2, UNKNOWNS))
        for axis in (0, 1):
            rows[:, :, axis, axis : 3 * K : 3] = np.eye(K)
            rows[:, :, axis, 2 : 3 * K : 3] = -np.eye(K) * self.rays[..., axis, None]
        weight = self.told.score**2 * _robust(aside, self.config.keypoint_sigma)
        step.add(rows.reshape(len(seen), 2 * K, -1), aside.reshape(len(seen), -1), np.repeat(weight, 2, -1))

    def _add_lengths(self, step: _Step) -> None:
        """Joints are as far apart as this person's bones are long."""
        between = self.xyz[:, _A] - self.xyz[:, _B]
        length = np.linalg.norm(between, axis=-1)
        direction = between / np.maximum(length, 1e-6)[..., None]
        rows = np.zeros((*length.shape, UNKNOWNS))
        m, axes = np.arange(len(LENGTHS))[:, None], np.arange(3)
        rows[:, m, 3 * _A[:, None] + axes] = direction
        rows[:, m, 3 * _B[:, None] + axes] = -direction
        rows[:, m[:, 0], 3 * K + _FAMILY] = -_MEAN
        off = length - _MEAN * self.sizes[:, _FAMILY]
        step.add(rows, off, np.broadcast_to(_LENGTH_WEIGHT, length.shape))

    def _add_face(self, step: _Step) -> None:
        """Nose and eyes of a face that is turned to the camera lie on the skin."""
        off = self.xyz[:, _ON_SKIN, 2] - self._look(self.xyz[:, _ON_SKIN])
        facing = self.xyz[:, _ON_SKIN, 2] < self.xyz[:, _EARS, 2].mean(1, keepdims=True) - 0.02
        weight = np.where(np.isfinite(off) & facing, FACE_SIGMA**-2 / (1 + (off / 0.03) ** 2) ** 2, 0.0)
        deep = 3 * np.array(_ON_SKIN) + 2
        step.normal[:, deep, deep] += weight
        step.right[:, deep] -= weight * np.nan_to_num(off)

    def _add_shape(self, step: _Step) -> None:
        """Bones point where the network's shape has them point."""
        size = self.sizes[:, :S].mean(1)[:, None, None]
        off = _TELL @ self.xyz - size * (_TELL @ self.told.root)
        weight = _TELL_SHARE * self.told.bones * _robust(off, self.config.shape_sigma)
        step.add_alike(np.einsum("bk,nb,bj->nkj", _TELL, weight, _TELL), _TELL.T @ (weight[..., None] * off))


@dataclass(frozen=True)
class _Step:
    """Least squares of N people being put together: normal (N,U,U), right (N,U)."""

    normal: np.ndarray
    right: np.ndarray

    def add(self, rows: np.ndarray, off: np.ndarray, weight: np.ndarray) -> None:
        """Slopes (N,M,U) of M residuals (N,M) with weights (N,M)."""
        weighed = np.swapaxes(rows * weight[..., None], -1, -2)
        self.normal[...] += weighed @ rows
        self.right[...] -= (weighed @ off[..., None])[..., 0]

    def add_places(self, off: np.ndarray, weight: np.ndarray) -> None:
        """How far each joint is off (N,K,3), with weights (N,K)."""
        for axis in range(3):
            rows = np.arange(axis, 3 * K, 3)
            self.normal[:, rows, rows] += weight
            self.right[:, rows] -= weight * off[..., axis]

    def add_alike(self, matrix: np.ndarray, pull: np.ndarray) -> None:
        """What is the same along x, y and z: (N,K,K) and (N,K,3)."""
        for axis in range(3):
            self.normal[:, axis : 3 * K : 3, axis : 3 * K : 3] += matrix
            self.right[:, axis : 3 * K : 3] -= pull[..., axis]


def _robust(off: np.ndarray, sigma: float, reach: float = 3.0) -> np.ndarray:
    """Cauchy's weight (…) of residuals (…,D): half at `reach` sigmas."""
    return sigma**-2 / (1 + (off**2).sum(-1) / (reach * sigma) ** 2)


def _completed(lifted: np.ndarray) -> np.ndarray:
    """Lifted joints (N,K,3) with hands and toes beyond wrist and ankle where the estimator has none."""
    lifted = lifted.copy()
    for tip, root, before in (("hand", "wrist", "elbow"), ("toe", "ankle", "knee")):
        for side in ("left", "right"):
            t, r, b = FITTED.indices(f"{side}_{tip}", f"{side}_{root}", f"{side}_{before}")
            beyond = lifted[:, r] + 0.3 * (lifted[:, r] - lifted[:, b])
            lifted[:, t] = np.where(np.isfinite(lifted[:, t]), lifted[:, t], beyond)
    return lifted
