"""Smoothing of joints in metres and seconds: rest looks at rest, motion is followed without lag.

A One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) whose own lag is made up. A first-order filter of gain
a at steps of dt follows a steady motion (1 - a) / a dt late; so much of the smoothed velocity is added as
stands out from the velocity's own noise. Time comes from stamps: any rate, gaps, repeated and late frames.

The covariance does not believe that errors are white. What a network gets wrong in one frame it gets wrong in
the next, too: only the share of the variance that trembles (`jitter_share`) is averaged away, the rest stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pose_ros.config import option
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints3D, Origin

MOVES_ALIKE = 0.2  # m/s; a velocity of so much is as likely motion as noise
LEAST_STEADINESS = 0.2  # however little is known of a joint, it follows what is measured
# How motion leaves what is predicted: error of the velocity (m/s), acceleration (m/s²), share of the way.
START, ACCELERATES, BENDS = 0.05, 1.5, 0.4


@dataclass(frozen=True)
class SmoothConfig:
    min_cutoff: float = option(
        0.7, "cut-off frequency at rest; lower is smoother", unit="Hz", range=(0.01, 1e3)
    )
    beta: float = option(6.0, "how much speed raises the cut-off", unit="Hz per m/s", range=(0.0, 1e3))
    speed_cutoff: float = option(2.0, "cut-off frequency of the speed", unit="Hz", range=(0.01, 1e3))
    velocity_cutoff: float = option(
        3.0, "cut-off frequency of the velocity that makes up the lag", unit="Hz", range=(0.01, 1e3)
    )
    make_up_lag: float = option(
        1.0, "share of the lag that is made up; less is smoother and later", range=(0.0, 1.0)
    )
    usual_sigma: float = option(
        0.06,
        "a joint whose position is less certain than this (RMS) is smoothed more",
        unit="m",
        range=(0.001, 10.0),
    )
    jitter_share: float = option(
        0.4, "share of a joint's variance that is new in every frame", range=(0.0, 1.0)
    )
    decay: float = option(0.3, "time in which a predicted motion dies down", unit="s", range=(0.01, 10.0))
    max_gap: float = option(0.3, "a longer gap between stamps starts anew", unit="s", range=(0.0, 60.0))


@dataclass
class SmoothState:
    """What the filter knows of one person of K joints; make one for each track, the smoother fills it.

    level: (K,3) m, the plain One-Euro's output, late by `lag` (K,) s. ahead: (K,3) m, what makes that up.
    drift: (K,3) m/s, of what is measured against the level; it sets the cut-off. velocity: (K,3) m/s.
    jitter, bias: (K,3,3) m², the two parts of the covariance. NaN = unknown.
    """

    stamp_ns: int | None = None
    level: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    ahead: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    drift: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    velocity: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    jitter: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 3)))
    bias: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 3)))
    score: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def start(self, keypoints: Keypoints3D, n: int, stamp_ns: int, jitter_share: float) -> None:
        """Forget everything but person n of this frame."""
        self.stamp_ns, self.level, self.score = stamp_ns, keypoints.xyz[n].copy(), keypoints.score[n].copy()
        self.ahead, self.drift, self.velocity = (np.zeros_like(self.level) for _ in range(3))
        self.jitter = jitter_share * keypoints.covariance[n]
        self.bias = (1 - jitter_share) * keypoints.covariance[n]


class Smoother:
    """Smooths all joints of all people of a frame in one vectorised call; what lasts is in their states."""

    def __init__(self, config: SmoothConfig | None = None) -> None:
        self.config = config or SmoothConfig()

    def __call__(self, states: Sequence[SmoothState], keypoints: Keypoints3D, stamp_ns: int) -> Keypoints3D:
        """The people's joints, smoothed; one state a person, which is brought to `stamp_ns`.

        Unknown joints stay unknown, and start anew when they come back. A repeated or late frame changes no
        state: it gets what the state says of its time. After a gap, forwards or back, all starts anew.
        """
        if len(states) != len(keypoints):
            raise ValueError(f"{len(keypoints)} people need as many states, got {len(states)}")
        if not states:
            return keypoints
        gap = self.config.max_gap * 1e9
        for n, state in enumerate(states):
            old = state.stamp_ns is None or state.level.shape != keypoints.xyz[n].shape
            if old or abs(stamp_ns - state.stamp_ns) > gap:
                state.start(keypoints, n, stamp_ns, self.config.jitter_share)
        going = [n for n, state in enumerate(states) if stamp_ns > state.stamp_ns]
        if going:
            self._step([states[n] for n in going], keypoints.select(going), stamp_ns)
        return self._read(states, stamp_ns, keypoints.skeleton, keypoints.origin)

    def predict(self, states: Sequence[SmoothState], stamp_ns: int, skeleton: Skeleton) -> Keypoints3D:
        """Where the people's joints are at another time, by a constant velocity that dies down.

        Covariances grow; every known joint is PREDICTED. For people out of sight, or for "now".
        """
        if not states:
            return Keypoints3D.empty(skeleton)
        return self._read(states, stamp_ns, skeleton)

    def _step(self, states: list[SmoothState], seen: Keypoints3D, stamp_ns: int) -> None:
        config, share = self.config, self.config.jitter_share
        step = np.array([stamp_ns - state.stamp_ns for state in states])[:, None] * 1e-9
        level, drift, velocity, jitter, bias = (
            np.stack([getattr(state, name) for state in states])
            for name in ("level", "drift", "velocity", "jitter", "bias")
        )
        fresh = np.isnan(level[..., 0])
        # What is not measured with certainty is smoothed more, however fast it seems to move.
        sigma = np.sqrt(np.trace(seen.covariance, axis1=-2, axis2=-1))
        steady = np.clip(config.usual_sigma / np.nan_to_num(sigma, nan=np.inf), LEAST_STEADINESS, 1.0)
        away = seen.xyz - level
        drift = drift + _gain(config.speed_cutoff, step)[..., None] * (away / step[..., None] - drift)
        cutoff = (config.min_cutoff + config.beta * _norm(drift)) * steady
        gain = np.where(fresh, 1.0, _gain(cutoff, step))[..., None]
        moved = gain * away
        follow = _gain(config.velocity_cutoff, step)[..., None] * steady[..., None]
        velocity = velocity + follow * (moved / step[..., None] - velocity)
        fresh = fresh[..., None]
        level = np.where(fresh, seen.xyz, level + moved)
        drift, velocity = np.where(fresh, 0.0, drift), np.where(fresh, 0.0, velocity)
        speed2 = (velocity**2).sum(-1, keepdims=True)
        lag = (1 - gain) / gain * step[..., None]
        ahead = config.make_up_lag * lag * velocity * speed2 / (speed2 + MOVES_ALIKE**2)
        gain, fresh = gain[..., None], fresh[..., None]
        jitter = np.where(
            fresh, share * seen.covariance, (1 - gain) ** 2 * jitter + gain**2 * share * seen.covariance
        )
        bias = np.where(
            fresh, seen.covariance * (1 - share), bias + gain * ((1 - share) * seen.covariance - bias)
        )
        for n, state in enumerate(states):
            state.stamp_ns, state.score = stamp_ns, seen.score[n]
            state.level, state.ahead, state.drift, state.velocity = level[n], ahead[n], drift[n], velocity[n]
            state.jitter, state.bias = jitter[n], bias[n]

    def _read(
        self,
        states: Sequence[SmoothState],
        stamp_ns: int,
        skeleton: Skeleton,
        seen_origin: np.ndarray | None = None,
    ) -> Keypoints3D:
        level, ahead, velocity, jitter, bias, score = (
            np.stack([getattr(state, name) for state in states])
            for name in ("level", "ahead", "velocity", "jitter", "bias", "score")
        )
        step = np.array([stamp_ns - state.stamp_ns for state in states])[:, None] * 1e-9
        decay = self.config.decay
        travel = np.where(step > 0, decay * (1 - np.exp(-np.abs(step) / decay)), step)
        xyz = level + ahead + velocity * travel[..., None]
        spread = (START * travel) ** 2 + (ACCELERATES * step**2 / 2) ** 2
        spread = spread + (BENDS * step) ** 2 * (velocity**2).sum(-1)
        covariance = jitter + bias + spread[..., None, None] * np.eye(3)
        known = ~np.isnan(xyz).any(-1)
        origin = np.full(known.shape, Origin.PREDICTED, np.uint8)
        if seen_origin is not None:
            origin = np.where(seen_origin != Origin.UNKNOWN, seen_origin, origin)
        origin = np.where(known, origin, Origin.UNKNOWN).astype(np.uint8)
        score = np.where(known, score * np.exp(-np.maximum(step, 0) / decay), 0.0)
        return Keypoints3D(xyz, score, covariance, origin, skeleton)


def _gain(cutoff: np.ndarray | float, step: np.ndarray) -> np.ndarray:
    """Weight of the new sample of a first-order low-pass filter; equation 5 of the paper."""
    rate = 2 * np.pi * cutoff * step
    return rate / (rate + 1)


def _norm(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt((vectors**2).sum(-1))
