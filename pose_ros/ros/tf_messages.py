"""Frames to TFMessages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage


@dataclass(frozen=True)
class Frames:
    """M TF frames: names of `parent` and `child`, `translation` (M,3) m, `quaternion` (M,4) xyzw."""

    parent: list[str]
    child: list[str]
    translation: np.ndarray
    quaternion: np.ndarray


class TFMessages:
    """Makes TFMessages out of the same parts every time: to construct them costs more than to fill them."""

    def __init__(self) -> None:
        self._transforms: dict[str, TransformStamped] = {}

    def __call__(self, frames: Frames, header: Header) -> TFMessage:
        """One TransformStamped a frame, all at the header's stamp; valid until the next call."""
        translation, quaternion = frames.translation.tolist(), frames.quaternion.tolist()
        return TFMessage(
            transforms=[
                self._filled(header, *row)
                for row in zip(frames.parent, frames.child, translation, quaternion, strict=True)
            ]
        )

    def _filled(
        self, header: Header, parent: str, child: str, xyz: list[float], xyzw: list[float]
    ) -> TransformStamped:
        message = self._transforms.get(child)
        if message is None:
            message = self._transforms[child] = TransformStamped(child_frame_id=child)
        message.header.stamp, message.header.frame_id = header.stamp, parent
        translation, rotation = message.transform.translation, message.transform.rotation
        translation.x, translation.y, translation.z = xyz
        rotation.x, rotation.y, rotation.z, rotation.w = xyzw
        return message
