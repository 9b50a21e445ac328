"""Kinematic chains: rotations of joints in their parents, offsets at rest, and where that puts the joints."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pose_ros.errors import ConfigError
from pose_ros.skeleton import Skeleton


@dataclass(frozen=True)
class Chain:
    """Joints with their parents, parents first; exactly one has none ("")."""

    joints: tuple[str, ...]
    parents: tuple[str, ...]

    @classmethod
    def of(cls, skeleton: Skeleton) -> Chain:
        """From a skeleton whose bones are (parent, child)."""
        parent = {child: joint for joint, child in skeleton.bones}
        return cls(skeleton.joints, tuple(parent.get(joint, "") for joint in skeleton.joints))

    @cached_property
    def parent_indices(self) -> tuple[int, ...]:
        """-1 for the root."""
        return tuple(self.joints.index(parent) if parent else -1 for parent in self.parents)

    def __post_init__(self) -> None:
        for n, parent in enumerate(self.parent_indices):
            if parent >= n:
                raise ConfigError(f"{self.joints[n]} stands before its parent {self.parents[n]}")

    def forward(
        self, local: np.ndarray, offset: np.ndarray, root: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (…,J,3,3) and positions (…,J,3) m in the frame the root is given in.

        local: (…,J,3,3) rotation of each joint in its parent. offset: (J,3) or (…,J,3) m from the parent at
        rest. root: (…,3) m, where the root joint is (its offset is not used).
        """
        rotation, position = np.empty_like(local), np.empty(local.shape[:-1])
        for joint, parent in enumerate(self.parent_indices):
            if parent < 0:
                rotation[..., joint, :, :], position[..., joint, :] = local[..., joint, :, :], root
                continue
            above = rotation[..., parent, :, :]
            rotation[..., joint, :, :] = above @ local[..., joint, :, :]
            arm = np.einsum("...ij,...j->...i", above, offset[..., joint, :])
            position[..., joint, :] = position[..., parent, :] + arm
        return rotation, position

    def local(self, rotation: np.ndarray) -> np.ndarray:
        """Rotations (…,J,3,3) of the joints in their parents, from those in a common frame."""
        local = np.array(rotation)
        for joint, parent in enumerate(self.parent_indices):
            if parent >= 0:
                above = np.swapaxes(rotation[..., parent, :, :], -1, -2)
                local[..., joint, :, :] = above @ rotation[..., joint, :, :]
        return local

    def offsets(self, rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
        """(…,J,3) m: where each joint lies in its parent's frame; zero for the root."""
        offset = np.zeros_like(position)
        for joint, parent in enumerate(self.parent_indices):
            if parent >= 0:
                way = position[..., joint, :] - position[..., parent, :]
                offset[..., joint, :] = np.einsum("...ji,...j->...i", rotation[..., parent, :, :], way)
        return offset
