"""Hands of tracked people by MediaPipe's network: 21 landmarks each, of the left and of the right.

The body's wrist, knuckles and distance say where a hand is; where that shows none, a palm is looked for about
the wrist. Later its own landmarks say so. All that is due in one frame is one batch.

Source: Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020; its model card.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.hand_attach import attach
from pose_ros.human.hand_lift import HandLiftConfig
from pose_ros.human.hand_regions import (
    next_regions,
    pixels_per_metre,
    squares_about,
    usual_regions,
    wrists_of,
)
from pose_ros.human.palm import PalmDetector
from pose_ros.human.regions import Regions
from pose_ros.nets.tflite import load_tflite
from pose_ros.types import Keypoints2D, Keypoints3D
from pose_ros.weights import path_of

SIDE, POINTS = 224, 21
SMALLEST = 20.0  # px; a hand's square that is smaller shows no fingers


@dataclass(frozen=True)
class HandConfig:
    every: float = option(0.0, "how often each hand is looked at", unit="s", range=(0.0, 10.0))
    per_frame: int = option(8, "hands looked at in one frame, at most", range=(0, 100))
    min_score: float = option(0.5, "what is less likely a hand is none", range=(0.0, 1.0))
    search_every: float = option(
        0.5,
        "how often a palm is looked for about a wrist where the body's key points show no hand",
        unit="s",
        range=(0.0, 3600.0),
    )
    keep: float = option(
        0.3, "how long a hand that is not seen goes on with its wrist", unit="s", range=(0.0, 10.0)
    )
    lift: HandLiftConfig = field(default_factory=HandLiftConfig)


@dataclass(frozen=True)
class HandLooks:
    """M hands of some of a frame's people.

    person (M,): which of them. right (M,) bool: which hand of theirs. xy (M,21,2) px of the image. shape
    (M,21,3): the hands in the axes of a camera that looks straight at each, in about m, for their size is not
    known. score (M,) of there being a hand.
    """

    person: np.ndarray
    right: np.ndarray
    xy: np.ndarray
    shape: np.ndarray
    score: np.ndarray

    @classmethod
    def empty(cls) -> HandLooks:
        nobody = np.zeros(0, int)
        return cls(nobody, nobody > 0, np.zeros((0, POINTS, 2)), np.zeros((0, POINTS, 3)), np.zeros(0))

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True)
class _Seen:
    """What the network says of M regions; right (M,): probability of its being a right hand."""

    xy: np.ndarray
    shape: np.ndarray
    score: np.ndarray
    right: np.ndarray

    def with_better(self, rows: np.ndarray, other: _Seen) -> _Seen:
        """These, but at some `rows` the others where they are likelier hands."""
        better = other.score > self.score[rows]
        changed = {}
        for name, values in vars(self).items():
            changed[name] = values.copy()
            changed[name][rows[better]] = getattr(other, name)[better]
        return replace(self, **changed)


class HandLooker:
    """Looks at the hands of tracked people in turn, and at each where it was found before.

    Raises WeightsError on construction where the networks' weights are not on this machine.
    """

    def __init__(self, config: HandConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self._network = load_tflite(path_of("hand_landmarks")).to(device)
        self._palms = PalmDetector(device)
        self.reset()

    def reset(self) -> None:
        """Forget everyone."""
        self._looked: dict[tuple[str, int], float] = {}
        self._searched: dict[tuple[str, int], float] = {}
        # Where hands were, against their body's wrist: shift, size in px, angle.
        self._place: dict[tuple[str, int], np.ndarray] = {}

    @torch.inference_mode()
    def __call__(
        self,
        rgb: np.ndarray,
        camera: PinholeCamera,
        keypoints2d: Keypoints2D,
        keypoints3d: Keypoints3D,
        ids: Sequence[str],
        stamp: float,
    ) -> HandLooks:
        """The hands of those people (of N, with N ids) whose turn it is at `stamp`, s."""
        self._forget(stamp)
        usual = usual_regions(camera, keypoints2d, keypoints3d)
        wrists = wrists_of(keypoints2d).reshape(-1, 2)
        scale = pixels_per_metre(camera, keypoints2d, keypoints3d).ravel()
        keys = [(id, side) for id in ids for side in (0, 1)]
        due = self._due(keys, usual, stamp)
        if not len(due):
            return HandLooks.empty()
        known = np.array([keys[k] in self._place for k in due])
        regions = self._regions(keys, due, usual, wrists)
        seen = self._look(rgb, regions)
        seen = self._look_again(
            rgb, seen, np.flatnonzero(~known & (seen.score >= self.config.min_score)), scale[due]
        )
        seen = self._search(rgb, seen, due, [keys[k] for k in due], wrists, scale, stamp)
        good = np.flatnonzero(seen.score >= self.config.min_score)
        wrist = np.full(len(due), -1)
        wrist[good] = attach(seen.xy[good], seen.score[good], seen.right[good], wrists, scale)
        for k in due:
            self._looked[keys[k]] = stamp
            self._place.pop(keys[k], None)
        got = np.flatnonzero(wrist >= 0)
        ahead = next_regions(seen.xy[got], scale[wrist[got]])
        for n, k in enumerate(wrist[got]):
            shift = ahead.center[n] - wrists[k]
            self._place[keys[k]] = np.array([*shift, ahead.size[n], ahead.angle[n]])
        return HandLooks(wrist[got] // 2, wrist[got] % 2 == 1, seen.xy[got], seen.shape[got], seen.score[got])

    def _forget(self, stamp: float) -> None:
        if any(stamp < looked for looked in self._looked.values()):
            self.reset()
        self._looked = {key: looked for key, looked in self._looked.items() if stamp - looked < 10}
        self._searched = {key: looked for key, looked in self._searched.items() if stamp - looked < 10}
        self._place = {
            key: place
            for key, place in self._place.items()
            if stamp - self._looked.get(key, stamp) < self.config.keep + self.config.every
        }

    def _due(self, keys: list[tuple[str, int]], usual: Regions, stamp: float) -> np.ndarray:
        age = np.array([stamp - self._looked.get(key, -np.inf) for key in keys])
        due = (age > self.config.every - 1e-3) & (usual.size >= SMALLEST)  # NaN is not due
        order = np.argsort(np.where(due, -age, np.inf), kind="stable")
        return np.sort(order[: min(int(due.sum()), self.config.per_frame)])

    def _regions(
        self, keys: list[tuple[str, int]], due: np.ndarray, usual: Regions, wrists: np.ndarray
    ) -> Regions:
        """Where hands were, moved with their wrists, or where they usually are."""
        center, size, angle = (values[due] for values in (usual.center, usual.size, usual.angle))
        for n, k in enumerate(due):
            if (place := self._place.get(keys[k])) is not None:
                center[n], size[n], angle[n] = wrists[k] + place[:2], place[2], place[3]
        return Regions(center, size, angle)

    def _look_again(self, rgb: np.ndarray, seen: _Seen, rows: np.ndarray, scale: np.ndarray) -> _Seen:
        """At the hands of these rows, found just now: their landmarks show better where they are.

        scale: px/m at all of them.
        """
        if not len(rows):
            return seen
        return seen.with_better(rows, self._look(rgb, next_regions(seen.xy[rows], scale[rows])))

    def _search(
        self,
        rgb: np.ndarray,
        seen: _Seen,
        due: np.ndarray,
        keys: list[tuple[str, int]],
        wrists: np.ndarray,
        scale: np.ndarray,
        stamp: float,
    ) -> _Seen:
        """Hands by their palms, about wrists where none was seen; not in every frame."""
        every = self.config.search_every
        fresh = np.array([stamp - self._searched.get(key, -np.inf) >= every for key in keys])
        rows = np.flatnonzero((seen.score < self.config.min_score) & fresh)
        if not len(rows):
            return seen
        for n in rows:
            self._searched[keys[n]] = stamp
        regions, score = self._palms(rgb, squares_about(wrists[due[rows]], scale[due[rows]]))
        likely = np.flatnonzero(score >= self.config.min_score)
        if not len(likely):
            return seen
        found = self._look(rgb, regions.select(likely))
        return self._look_again(rgb, seen.with_better(rows[likely], found), rows[likely], scale[due])

    def _look(self, rgb: np.ndarray, regions: Regions) -> _Seen:
        """What the network sees there; one batch."""
        crops = torch.from_numpy(regions.crop(rgb, SIDE)).to(self.device)
        outputs = self._network(crops.permute(0, 3, 1, 2).float().div_(255))
        flat, score, right, solid = (output.float().cpu().numpy().astype(float) for output in outputs)
        cos, sin, zero = np.cos(regions.angle), np.sin(regions.angle), np.zeros(len(regions))
        turn = np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1], -1).reshape(-1, 3, 3)
        xy = regions.to_image(flat.reshape(-1, POINTS, 3)[..., :2] / SIDE)
        shape = np.einsum("nij,nkj->nki", turn, solid.reshape(-1, POINTS, 3))
        return _Seen(xy, shape, score[:, 0], right[:, 0])
