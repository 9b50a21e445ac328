"""Who is who from frame to frame: ids from a bounded pool, kept through occlusion, crossings and re-entry.

Every person seen is compared with every track: in metric 3D with the place the track's motion leads to, in
the image by OKS, and by the colours of the clothes on the torso. Two skeletons on one body are one person.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from scipy.optimize import linear_sum_assignment

from pose_ros.config import option
from pose_ros.human.clothes import unlikeness
from pose_ros.human.sighting import Sighting, sightings_of
from pose_ros.human.similarity import similarity
from pose_ros.types import Keypoints2D, Keypoints3D, RGBDFrame, TrackState

# However short a patience is, it lasts so many frames: where frames come seldom, one of them is longer than
# it and nobody would ever be confirmed. What comes less often than LONGEST_STEP is no stream.
PATIENT_FRAMES, LONGEST_STEP = 2.5, 5.0  # frames, s
TENTATIVE_PATIENCE = 0.1  # s; who is not seen again at once was never anyone
LATE = 0.5  # s; a frame older than that by more is of a clock that was set back
# Weights of what makes two sightings unlike, each in [0,1]; the image counts less and less after a loss.
PLACE, IMAGE, CLOTHES = 0.5, 0.25, 0.25
IMAGE_FADES = 0.3  # s
UNLIKE = 0.65  # sightings less alike are of two people
LOOKS_SAME, LOST = 0.4, 0.1  # unlikeness in the image of who looks the same; added for who was lost long ago
DUE = 0.8  # of the distance a person may be off
STROLL = 1.2  # m/s by which the place of someone out of sight grows uncertain
FARTHEST = 3.0  # m; however long someone is lost
GOES_ON = 0.8  # s in which the motion of someone out of sight dies down
VELOCITY_CUTOFF, FASTEST = 0.8, 3.0  # Hz, m/s

T = TypeVar("T")


@dataclass(frozen=True)
class IdentityConfig:
    max_people: int = option(10, "size of the pool of ids", range=(1, 100))
    confirm_after: int = option(
        2, "frames a person must be seen in before they are tracked", unit="frames", range=(1, 100)
    )
    keep_lost: float = option(
        4.0, "how long someone out of sight keeps their id", unit="s", range=(0.0, 60.0)
    )
    coast: float = option(
        0.3, "how long someone out of sight is predicted and still reported", unit="s", range=(0.0, 5.0)
    )
    max_distance: float = option(
        0.6, "how far a person may be from where their motion leads", unit="m", range=(0.05, 5.0)
    )
    max_shift: float = option(
        0.5,
        "the same in the image, as a part of the person's size; for people without depth",
        range=(0.05, 5.0),
    )


@dataclass
class Track(Generic[T]):
    """One person who is followed. `person` is whatever the factory given to Identity makes for each.

    stamp_ns: when they were last seen. velocity: (3,) m/s of the torso; drift: (2,) px/s of the box's middle.
    """

    id: str
    person: T
    stamp_ns: int
    last: Sighting
    state: TrackState = TrackState.TENTATIVE
    age: int = 1
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))
    drift: np.ndarray = field(default_factory=lambda: np.zeros(2))

    def unseen(self, stamp_ns: int) -> float:
        """Seconds since they were last seen."""
        return (stamp_ns - self.stamp_ns) * 1e-9


class Identity(Generic[T]):
    """Gives the people of each frame their tracks. Ids rest in the pool before they are another person's.

    `tracks`: everyone who is remembered. `untracked`: sightings for which the pool held no id. `doubles`:
    second skeletons on one body. Both count up until `reset`.
    """

    def __init__(self, config: IdentityConfig | None = None, person: Callable[[], T] = lambda: None) -> None:
        self.config = config or IdentityConfig()
        self._person = person
        self.reset()

    def reset(self) -> None:
        self.tracks: list[Track[T]] = []
        self.untracked = self.doubles = 0
        self._free = deque(f"p{n}" for n in range(1, self.config.max_people + 1))
        self._stamp_ns: int | None = None
        self._step = 0.0  # seconds between the latest two frames

    def assign(
        self, frame: RGBDFrame, keypoints2d: Keypoints2D, keypoints3d: Keypoints3D
    ) -> list[Track[T] | None]:
        """The track of each person of the frame; None for second skeletons, and where the pool is empty.

        A frame that comes late is answered, but changes no track; one from long ago resets everything.
        """
        stamp_ns = frame.stamp_ns
        behind = 0.0 if self._stamp_ns is None else (self._stamp_ns - stamp_ns) * 1e-9
        if behind > LATE:
            self.reset()  # a bag that starts again, or a clock that was set back
        seen = sightings_of(frame, keypoints2d, keypoints3d)
        if 0 < behind <= LATE:
            return self._match(seen, stamp_ns)
        step = 0.0 if self._stamp_ns is None else (stamp_ns - self._stamp_ns) * 1e-9
        self._stamp_ns, self._step = stamp_ns, step if step < LONGEST_STEP else 0.0
        self._forget(stamp_ns)
        found = self._match(seen, stamp_ns)
        doubles = self._doubles(seen, found)
        for n, track in enumerate(found):
            if n in doubles:
                found[n] = None
                self.doubles += 1
            elif track is not None:
                self._see(track, seen[n], stamp_ns)
            elif self._free:
                found[n] = Track(self._free.popleft(), self._person(), stamp_ns, seen[n])
                self.tracks.append(found[n])
            else:
                self.untracked += 1
        for track in self.tracks:
            if track.stamp_ns == stamp_ns:
                is_known = track.age >= self.config.confirm_after or track.state is not TrackState.TENTATIVE
                track.state = TrackState.TRACKED if is_known else TrackState.TENTATIVE
            elif track.state is TrackState.TRACKED:
                track.state = TrackState.LOST
        return found

    def coasting(self) -> list[Track[T]]:
        """Those just lost from sight, to be predicted: for `coast`, but not beyond `keep_lost`."""
        patience = min(self.config.coast, self.config.keep_lost)
        lost = [track for track in self.tracks if track.state is TrackState.LOST]
        return [track for track in lost if track.unseen(self._stamp_ns) <= patience]

    def _forget(self, stamp_ns: int) -> None:
        for track in list(self.tracks):
            known = track.state is not TrackState.TENTATIVE
            patience = self.config.keep_lost if known else TENTATIVE_PATIENCE
            if track.unseen(stamp_ns) > max(patience, PATIENT_FRAMES * self._step):
                self.tracks.remove(track)
                # An id that was seen rests as long as the pool allows; one never published need not.
                (self._free.append if known else self._free.appendleft)(track.id)

    def _match(self, seen: list[Sighting], stamp_ns: int) -> list[Track[T] | None]:
        found: list[Track[T] | None] = [None] * len(seen)
        if seen and self.tracks:
            cost = self._unlikeness(seen, stamp_ns)
            for n, k in zip(*linear_sum_assignment(np.minimum(cost, UNLIKE)), strict=True):
                if cost[n, k] < UNLIKE:
                    found[n] = self.tracks[k]
        return found

    def _unlikeness(self, seen: list[Sighting], stamp_ns: int) -> np.ndarray:
        """(people, tracks) in [0,1], infinite where nobody can have got from there to here."""
        config, tracks = self.config, self.tracks
        last = [track.last for track in tracks]
        unseen = np.array([track.unseen(stamp_ns) for track in tracks])
        travel = (GOES_ON * (1 - np.exp(-np.maximum(unseen, 0) / GOES_ON)))[:, None]
        # In metres …
        places = np.array([one.place for one in last]) + travel * [track.velocity for track in tracks]
        away = np.linalg.norm(np.array([one.place for one in seen])[:, None] - places, axis=-1)
        lost = np.maximum(unseen - 2 * self._step, 0.0)
        metres = away / np.minimum(config.max_distance + STROLL * lost, max(FARTHEST, config.max_distance))
        # … else in the image.
        shift = travel * [track.drift for track in tracks]
        boxes, old = np.array([one.box for one in seen]), np.array([one.box for one in last])
        middle, before = np.array([one.middle for one in seen]), np.array([one.middle for one in last])
        size = np.maximum(np.linalg.norm(old[:, 2:] - old[:, :2], axis=-1), 1.0)
        pixels = np.linalg.norm(middle[:, None] - (before + shift), axis=-1)
        pixels = pixels / (size * (config.max_shift + lost))
        place = np.where(np.isfinite(metres), metres, pixels)
        xy = np.array([one.xy for one in last]) + shift[:, None]
        image = 1 - similarity(np.array([one.xy for one in seen]), xy, boxes)
        clothes = unlikeness(np.array([one.clothes for one in seen]), np.array([one.clothes for one in last]))
        fresh = np.exp(-lost / IMAGE_FADES)
        image_weight, clothes_weight = IMAGE * fresh, CLOTHES + IMAGE * (1 - fresh)
        # Where clothes cannot be compared, the place speaks for them.
        clothes = np.where(np.isnan(clothes), place, clothes)
        # Half a torso that is hidden can put a person's place far off; who looks the same has not gone.
        reached = (place < 1) | ((place < 2) & (image < LOOKS_SAME))
        place = np.minimum(place, 1)
        cost = PLACE * place + image_weight * image + clothes_weight * clothes
        cost = np.where(reached, cost + LOST * (1 - fresh), np.inf)
        # Bodies exclude each other: where someone is due, nobody else can be.
        due = (place < DUE) & (fresh > 0.5)
        return np.where(due, np.minimum(cost, 0.99 * UNLIKE), cost)

    def _doubles(self, seen: list[Sighting], found: list[Track[T] | None]) -> set[int]:
        """Positions of skeletons on a body that another skeleton has already.

        Of two the one whose track is older stays. Two who have both been followed and whose motions lead
        close together are two people who touch.
        """
        doubles: set[int] = set()
        order = sorted(range(len(seen)), key=lambda n: -(found[n].age if found[n] else 0))
        for i, n in enumerate(order):
            for m in order[:i]:
                if m in doubles or not seen[n].is_on_body_of(seen[m]):
                    continue
                a, b = found[n], found[m]
                if a is None or b is None or not a.last.is_on_body_of(b.last):
                    doubles.add(n)
        return doubles

    def _see(self, track: Track[T], seen: Sighting, stamp_ns: int) -> None:
        step, last = track.unseen(stamp_ns), track.last
        if 0 < step < LONGEST_STEP:
            rate = 2 * np.pi * VELOCITY_CUTOFF * step
            gain = rate / (rate + 1)
            velocity = (seen.place - last.place) / step
            if np.linalg.norm(velocity) < FASTEST:  # else the place was wrong, or one of them unknown
                track.velocity = track.velocity + gain * (velocity - track.velocity)
            drift = (seen.middle - last.middle) / step
            track.drift = track.drift + gain * (drift - track.drift)
        track.age, track.stamp_ns = track.age + 1, stamp_ns
        clothes = last.clothes if np.isnan(seen.clothes).any() else seen.clothes
        if not np.isnan(last.clothes).any():
            clothes = 0.95 * last.clothes + 0.05 * clothes
        track.last = Sighting(seen.place, seen.xyz, seen.xy, seen.box, clothes)
