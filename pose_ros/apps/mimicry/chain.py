"""Forward kinematics of the moving joints between two links, batched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.geometry.rigid import RigidTransform, skew
from pose_ros.shapes import check_shape


@dataclass(frozen=True)
class Chain:
    """n moving joints from link `base` to link `tip`.

    lower, upper, velocity: (n,), rad and rad/s (m and m/s where `slides`). axis: (n,3) in each joint's frame.
    before: rotation (n+1,3,3) and translation (n+1,3) from one joint's frame to the next at zero, the last to
    the tip.
    """

    base: str
    tip: str
    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    axis: np.ndarray
    slides: np.ndarray
    before: RigidTransform

    def __post_init__(self) -> None:
        cross = skew(self.axis)
        object.__setattr__(self, "_cross", cross)
        object.__setattr__(self, "_cross2", cross @ cross)

    @classmethod
    def of(
        cls, urdf: Urdf, base: str, tip: str, joints: Sequence[str] = (), tool: RigidTransform | None = None
    ) -> Chain:
        """The chain between two links; `joints` (if given) must be its moving joints, in order.

        tool: where the tool's point is in the frame of `tip`, which then stands for it.
        """
        between, step, steps, moving = urdf.between(base, tip), RigidTransform.identity(), [], []
        for joint in between:
            step = step @ joint.parent_from_joint
            if joint.moves:
                steps.append(step)
                moving.append(joint)
                step = RigidTransform.identity()
        if not moving:
            raise RobotError(f"no joint between {base} and {tip} moves")
        names = tuple(joint.name for joint in moving)
        if joints and tuple(joints) != names:
            raise RobotError(f"between {base} and {tip} move {', '.join(names)}, not {', '.join(joints)}")
        steps.append(step if tool is None else step @ tool)
        before = RigidTransform(
            np.stack([step.rotation for step in steps]), np.stack([step.translation for step in steps])
        )
        values = np.array([[joint.lower, joint.upper, joint.velocity] for joint in moving])
        axis = np.stack([joint.axis for joint in moving])
        slides = np.array([joint.slides for joint in moving])
        return cls(base, tip, names, *values.T, axis, slides, before)

    def __len__(self) -> int:
        return len(self.names)

    def frames(self, q: np.ndarray) -> RigidTransform:
        """base_from_joint (…,n+1) at q (…,n): every joint's frame after its own motion, and the tip's."""
        q = check_shape("q", np.asarray(q, dtype=float), (*np.shape(q)[:-1], len(self)))
        turned = np.where(self.slides, 0.0, q)
        sine, versine = np.sin(turned)[..., None, None], (1 - np.cos(turned))[..., None, None]
        turn = np.eye(3) + sine * self._cross + versine * self._cross2
        slide = np.where(self.slides, q, 0.0)[..., None] * self.axis
        rotation = np.empty((*q.shape[:-1], len(self) + 1, 3, 3))
        position = np.empty((*q.shape[:-1], len(self) + 1, 3))
        r, p = self.before.rotation[0], self.before.translation[0]
        for n in range(len(self)):
            p = p + (r @ slide[..., n, :, None])[..., 0]
            r = r @ turn[..., n, :, :]
            rotation[..., n, :, :], position[..., n, :] = r, p
            p = p + r @ self.before.translation[n + 1]
            r = r @ self.before.rotation[n + 1]
        rotation[..., -1, :, :], position[..., -1, :] = r, p
        return RigidTransform(rotation, position)

    def tip_pose(self, q: np.ndarray) -> RigidTransform:
        """base_from_tip (…) at q (…,n)."""
        frames = self.frames(q)
        return RigidTransform(frames.rotation[..., -1, :, :], frames.translation[..., -1, :])

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """(…,6,n) at q (…,n): velocity of the tip's origin and its angular velocity, both in base's axes."""
        frames = self.frames(q)
        axis = np.einsum("...nij,nj->...ni", frames.rotation[..., :-1, :, :], self.axis)
        arm = frames.translation[..., -1:, :] - frames.translation[..., :-1, :]
        slides = self.slides[:, None]
        linear = np.where(slides, axis, np.cross(axis, arm))
        angular = np.where(slides, 0.0, axis)
        return np.swapaxes(np.concatenate([linear, angular], axis=-1), -1, -2)
