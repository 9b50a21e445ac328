"""Rigid transforms, batched over leading axes.

Named so that inner names cancel: ``world_from_camera @ camera_from_object``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.shapes import check_shape


@dataclass(frozen=True)
class RigidTransform:
    """`rotation` (…,3,3) and `translation` (…,3) in metres: ``x -> rotation @ x + translation``."""

    rotation: np.ndarray
    translation: np.ndarray

    def __post_init__(self) -> None:
        rotation = np.asarray(self.rotation, dtype=float)
        batch = rotation.shape[:-2]
        object.__setattr__(self, "rotation", check_shape("rotation", rotation, (*batch, 3, 3)))
        translation = np.asarray(self.translation, dtype=float)
        object.__setattr__(self, "translation", check_shape("translation", translation, (*batch, 3)))

    @classmethod
    def identity(cls) -> RigidTransform:
        return cls(np.eye(3), np.zeros(3))

    @classmethod
    def from_quaternion(cls, xyzw: np.ndarray, translation: np.ndarray) -> RigidTransform:
        """From a quaternion (…,4) ordered x, y, z, w as in ROS."""
        return cls(matrix_from_quaternion(xyzw), translation)

    @classmethod
    def exp(cls, twist: np.ndarray) -> RigidTransform:
        """From a twist (…,6) = (translation part, rotation vector), the SE(3) exponential map.

        Source: Solà et al., "A micro Lie theory for state estimation in robotics", eq. 172.
        """
        twist = check_shape("twist", np.asarray(twist, dtype=float), (*np.shape(twist)[:-1], 6))
        rho, theta = twist[..., :3], twist[..., 3:]
        rotation = rotation_exp(theta)
        return cls(rotation, np.einsum("...ij,...j->...i", _left_jacobian(theta), rho))

    def log(self) -> np.ndarray:
        """Twist (…,6) with ``exp(log(T)) == T``; rotation angle at most pi."""
        theta = rotation_log(self.rotation)
        rho = np.linalg.solve(_left_jacobian(theta), self.translation[..., None])[..., 0]
        return np.concatenate([rho, theta], axis=-1)

    @property
    def quaternion(self) -> np.ndarray:
        """(…,4) ordered x, y, z, w, with w >= 0."""
        return quaternion_from_matrix(self.rotation)

    def inverse(self) -> RigidTransform:
        transposed = np.swapaxes(self.rotation, -1, -2)
        return RigidTransform(transposed, -np.einsum("...ij,...j->...i", transposed, self.translation))

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        moved = np.einsum("...ij,...j->...i", self.rotation, other.translation)
        return RigidTransform(self.rotation @ other.rotation, moved + self.translation)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Move points (…,3); for one transform any number of leading axes, else they must broadcast."""
        return np.einsum("...ij,...j->...i", self.rotation, points) + self.translation


def rotation_exp(theta: np.ndarray) -> np.ndarray:
    """Rotation vector (…,3) in radians to matrix (…,3,3)."""
    flat = np.reshape(theta, (-1, 3))
    return Rotation.from_rotvec(flat).as_matrix().reshape(*np.shape(theta)[:-1], 3, 3)


def rotation_log(rotation: np.ndarray) -> np.ndarray:
    """Matrix (…,3,3) to rotation vector (…,3) in radians, angle at most pi."""
    flat = np.reshape(rotation, (-1, 3, 3))
    return Rotation.from_matrix(flat).as_rotvec().reshape(*np.shape(rotation)[:-2], 3)


def matrix_from_quaternion(xyzw: np.ndarray) -> np.ndarray:
    """Quaternion (…,4) ordered x, y, z, w (any non-zero length) to matrix (…,3,3)."""
    flat = np.reshape(xyzw, (-1, 4))
    return Rotation.from_quat(flat).as_matrix().reshape(*np.shape(xyzw)[:-1], 3, 3)


def quaternion_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Matrix (…,3,3) to quaternion (…,4) ordered x, y, z, w, with w >= 0."""
    flat = np.reshape(rotation, (-1, 3, 3))
    quaternion = Rotation.from_matrix(flat).as_quat(canonical=True)
    return quaternion.reshape(*np.shape(rotation)[:-2], 4)


def skew(vector: np.ndarray) -> np.ndarray:
    """(…,3) to the matrix (…,3,3) with ``skew(a) @ b == cross(a, b)``."""
    x, y, z = np.moveaxis(np.asarray(vector, dtype=float), -1, 0)
    zero = np.zeros_like(x)
    rows = [[zero, -z, y], [z, zero, -x], [-y, x, zero]]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _left_jacobian(theta: np.ndarray) -> np.ndarray:
    """Left Jacobian of SO(3) at rotation vectors (…,3); Solà et al. eq. 145."""
    angle = np.linalg.norm(theta, axis=-1)[..., None, None]
    small = angle < 1e-4
    safe = np.where(small, 1.0, angle)
    first = np.where(small, 0.5 - angle**2 / 24, (1 - np.cos(safe)) / safe**2)
    second = np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)
    cross = skew(theta)
    return np.eye(3) + first * cross + second * cross @ cross
