"""The stage "hands": looked at, lifted, smoothed; between looks they go with their wrists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pose_ros.hand_shape import palm_of
from pose_ros.human.hand_lift import lift_hands
from pose_ros.human.hand_regions import SIDES
from pose_ros.human.hands import HandConfig, HandLooker, HandLooks
from pose_ros.human.smooth import SmoothConfig, Smoother, SmoothState
from pose_ros.skeleton import HAND_21
from pose_ros.types import Hand, Keypoints2D, Keypoints3D, Origin, RGBDFrame

LEAST_SIGMA = 0.004  # m; of a hand's joints, which are known better than a body's
DRIFT = 0.1  # m/s that fingers may move against their wrist while nobody looks


@dataclass
class _Memory:
    """Of one hand: the filter's state, and how it was last seen, with its wrist then."""

    smooth: SmoothState = field(default_factory=SmoothState)
    stamp_ns: int = 0
    hand: Hand | None = None
    wrist: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))


class Hands:
    """Hands of tracked people, frame by frame.

    Raises WeightsError on construction where the networks' weights are not on this machine.
    """

    def __init__(self, config: HandConfig, smooth: SmoothConfig, device: torch.device) -> None:
        self.config = config
        self.looker = HandLooker(config, device)
        self._smoother = Smoother(replace(smooth, least_sigma=LEAST_SIGMA))
        self._memories: dict[tuple[str, str], _Memory] = {}

    def reset(self) -> None:
        """Forget everyone."""
        self.looker.reset()
        self._memories = {}

    def __call__(
        self, frame: RGBDFrame, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D, ids: Sequence[str]
    ) -> list[tuple[Hand, ...]]:
        """Hands of each of the N people with these ids: left, right, those that are known."""
        looks = self.looker(frame.rgb, frame.camera, keypoints2d, keypoints3d, ids, frame.stamp_ns * 1e-9)
        wrists = keypoints3d.skeleton.indices(*(f"{side}_wrist" for side in SIDES))
        side = looks.right.astype(int)
        row, joint = looks.person, np.array(wrists)[side]
        body = keypoints3d.xyz[row, joint], keypoints3d.covariance[row, joint]
        lifted = lift_hands(
            looks.right, looks.xy, looks.shape, looks.score, *body, frame.depth, frame.camera,
            self.config.lift,
        )  # fmt: skip
        self._remember(frame, looks, lifted, ids, body[0])
        span = self.config.keep + self.config.every
        gone = [key for key, seen in self._memories.items() if not 0 <= _since(seen, frame) <= span]
        for key in gone:
            del self._memories[key]
        return [
            tuple(
                self._hand(self._memories[id, name], frame, keypoints3d.xyz[n, wrist])
                for name, wrist in zip(SIDES, wrists, strict=True)
                if (id, name) in self._memories
            )
            for n, id in enumerate(ids)
        ]

    def _remember(
        self,
        frame: RGBDFrame,
        looks: HandLooks,
        lifted: Keypoints3D,
        ids: Sequence[str],
        wrists: np.ndarray,
    ) -> None:
        keys = [(ids[n], SIDES[int(right)]) for n, right in zip(looks.person, looks.right, strict=True)]
        memories = [self._memories.setdefault(key, _Memory()) for key in keys]
        smooth = self._smoother([memory.smooth for memory in memories], lifted, frame.stamp_ns)
        for n, (key, memory) in enumerate(zip(keys, memories, strict=True)):
            xy = looks.xy[n]
            flat = Keypoints2D(
                xy[None],
                np.full((1, len(HAND_21)), looks.score[n]),
                np.concatenate([xy.min(0), xy.max(0)])[None],
                HAND_21,
            )
            solid = smooth.select([n])
            memory.hand = Hand(key[1], float(looks.score[n]), flat, solid, palm_of(solid.xyz[0]))
            memory.stamp_ns, memory.wrist = frame.stamp_ns, wrists[n]

    def _hand(self, memory: _Memory, frame: RGBDFrame, wrist: np.ndarray) -> Hand:
        """As it was seen, or, where that was earlier, moved with its wrist."""
        hand, seconds = memory.hand, _since(memory, frame)
        if seconds == 0:
            return hand
        moved = np.nan_to_num(wrist - memory.wrist)
        before = hand.keypoints3d
        xyz = before.xyz + moved
        grown = before.covariance + (DRIFT * seconds) ** 2 * np.eye(3)
        origin = np.where(before.origin == Origin.UNKNOWN, before.origin, Origin.PREDICTED)
        solid = Keypoints3D(xyz, before.score, grown, origin, HAND_21)
        pixels = frame.camera.project(xyz)
        xy = np.where(np.isfinite(pixels), pixels, hand.keypoints2d.xy)
        box = np.concatenate([xy.min(1), xy.max(1)], axis=1)
        flat = Keypoints2D(xy, np.zeros_like(hand.keypoints2d.score), box, HAND_21)
        return Hand(hand.side, hand.score, flat, solid, palm_of(xyz[0]))


def _since(memory: _Memory, frame: RGBDFrame) -> float:
    """Seconds from when it was last seen to this frame."""
    return (frame.stamp_ns - memory.stamp_ns) * 1e-9
