"""Human bodies: shape, pose, skin and joints of anny's model.

Axes here are REP-103's: x forward, y left, z up, in metres. A pose is one rotation a segment (pelvis,
chest, head, and per side shoulder, elbow, hand, hip, knee, foot), each the rotation of the segment's frame
in the world. Frames follow REP-155's human_description: identity for a person who stands upright with
hanging arms and looks along x. A limb's frame has its bone along -z; elbows flex about -y, knees about +y.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.body.body_model import REP103_FROM_ANNY, body_model, rep103
from pose_ros.body.rig import SEGMENTS, SIDES, Shape, rest_frames, segments_of, unit
from pose_ros.geometry.rigid import rotation_exp, rotation_log
from pose_ros.skeleton import COCO_17


@dataclass(frozen=True)
class PosedBody:
    """T frames of one person in the world. vertices (T,V,3) of the naked skin, m. joints: name -> (T,3) m.

    rotations: name -> (T,3,3) world-from-joint, for ROTATED_JOINTS of truth.
    """

    vertices: np.ndarray
    joints: Mapping[str, np.ndarray]
    rotations: Mapping[str, np.ndarray]


class Body:
    """One person: a shape, ready to be posed."""

    def __init__(self, shape: Shape) -> None:
        self.model = body_model()
        model = self.model.anny
        with torch.no_grad():
            self._rest = model(phenotype_kwargs=vars(shape))
        rest_joints = self._regress(self._rest["rest_vertices"])
        self.rest_frames = rest_frames({name: xyz[0] for name, xyz in rest_joints.items()})

    def pose(self, segments: Mapping[str, np.ndarray], position: np.ndarray) -> PosedBody:
        """Segment rotations (T,3,3) with the rig's root at `position` (T,3) m."""
        vertices, _ = self.skin(self.turned_bones(segments), position)
        joints = self._regress(vertices)
        return PosedBody(rep103(vertices), joints, _rotations(segments, joints))

    def turned_bones(self, segments: Mapping[str, np.ndarray]) -> np.ndarray:
        """(T,B,3,3): every bone's rotation away from the rest pose."""
        turned = {name: segments[name] @ self.rest_frames[name].T for name in SEGMENTS}
        return np.stack([_between(turned, *segments_of(bone)) for bone in self.model.bones], axis=1)

    def skin(self, turned_bones: np.ndarray, position: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """Vertices (T,V,3), in anny's axes, and heads of the bones (T,B,3) m, in ours."""
        to_anny = REP103_FROM_ANNY.T @ turned_bones @ REP103_FROM_ANNY
        rest_poses = self._rest["rest_bone_poses"]
        deltas = torch.zeros(len(position), len(self.model.bones), 4, 4, dtype=rest_poses.dtype)
        deltas[..., 3, 3] = 1
        deltas[..., :3, :3] = torch.from_numpy(to_anny).to(rest_poses.dtype) @ rest_poses[..., :3, :3]
        deltas[:, 0, :3, 3] = torch.from_numpy(position @ REP103_FROM_ANNY).to(rest_poses.dtype)
        with torch.no_grad():
            transforms, poses = self.model.anny.get_bone_transforms(deltas, rest_poses, "world-orient")
            vertices = self.model.anny.get_skinned_vertices(
                self._rest["rest_vertices"].expand(len(position), -1, -1), transforms
            )
        return vertices, rep103(poses[..., :3, 3])

    def _regress(self, vertices: torch.Tensor) -> dict[str, np.ndarray]:
        """COCO-17 by anny's own regressor, and pelvis, neck and head as the middles between pairs of them."""
        with torch.no_grad():
            xyz = rep103(self.model.keypoints({"vertices": vertices}))
        joints = {name: xyz[:, k] for k, name in enumerate(COCO_17.joints)}
        for name, pair in {"pelvis": "hip", "neck": "shoulder", "head": "ear"}.items():
            joints[name] = (joints[f"left_{pair}"] + joints[f"right_{pair}"]) / 2
        return joints


def _between(turned: Mapping[str, np.ndarray], first: str, second: str, fraction: float) -> np.ndarray:
    """Rotations (T,3,3) on the way from one segment's to another's."""
    if fraction in (0.0, 1.0):
        return turned[second if fraction else first]
    a, b = turned[first], turned[second]
    return a @ rotation_exp(fraction * rotation_log(np.swapaxes(a, -1, -2) @ b))


def _rotations(segments: Mapping[str, np.ndarray], joints: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """World-from-joint (T,3,3): twist from the bones, the bone's direction from the joints themselves.

    Skin does not follow its bones rigidly, so that the line between two regressed joints leaves the bone's
    axis by a few degrees: the frame is turned by the smallest rotation that puts -z on that line.
    """
    rotations = {"pelvis": segments["pelvis"], "head": segments["head"]}
    bones = {"neck": ("chest", "neck", "pelvis")}
    for side in SIDES:
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle")):
            bones[f"{side}_{a}"] = (f"{side}_{a}", f"{side}_{a}", f"{side}_{b}")
    for name, (segment, joint, child) in bones.items():
        frame, wanted = segments[segment], unit(joints[joint] - joints[child])
        axis = np.cross(frame[..., 2], wanted)
        sine = np.linalg.norm(axis, axis=-1, keepdims=True)
        cosine = np.sum(frame[..., 2] * wanted, axis=-1, keepdims=True)
        angle = np.arctan2(sine, cosine)
        rotations[name] = rotation_exp(axis / np.maximum(sine, 1e-12) * angle) @ frame
    return rotations
