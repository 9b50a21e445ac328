"""A film of the world made afterwards: while things happen only joint values and poses are kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pose_ros.sim.arm import Arm
from pose_ros.sim.engine import RATE, SimError

TEXT = (40, 40, 40)


@dataclass(frozen=True)
class Still:
    """The world at one moment: joints (n,) of the arm, all that move; bodies as the engine has them."""

    seconds: float
    joints: tuple[float, ...]
    bodies: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


class Tape:
    """Keeps a still `rate` times a second of simulated time; call it after every step of the physics."""

    def __init__(self, arm: Arm, bodies: Sequence[int] = (), rate: float = 25.0) -> None:
        self.arm, self.bodies, self.rate = arm, tuple(bodies), rate
        self.stills: list[Still] = []
        self._every, self._steps = round(RATE / rate), 0
        client = arm.client
        self._joints = [
            n for n in range(client.getNumJoints(arm.body)) if client.getJointInfo(arm.body, n)[3] > -1
        ]

    def __call__(self) -> None:
        if self._steps % self._every == 0:
            self.stills.append(self.still(self._steps / RATE))
        self._steps += 1

    def still(self, seconds: float) -> Still:
        client = self.arm.client
        joints = tuple(state[0] for state in client.getJointStates(self.arm.body, self._joints))
        bodies = tuple(client.getBasePositionAndOrientation(body) for body in self.bodies)
        return Still(seconds, joints, bodies)

    def show(self, still: Still) -> None:
        """Put the world into that state; physics must not go on from there."""
        client: Any = self.arm.client
        for joint, value in zip(self._joints, still.joints, strict=True):
            client.resetJointState(self.arm.body, joint, value)
        for body, (position, quaternion) in zip(self.bodies, still.bodies, strict=True):
            client.resetBasePositionAndOrientation(body, position, quaternion)


def write_video(file: Path, pictures: Iterable[np.ndarray], rate: float) -> int:
    """An mp4 of rgb pictures (H,W,3) uint8 of one size; how many they were."""
    writer, count = None, 0
    for picture in pictures:
        if writer is None:
            size = picture.shape[1], picture.shape[0]
            writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
            if not writer.isOpened():
                raise SimError(f"{file} cannot be written: OpenCV has no mp4 encoder here")
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
        count += 1
    if writer is not None:
        writer.release()
    return count


def titled(picture: np.ndarray, text: str, height: int = 26) -> np.ndarray:
    """The picture below a line of text."""
    band = np.full((height, picture.shape[1], 3), 245, np.uint8)
    cv2.putText(band, text, (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.48, TEXT, 1, cv2.LINE_AA)
    return np.vstack([band, picture])
