"""Which posture each person is in, with the probability that it is the right one.

A frame's joints, drawn many times from their covariances, are put through a logistic regression on how
segments stand against gravity (`features`). Frames are joined by a hidden Markov model's forward filter;
errors of neighbours are alike, so a frame counts by the share of `correlation` that passed since the last.
Hidden legs have wide covariances, say nothing, and the belief fades to "unknown".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from pose_ros.apps.posture.features import (
    JOINTS,
    blur,
    features,
    hands_raised,
    sampled_joints,
    wrists_from_other_elbows,
)
from pose_ros.apps.posture.posture_weights import CENTRE, SCALE, WEIGHTS
from pose_ros.config import option
from pose_ros.types import People, Person

POSTURES = ("standing", "sitting", "squatting", "kneeling", "lying", "bending", "plank")
UNKNOWN = "unknown"
# Joints err together, as a body does: drawn each for itself by all of their covariances, they would be
# nobody's. Measured on the pipeline's people: so much of sigma tells postures best.
SPREAD = 0.25
# Whoever changes posture is between two, which a belief does not know: its logit, scaled and lowered so, is
# that of a probability that comes true. Fitted to what became true of people seen by the pipeline.
SLOPE, OFFSET = 1.085, -2.2
FLAGS = ("left_hand_raised", "right_hand_raised", "arms_crossed")


@dataclass(frozen=True)
class PostureConfig:
    least: float = option(0.5, "probability below which a posture is unknown", range=(0.0, 1.0))
    take_over: float = option(
        0.7, "probability another posture needs to replace the present one", range=(0.5, 1.0)
    )
    changes: float = option(1.0, "how often people change posture", unit="Hz", range=(0.001, 10.0))
    correlation: float = option(
        0.1, "how long errors stay alike: frames in less time tell less each", unit="s", range=(0.0, 5.0)
    )
    samples: int = option(24, "draws from the joints' covariances a frame", range=(1, 1000))
    blur: float = option(
        0.18, "error of trunk and legs at which a frame says hardly anything", unit="m", range=(0.01, 10.0)
    )
    raised: float = option(
        0.3, "height of a raised hand's wrist over its shoulder", unit="trunk", range=(-1.0, 2.0)
    )
    crossed: float = option(
        0.4, "distance of wrists from the other elbows while arms are crossed", unit="trunk", range=(0.0, 2.0)
    )
    memory: float = option(2.0, "how long someone unseen is remembered", unit="s", range=(0.0, 60.0))


@dataclass(frozen=True)
class Posture:
    """name: of POSTURES, or UNKNOWN. probability: that `name` is right (of the likeliest, where unknown).
    probabilities (P,): of POSTURES. flags: name of FLAGS -> probability; flagged: those that hold."""

    name: str
    probability: float
    probabilities: np.ndarray
    flags: dict[str, float] = field(default_factory=dict)
    flagged: frozenset[str] = frozenset()


@dataclass
class _Belief:
    stamp: float
    postures: np.ndarray
    flags: np.ndarray  # (3,) probability
    name: str = UNKNOWN
    flagged: frozenset[str] = frozenset()


class PostureReader:
    """Postures of all people, frame by frame."""

    def __init__(self, config: PostureConfig | None = None) -> None:
        self.config = config or PostureConfig()
        rng = np.random.default_rng(0)  # the same draws in every frame: answers do not flicker
        self._draws = SPREAD * rng.normal(size=(self.config.samples, len(JOINTS), 3))
        self._known: dict[str, _Belief] = {}

    def reset(self) -> None:
        """Forget everyone."""
        self._known.clear()

    def __call__(self, people: People, up: np.ndarray) -> dict[str, Posture]:
        """id -> posture of everyone in the frame. up (3,): against gravity, in the people's frame."""
        stamp = people.stamp_ns * 1e-9
        self._forget(stamp)
        return {person.id: self._read(person, stamp, up) for person in people}

    def _forget(self, stamp: float) -> None:
        for id, belief in list(self._known.items()):
            if not -0.5 < stamp - belief.stamp < self.config.memory:
                del self._known[id]

    def _read(self, person: Person, stamp: float, up: np.ndarray) -> Posture:
        config, count = self.config, len(POSTURES)
        belief = self._known.get(person.id)
        if belief is None:
            belief = _Belief(stamp - config.correlation, np.full(count, 1 / count), np.full(len(FLAGS), 0.2))
            self._known[person.id] = belief
        passed = max(stamp - belief.stamp, 0.0)
        share = min(passed / config.correlation, 1.0) if config.correlation else 1.0
        up = np.asarray(up, float) / np.linalg.norm(up)
        joints = sampled_joints(person, self._draws)
        seen = np.full(count, 1 / count)
        flags = np.full(len(FLAGS), np.nan)
        if joints is not None:
            # Legs drawn at random look like somebody's, too: what is hardly known is believed as little.
            share_known = np.exp(-((blur(person) / config.blur) ** 2))
            seen = probabilities(features(joints, up)).mean(axis=0)
            seen = share_known * seen + (1 - share_known) / count
            raised = (hands_raised(joints, up) > config.raised).mean(axis=0)
            crossed = (wrists_from_other_elbows(joints) < config.crossed).mean()
            flags = np.array([*raised, crossed])
        stay = np.exp(-config.changes * passed)
        prior = stay * belief.postures + (1 - stay) / count
        belief.postures = _normal(prior * seen**share)
        belief.flags = _flags(belief.flags, flags, stay, share)
        belief.stamp = max(stamp, belief.stamp)
        belief.name = self._named(belief)
        belief.flagged = frozenset(
            name
            for name, p in zip(FLAGS, belief.flags, strict=True)
            if p > (1 - config.take_over if name in belief.flagged else config.take_over)
        )
        likely = calibrated(belief.postures)
        named = int(np.argmax(likely)) if belief.name == UNKNOWN else POSTURES.index(belief.name)
        return Posture(
            belief.name,
            float(likely[named]),
            likely,
            dict(zip(FLAGS, belief.flags.tolist(), strict=True)),
            belief.flagged,
        )

    def _named(self, belief: _Belief) -> str:
        best = int(np.argmax(belief.postures))
        name, probability = POSTURES[best], belief.postures[best]
        if name == belief.name:  # what holds already may be less certain than what is new
            return name if probability > self.config.least else UNKNOWN
        if probability > self.config.take_over:
            return name
        held = belief.name != UNKNOWN and belief.postures[POSTURES.index(belief.name)] > self.config.least
        return belief.name if held else UNKNOWN


