"""The grasps of one object: many, best first, in the object's own frame."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pose_ros.apps.grasp.skin import Skin
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.shapes import check_shape
from pose_ros.types import Symmetries

NEAR, NEAR_ANGLE = 0.012, np.deg2rad(25)  # grasps as near as this in both are one
RING = 12  # turns of a continuous symmetry that are tried


@dataclass(frozen=True)
class GraspSet:
    """N grasps, by quality.

    object_from_grasp (N,): the grasp frame (origin between the pads, z approach, y closing) in the object's.
    width, opening (N,) m: between the contacts, and between the pads on the way there. quality (N,) in [0,1].
    contacts (N,2,3) m on the surface, where the finger at -y touches, then that at +y. skin: the surface,
    which tells how a grasp fares when the pose is a little wrong. funnel: how many were left after each step.
    """

    object_from_grasp: RigidTransform
    width: np.ndarray
    opening: np.ndarray
    quality: np.ndarray
    contacts: np.ndarray
    skin: Skin
    funnel: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.quality)
        check_shape("rotation", self.object_from_grasp.rotation, (n, 3, 3))
        for name in ("width", "opening", "quality"):
            check_shape(name, getattr(self, name), (n,))
        check_shape("contacts", self.contacts, (n, 2, 3))

    @classmethod
    def empty(cls, skin: Skin, funnel: dict[str, int] | None = None) -> GraspSet:
        nowhere = RigidTransform(np.zeros((0, 3, 3)), np.zeros((0, 3)))
        return cls(nowhere, *(np.zeros(0) for _ in range(3)), np.zeros((0, 2, 3)), skin, funnel or {})

    def __len__(self) -> int:
        return len(self.quality)

    def select(self, chosen: np.ndarray) -> GraspSet:
        """The grasps at these positions (or a mask), in this order."""
        pose = self.object_from_grasp
        return replace(
            self,
            object_from_grasp=RigidTransform(pose.rotation[chosen], pose.translation[chosen]),
            width=self.width[chosen],
            opening=self.opening[chosen],
            quality=self.quality[chosen],
            contacts=self.contacts[chosen],
        )

    def diverse(self, most: int) -> GraspSet:
        """At most `most`: the best one, then the best that is unlike those chosen, and so on."""
        return self.select(spread_out(self.object_from_grasp, self.quality, most))

    def with_copies(self, symmetries: Symmetries) -> GraspSet:
        """These, each followed by where the symmetries of the object take it."""
        motions = symmetries.sampled(RING)
        turns, moves = motions.rotation[:, None], motions.translation[:, None]
        pose = RigidTransform(turns, moves) @ self.object_from_grasp
        moved = (
            np.einsum("sij,nkj->snki", motions.rotation, self.contacts) + motions.translation[:, None, None]
        )
        count = len(motions.rotation)
        return replace(
            self,
            object_from_grasp=RigidTransform(
                pose.rotation.reshape(-1, 3, 3), pose.translation.reshape(-1, 3)
            ),
            width=np.tile(self.width, count),
            opening=np.tile(self.opening, count),
            quality=np.tile(self.quality, count),
            contacts=moved.reshape(-1, 2, 3),
        )

    def why_few(self) -> str:
        """How many were left after each step of the search, as a sentence."""
        return ", ".join(f"{count} {step}" for step, count in self.funnel.items())


def spread_out(
    pose: RigidTransform, quality: np.ndarray, most: int, near_by: float = NEAR, angle: float = NEAR_ANGLE
) -> np.ndarray:
    """Positions of at most `most` grasps, best first, none like another: non-maximum suppression.

    Alike are grasps within `near_by` m whose axes are within `angle` rad. A gripper turned by half about its
    approach is the same.
    """
    order = np.argsort(-quality, kind="stable")
    free = np.ones(len(order), bool)
    position, rotation = pose.translation[order], pose.rotation[order]
    closing, approach = rotation[:, :, 1], rotation[:, :, 2]
    kept = []
    for n in range(len(order)):
        if not free[n]:
            continue
        kept.append(n)
        if len(kept) == most:
            break
        near = np.linalg.norm(position - position[n], axis=1) < near_by
        near &= np.abs(closing @ closing[n]) > np.cos(angle)
        near &= approach @ approach[n] > np.cos(angle)
        free &= ~near
    return order[kept]
