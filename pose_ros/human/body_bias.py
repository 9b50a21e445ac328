"""A network's own idea of where joints lie, against anny's."""

from __future__ import annotations

import torch

from pose_ros.body.rig import SEGMENTS
from pose_ros.human.keypoint_bias import BLAZEPOSE_BIAS
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17, Skeleton


class Bias:
    """The way from anny's joints to where a network sees them; none is known of networks but BlazePose."""

    def __init__(self, skeleton: Skeleton, device: torch.device) -> None:
        table = BLAZEPOSE_BIAS if skeleton.name == BLAZEPOSE_33.name else {}
        segments, ways = [], []
        for joint in COCO_17.joints:
            side, _, part = joint.rpartition("_")
            segment, (x, y, z) = table.get(part, ("pelvis", (0.0, 0.0, 0.0)))
            segments.append(SEGMENTS.index(segment if segment in SEGMENTS else f"{side}_{segment}"))
            ways.append([x, -y if side == "right" else y, z])
        self._segments = torch.tensor(segments, device=device)
        self._ways = torch.tensor(ways, device=device)[..., None]

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        """(N,17,3) m in the camera's axes; frames (N,15,3,3) camera_from_segment."""
        return (frames[:, self._segments] @ self._ways)[..., 0]
