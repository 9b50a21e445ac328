"""Where an arm's shoulder, elbow and wrist are, and whether they can be solved in closed form.

The *wrist* is the point the hand's three joints leave in place: where the axes of the third and the second
joint from the end meet. It follows from the joints before alone, whatever lies behind it (the Panda's
flange stands 88 mm beside it). So position and orientation part:

    7 joints   1, 2, 3 meet in the shoulder, 4 bends the elbow, 5, 6, 7 turn the hand      Panda, iiwa, xArm7
    6 joints   1 turns the base, 2 and 3 are parallel, 4, 5, 6 turn the hand               xArm6, UR

(A UR's joint 4 is parallel to 2 and 3 and counts as the hand's: its axis meets that of 5 in the wrist.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.apps.mimicry.chain import Chain
from pose_ros.apps.mimicry.errors import SolverError

NEAR = 2e-3  # m: axes that pass each other this closely meet
SQUARE = 2e-3  # cosine of what counts as a right angle, sine of what counts as parallel


@dataclass(frozen=True)
class ArmShape:
    """Points and axes in the chain's base frame with every joint at zero.

    axis, point (n,3): each joint's axis and a point on it. shoulder, elbow, wrist (3,) m. tip (3,3):
    rotation of the tip. elbow_joint: index of the joint that bends the arm. upper, fore: lengths, m.
    """

    axis: np.ndarray
    point: np.ndarray
    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    tip: np.ndarray
    elbow_joint: int

    @property
    def upper(self) -> float:
        return self._apart(self.shoulder, self.elbow)

    @property
    def fore(self) -> float:
        return self._apart(self.elbow, self.wrist)

    def _apart(self, a: np.ndarray, b: np.ndarray) -> float:
        """Distance in the plane in which the elbow bends."""
        axis = self.axis[self.elbow_joint]
        return float(np.linalg.norm(np.cross(axis, b - a)))

    @classmethod
    def of(cls, chain: Chain) -> ArmShape:
        """The shape of a chain; SolverError where the closed form does not fit, with the reason."""
        n = len(chain)
        if n not in (6, 7) or chain.slides.any():
            raise SolverError(f"the closed form needs 6 or 7 turning joints, {chain.tip} hangs on {n}")
        shape = cls.roughly(chain)
        elbow, axis, point = shape.elbow_joint, shape.axis, shape.point
        reasons = []
        for k in range(elbow - 1 if n == 7 else 1):
            if _miss(axis, point, k, k + 1) > NEAR:
                reasons.append(f"axes {k + 1} and {k + 2} do not meet")
        if n == 7 and np.linalg.norm(np.cross(axis[2], shape.shoulder - point[2])) > NEAR:
            reasons.append("axis 3 does not pass the shoulder")
        if n == 6 and np.linalg.norm(np.cross(axis[1], axis[2])) > SQUARE:
            reasons.append("axes 2 and 3 are not parallel")
        if _miss(axis, point, n - 3, n - 2) > NEAR:
            reasons.append(f"axes {n - 2} and {n - 1} do not meet")
        across = [(0, 1), (1, 2), (4, 5), (5, 6)] if n == 7 else [(0, 1), (3, 4), (4, 5)]
        for i, k in across:
            if abs(axis[i] @ axis[k]) > SQUARE:
                reasons.append(f"axes {i + 1} and {k + 1} are not at right angles")
        if reasons:
            raise SolverError(f"no closed form from {chain.base} to {chain.tip}: {'; '.join(reasons)}")
        return shape

    @classmethod
    def roughly(cls, chain: Chain) -> ArmShape:
        """Shoulder, elbow and wrist of any arm of four joints or more, as far as it has such."""
        n = len(chain)
        if n < 4:
            raise SolverError(f"{chain.tip} hangs on {n} joints: an arm needs at least 4")
        frames = chain.frames(np.zeros(n))
        axis = np.einsum("nij,nj->ni", frames.rotation[:-1], chain.axis)
        point = frames.translation[:-1]
        joint = 3 if n >= 7 else 2
        shoulder, wrist = _meeting(axis, point, 0, 1), _meeting(axis, point, n - 3, n - 2)
        bend = axis[joint]
        middle = (shoulder + wrist) / 2
        elbow = point[joint] + bend * (bend @ (middle - point[joint]))
        return cls(axis, point, shoulder, elbow, wrist, frames.rotation[-1], joint)


def wrist_of(chain: Chain, shape: ArmShape, q: np.ndarray) -> np.ndarray:
    """Where the wrist (…,3) is at q (…,n)."""
    return _carried(chain, shape.wrist, len(chain) - 3, q)


def elbow_of(chain: Chain, shape: ArmShape, q: np.ndarray) -> np.ndarray:
    """Where the elbow (…,3) is at q (…,n)."""
    return _carried(chain, shape.elbow, shape.elbow_joint, q)


def _carried(chain: Chain, point: np.ndarray, joint: int, q: np.ndarray) -> np.ndarray:
    """Where a `point` (3,) that is carried by a joint, and given with all joints at zero, is at q (…,n)."""
    zero, now = chain.frames(np.zeros(len(chain))), chain.frames(q)
    local = zero.rotation[joint].T @ (point - zero.translation[joint])
    return now.rotation[..., joint, :, :] @ local + now.translation[..., joint, :]


def _meeting(axis: np.ndarray, point: np.ndarray, i: int, k: int) -> np.ndarray:
    """The point (3,) on axis i that is nearest to axis k; that of joint k where they are parallel."""
    normal = np.cross(axis[i], axis[k])
    if (size := normal @ normal) < 1e-9:
        return point[k]
    return point[i] + axis[i] * (np.cross(point[k] - point[i], axis[k]) @ normal / size)


def _miss(axis: np.ndarray, point: np.ndarray, i: int, k: int) -> float:
    """How far two axes pass each other, m; infinite where they are parallel."""
    normal = np.cross(axis[i], axis[k])
    if (size := np.linalg.norm(normal)) < 1e-4:
        return np.inf
    return float(abs((point[k] - point[i]) @ normal) / size)
