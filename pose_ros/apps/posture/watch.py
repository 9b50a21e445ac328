"""Everybody watched over time, frame by frame: angles, posture and repetitions of each."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.posture.angles import JointAngles, joint_angles
from pose_ros.apps.posture.postures import Posture, PostureConfig, PostureReader
from pose_ros.apps.posture.repetitions import Repetition, RepetitionConfig, RepetitionCounter
from pose_ros.types import People, Person, TrackState


@dataclass(frozen=True)
class WatchConfig:
    posture: PostureConfig = field(default_factory=PostureConfig)
    repetition: RepetitionConfig = field(default_factory=RepetitionConfig)


@dataclass(frozen=True)
class Watched:
    """One person at one moment. ended: repetitions that ended with this frame. counts, partial, depths: as in
    RepetitionCounter."""

    person: Person
    angles: JointAngles
    posture: Posture
    ended: tuple[Repetition, ...]
    counts: dict[str, int]
    partial: dict[str, int]
    depths: dict[str, float]


class Watch:
    """Remembers of everyone what has been counted, as long as the id is the same person's."""

    def __init__(self, config: WatchConfig | None = None) -> None:
        self.config = config or WatchConfig()
        RepetitionCounter(self.config.repetition)  # what is wrong with the options is said now
        self.reset()

    def reset(self) -> None:
        """Forget everyone: counts start at 0."""
        self._postures = PostureReader(self.config.posture)
        self._counters: dict[str, tuple[int, RepetitionCounter]] = {}  # id -> age, counter

    def __call__(self, people: People, up: np.ndarray) -> list[Watched]:
        """up (3,): against gravity, in the people's frame."""
        postures = self._postures(people, up)
        return [
            self._watched(person, postures[person.id], people.stamp_ns * 1e-9, up)
            for person in people
            if person.state is not TrackState.TENTATIVE
        ]

    def _watched(self, person: Person, posture: Posture, stamp: float, up: np.ndarray) -> Watched:
        angles = joint_angles(person, up, spread=False)
        age, counter = self._counters.get(person.id, (0, None))
        if counter is None or person.age < age:  # ids are used again
            counter = RepetitionCounter(self.config.repetition)
        self._counters[person.id] = person.age, counter
        # Who is out of sight is predicted: nobody counts what nobody saw.
        ended = counter(stamp, angles.value) if person.state is TrackState.TRACKED else []
        return Watched(
            person,
            angles,
            posture,
            tuple(ended),
            dict(counter.counts),
            dict(counter.partial),
            dict(counter.depths),
        )
