"""Smoothing of joints in metres and seconds: rest looks at rest, motion is followed without lag.

A One-Euro filter (Casiez, Roussel, Vogel, CHI 2012) whose own lag is made up. A first-order filter of gain
a at steps of dt follows a steady motion (1 - a) / a dt late; so much of the smoothed velocity is added as
stands out from the velocity's own noise. Time comes from stamps: any rate, gaps, repeated and late frames.

The covariance does not believe that errors are white. What a network gets wrong in one frame it gets wrong in
the next, too: a twentieth of the variance trembles from frame to frame and is smoothed away, the rest stays,
so what is measured is averaged, but never thought better for being averaged. By the same share, a joint that
trembles more than its covariance allows is more wrong than it says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pose_ros.config import option
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints3D, Origin

MOVES_ALIKE = 0.2  # m/s; a velocity of so much is as likely motion as noise
TREMBLE_CUTOFF = 0.7  # Hz
MOVING = 0.03  # m/(m/s) that moving joints are more wrong, by lag, blur and what limbs hide
LEAST_STEADINESS = 0.2  # however little is known of a joint, it follows what is measured
# How motion leaves what is predicted: error of the velocity (m/s), acceleration (m/s²), share of the way.
START, ACCELERATES, BENDS = 0.1, 2.0, 0.4
SWING = 0.1  # s in which a limb's motion against the body dies down


@dataclass(frozen=True)
class SmoothConfig:
    min_cutoff: float = option(
        0.5, "cut-off frequency at rest; lower is smoother", unit="Hz", range=(0.01, 1e3)
    )
    beta: float = option(5.0, "how much speed raises the cut-off", unit="Hz per m/s", range=(0.0, 1e3))
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
        0.05, "share of a joint's variance that is new in every frame", range=(0.01, 1.0)
    )
    least_sigma: float = option(
        0.012, "no joint is known better than this, a coordinate", unit="m", range=(0.0, 0.1)
    )
    decay: float = option(
        0.6, "time in which the predicted motion of a whole body dies down", unit="s", range=(0.01, 10.0)
    )
    max_gap: float = option(0.3, "a longer gap between stamps starts anew", unit="s", range=(0.0, 60.0))


@dataclass
class SmoothState:
    """What the filter knows of one person of K joints; make one for each track, the smoother fills it.

    motion: (6,K,3), by rows: what was measured last (m), how fast it had moved (m/s); the plain One-Euro's
    level (m), what makes up its lag (m), the speed of what is measured against the level, which sets the
    cut-off (m/s), the joint's velocity (m/s). covariance: (K,3,3) m². trembling: (K,) m², variance of a
    coordinate from frame to frame. step: s, between the latest two frames. NaN = unknown.
    """

    stamp_ns: int | None = None
    step: float = 0.0
    motion: np.ndarray = field(default_factory=lambda: np.zeros((6, 0, 3)))
    covariance: np.ndarray = field(default_factory=lambda: np.zeros((0, 3, 3)))
    trembling: np.ndarray = field(default_factory=lambda: np.zeros(0))
    score: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def start(self, keypoints: Keypoints3D, n: int, stamp_ns: int) -> None:
        """Forget everything but person n of this frame."""
        xyz, zero = keypoints.xyz[n], np.zeros_like(keypoints.xyz[n])
        self.stamp_ns, self.step, self.score = stamp_ns, 1.0, keypoints.score[n]
        self.motion = np.stack([xyz, np.full_like(xyz, np.nan), xyz, zero, zero, zero])
        self.covariance, self.trembling = keypoints.covariance[n], np.zeros(len(xyz))


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
            old = state.stamp_ns is None or state.motion.shape[1:] != keypoints.xyz[n].shape
            if old or abs(stamp_ns - state.stamp_ns) > gap:
                state.start(keypoints, n, stamp_ns)
        going = [n for n, state in enumerate(states) if stamp_ns > state.stamp_ns]
        if going:
            seen = keypoints if len(going) == len(states) else keypoints.select(going)
            self._step([states[n] for n in going], seen, stamp_ns)
        return self._read(states, stamp_ns, keypoints.skeleton, keypoints.origin)

    def predict(self, states: Sequence[SmoothState], stamp_ns: int, skeleton: Skeleton) -> Keypoints3D:
        """Where the people's joints are at another time, by constant velocities that die down.

        A limb's motion against the body dies sooner than the body's. Covariances grow; every known joint is
        PREDICTED. For people out of sight, or for "now".
        """
        if not states:
            return Keypoints3D.empty(skeleton)
        return self._read(states, stamp_ns, skeleton)

    def _step(self, states: list[SmoothState], seen: Keypoints3D, stamp_ns: int) -> None:
        config = self.config
        step = np.array([[stamp_ns - state.stamp_ns] for state in states]) * 1e-9
        before = np.array([[state.step] for state in states])
        last, slope, level, _, drift, velocity = np.stack([state.motion for state in states], axis=1)
        covariance = np.stack([state.covariance for state in states])
        trembling = np.stack([state.trembling for state in states])
        seconds, fresh = step[..., None], np.isnan(level[..., 0])
        # Two slopes of a motion that is steady but for white noise differ by its variance times this.
        apart = 2 * (step**-2 + before**-2 + 1 / (step * before))
        now = (seen.xyz - last) / seconds
        bend = _square(now - slope) / (3 * apart)
        trembling = trembling + np.nan_to_num(_gain(TREMBLE_CUTOFF, step) * (bend - trembling))
        # What is not measured with certainty is smoothed more, however fast it seems to move.
        sigma = np.sqrt(np.einsum("nkii->nk", seen.covariance))
        steady = np.clip(config.usual_sigma / np.maximum(sigma, 1e-9), LEAST_STEADINESS, 1.0)
        away = seen.xyz - level
        drift = drift + _gain(config.speed_cutoff, step)[..., None] * (away / seconds - drift)
        cutoff = (config.min_cutoff + config.beta * np.sqrt(_square(drift))) * steady
        gain = np.where(fresh, 1.0, _gain(cutoff, step))[..., None]
        moved = gain * away
        follow = (_gain(config.velocity_cutoff, step) * steady)[..., None]
        velocity = velocity + follow * (moved / seconds - velocity)
        level = level + moved
        covariance = covariance + gain[..., None] * (seen.covariance - covariance)
        if fresh.any():
            velocity[fresh], drift[fresh] = 0.0, 0.0
            level[fresh], covariance[fresh] = seen.xyz[fresh], seen.covariance[fresh]
        speed2 = _square(velocity)[..., None]
        stands_out = speed2 / (speed2 + MOVES_ALIKE**2)
        ahead = config.make_up_lag * (1 - gain) / gain * seconds * velocity * stands_out
        motion = np.stack([seen.xyz, now, level, ahead, drift, velocity], axis=1)
        for n, state in enumerate(states):
            state.stamp_ns, state.step, state.score = stamp_ns, float(step[n, 0]), seen.score[n]
            state.motion, state.covariance, state.trembling = motion[n], covariance[n], trembling[n]

    def _read(
        self,
        states: Sequence[SmoothState],
        stamp_ns: int,
        skeleton: Skeleton,
        seen_origin: np.ndarray | None = None,
    ) -> Keypoints3D:
        _, _, level, ahead, _, velocity = np.stack([state.motion for state in states], axis=1)
        covariance, trembling, score = (
            np.stack([getattr(state, name) for state in states])
            for name in ("covariance", "trembling", "score")
        )
        step = np.array([[stamp_ns - state.stamp_ns] for state in states]) * 1e-9
        xyz, speed2 = level + ahead, _square(velocity)
        claimed = np.einsum("nkii->nk", covariance) / 3
        true = np.maximum(trembling / self.config.jitter_share, self.config.least_sigma**2)
        spread = np.maximum(true - claimed, 0.0)
        spread += MOVING**2 * speed2
        if step.any():
            # Limbs swing back soon, the body as a whole goes on.
            body = np.nan_to_num(velocity).mean(axis=1, keepdims=True)
            swing, goes_on = (_travel(step, decay)[..., None] for decay in (SWING, self.config.decay))
            xyz = xyz + body * goes_on + (velocity - body) * swing
            spread += (BENDS * step) ** 2 * speed2 + (START * step) ** 2 + (ACCELERATES * step**2 / 2) ** 2
        covariance = covariance + spread[..., None, None] * np.eye(3)
        known = ~np.isnan(xyz[..., 0])
        origin = np.full(known.shape, Origin.PREDICTED, np.uint8)
        if seen_origin is not None:
            origin = np.where(seen_origin != Origin.UNKNOWN, seen_origin, origin)
        origin = np.where(known, origin, Origin.UNKNOWN).astype(np.uint8)
        score = np.where(known, score * np.exp(-np.maximum(step, 0.0) / self.config.decay), 0.0)
        return Keypoints3D(xyz, score, covariance, origin, skeleton)


def _gain(cutoff: np.ndarray | float, step: np.ndarray) -> np.ndarray:
    """Weight of the new sample of a first-order low-pass filter; equation 5 of the paper."""
    rate = 2 * np.pi * cutoff * step
    return rate / (rate + 1)


def _travel(step: np.ndarray, decay: float) -> np.ndarray:
    """Seconds that a velocity which dies down counts for; backwards it does not die."""
    return np.where(step > 0, decay * (1 - np.exp(-np.maximum(step, 0.0) / decay)), step)


def _square(vectors: np.ndarray) -> np.ndarray:
    """Squared length (...) of vectors (...,3)."""
    return np.einsum("...i,...i->...", vectors, vectors)
