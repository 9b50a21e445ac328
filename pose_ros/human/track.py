"""Who is who from frame to frame, ids from a bounded pool, positions filtered."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose_ros.config import option
from pose_ros.filters.one_euro import OneEuroConfig, OneEuroFilter
from pose_ros.human.orient import orient
from pose_ros.types import Keypoints2D, Keypoints3D, People, Person, RGBDFrame, TrackState

# However short a patience is, it lasts so many frames: where frames come seldom, one of them is longer than
# it and nobody would ever be confirmed. What comes less often than LONGEST_STEP is no stream.
PATIENT_FRAMES, LONGEST_STEP = 2.5, 5.0  # frames, s


@dataclass(frozen=True)
class TrackConfig:
    max_people: int = option(10, "size of the pool of ids", range=(1, 100))
    confirm_after: int = option(
        2, "frames a person must be seen in before they are tracked", unit="frames", range=(1, 100)
    )
    keep_lost: float = option(
        1.0, "how long someone out of sight keeps their id", unit="s", range=(0.0, 60.0)
    )
    max_distance: float = option(
        0.6, "how far a person may move between two sightings", unit="m", range=(0.05, 5.0)
    )
    max_shift: float = option(
        0.5,
        "the same in the image, as a part of the person's size; for people without depth",
        range=(0.05, 5.0),
    )
    smooth: bool = option(True, "filter joint positions")
    filter: OneEuroConfig = field(default_factory=OneEuroConfig)


class _Track:
    def __init__(self, id: str, config: TrackConfig) -> None:
        self.id = id
        self.filter = OneEuroFilter(config.filter)
        self.age = 0
        self.stamp = 0.0
        self.place = np.full(3, np.nan)
        self.box = np.zeros(4)


class PersonTracker:
    """Assigns this frame's people to tracks by where they are, in metres where depth allows."""

    def __init__(self, config: TrackConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        self._tracks: list[_Track] = []
        self._free = deque(f"p{n}" for n in range(1, self.config.max_people + 1))
        self._stamp: float | None = None
        self._step = 0.0  # seconds between the latest two frames
        self.untracked = 0  # people for whom the pool held no id

    def update(self, frame: RGBDFrame, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D) -> People:
        """The people of this frame with their ids; those of lost tracks are not among them."""
        stamp = frame.stamp_ns * 1e-9
        if self._stamp is not None and stamp < self._stamp:
            self.reset()  # a bag that starts again, or a clock that was set back
        self._drop_lost(stamp)
        step = 0.0 if self._stamp is None else stamp - self._stamp
        self._stamp, self._step = stamp, step if step < LONGEST_STEP else 0.0
        places, boxes = _places(keypoints3d), keypoints2d.box_xyxy
        tracks = self._assign(places, boxes)
        chosen = [n for n, track in enumerate(tracks) if track is not None]
        filtered = keypoints3d.xyz.copy()
        for n in chosen:
            track = tracks[n]
            track.age, track.stamp, track.place, track.box = track.age + 1, stamp, places[n], boxes[n]
            if self.config.smooth:
                filtered[n] = track.filter(filtered[n], stamp)
        keypoints3d = Keypoints3D(
            filtered, keypoints3d.score, keypoints3d.covariance, keypoints3d.origin, keypoints3d.skeleton
        )
        oriented = orient(keypoints3d)
        people = (
            Person(
                id=tracks[n].id,
                state=self._state(tracks[n]),
                age=tracks[n].age,
                keypoints2d=keypoints2d.select([n]),
                keypoints3d=keypoints3d.select([n]),
                camera_from_joint=oriented[n][0],
                twist_unobservable=oriented[n][1],
            )
            for n in chosen
        )
        return People(tuple(people), frame.stamp_ns, frame.frame_id)

    def _state(self, track: _Track) -> TrackState:
        return TrackState.TRACKED if track.age >= self.config.confirm_after else TrackState.TENTATIVE

    def _drop_lost(self, stamp: float) -> None:
        for track in list(self._tracks):
            # A tentative track that is not seen again at once was never anyone.
            tracked = self._state(track) is TrackState.TRACKED
            patience = max(self.config.keep_lost if tracked else 0.1, PATIENT_FRAMES * self._step)
            if stamp - track.stamp > patience:
                self._tracks.remove(track)
                # An id that was seen rests as long as the pool allows; one never published need not.
                (self._free.append if tracked else self._free.appendleft)(track.id)

    def _assign(self, places: np.ndarray, boxes: np.ndarray) -> list[_Track | None]:
        """The track of each person; new ones where none is near, None where the pool is empty."""
        assigned: list[_Track | None] = [None] * len(places)
        if self._tracks and len(places):
            cost = self._cost(places, boxes)
            for person, track in zip(*linear_sum_assignment(np.minimum(cost, 10.0)), strict=True):
                if cost[person, track] < 1:
                    assigned[person] = self._tracks[track]
        for person, track in enumerate(assigned):
            if track is None and self._free:
                assigned[person] = _Track(self._free.popleft(), self.config)
                self._tracks.append(assigned[person])
            elif track is None:
                self.untracked += 1
        return assigned

    def _cost(self, places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """(people, tracks): distance as a part of the largest allowed; in metres, else in the image."""
        known = np.array([track.place for track in self._tracks])
        metres = np.linalg.norm(places[:, None] - known, axis=-1) / self.config.max_distance
        old = np.array([track.box for track in self._tracks])
        shift = np.linalg.norm(_middle(boxes)[:, None] - _middle(old), axis=-1)
        size = np.linalg.norm(old[:, 2:] - old[:, :2], axis=-1)
        pixels = shift / (np.maximum(size, 1.0) * self.config.max_shift)
        return np.where(np.isfinite(metres), metres, pixels)


def _places(keypoints: Keypoints3D) -> np.ndarray:
    """Middle of the torso (N,3) m, NaN where unknown."""
    torso = keypoints.skeleton.indices("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    return keypoints.xyz[:, torso].mean(axis=1)


def _middle(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