def probabilities(values: np.ndarray) -> np.ndarray:
    """(…,P) of features (…,F) of one frame, by the regression alone."""
    scores = expanded(values) @ WEIGHTS
    scores = scores - scores.max(-1, keepdims=True)
    likely = np.exp(scores)
    return likely / likely.sum(-1, keepdims=True)


def calibrated(belief: np.ndarray) -> np.ndarray:
    """(P,) probabilities that come true; the others share what the likeliest loses."""
    best = int(np.argmax(belief))
    sure = np.clip(belief[best], 1 / len(belief), 1 - 1e-9)
    right = 1 / (1 + np.exp(-(SLOPE * np.log(sure / (1 - sure)) + OFFSET)))
    others = np.delete(belief, best) + 1e-3
    others = others / others.sum()
    right = max(float(right), others.max() / (1 + others.max()) + 1e-6)  # the likeliest it stays
    return np.insert(others * (1 - right), best, right)


def expanded(values: np.ndarray) -> np.ndarray:
    """Features (…,F), standardised, with their squares and a one: (…,2F+1)."""
    standard = np.clip((values - CENTRE) / SCALE, -4, 4)
    return np.concatenate([standard, standard**2, np.ones((*values.shape[:-1], 1))], axis=-1)


def _normal(likely: np.ndarray) -> np.ndarray:
    likely = np.maximum(likely, 1e-12)
    return likely / likely.sum()


def _flags(known: np.ndarray, seen: np.ndarray, stay: float, share: float) -> np.ndarray:
    """The same filter for flags, each of which holds or not; seldom they do (0.2)."""
    prior = np.clip(stay * known + (1 - stay) * 0.2, 1e-3, 1 - 1e-3)
    odds = np.clip(np.where(np.isfinite(seen), seen, 0.5), 0.02, 0.98)
    logit = np.log(prior / (1 - prior)) + share * np.log(odds / (1 - odds))
    return 1 / (1 + np.exp(-logit))


def known_people(people: Iterable[People]) -> list[str]:
    """Ids in the order in which they were first seen."""
    return list(dict.fromkeys(person.id for frame in people for person in frame))
