"""What somebody does who leads a robot: slow motions of the right arm, or of both, seen from the front.

Angles as in `motion`. Slow, for a robot's joints are slower than a person's: every way takes 2 s or more.
"""

from __future__ import annotations

import numpy as np

from pose_ros.sources.synthetic.motion import Angles, Pose, Stage, _alive, _standing, drift, pulse

RIGHT = "right"


def _led(rng: np.random.Generator, t: np.ndarray, **right: np.ndarray | float) -> Angles:
    """Somebody who keeps still but for the right arm: its angles, with a little unrest of their own."""
    angles = {name: 0.3 * values for name, values in _alive(rng, t).items()}
    arm = {f"{RIGHT}_{name}": values + drift(rng, t, 0.03) for name, values in right.items()}
    return angles | arm


def reach_forward(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Stretches the right hand forward, at another height each time, and takes it back."""
    period = rng.uniform(5.0, 6.5)
    out = pulse(t, period, 0.0, move=0.42)
    high = rng.uniform(0.9, 1.5, 64)[np.floor(t / period).astype(int) % 64]
    return _standing(
        _led(rng, t, shoulder_flex=0.35 + (high - 0.35) * out, shoulder_abduct=0.25,
             shoulder_twist=0.15, elbow=1.45 - 1.05 * out),
        t, stage,
    )  # fmt: skip


def circles(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Draws circles before the shoulder with a half bent arm."""
    phase = rng.choice([-1.0, 1.0]) * 2 * np.pi * t / rng.uniform(5.0, 7.0) + rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.25, 0.38)
    return _standing(
        _led(rng, t, shoulder_flex=0.85 + size * np.sin(phase), shoulder_abduct=0.45 + size * np.cos(phase),
             shoulder_twist=0.1, elbow=rng.uniform(0.6, 1.0)),
        t, stage,
    )  # fmt: skip


def lift(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Lifts the arm to the side and the front, above the shoulder, and lowers it."""
    up = pulse(t, rng.uniform(6.0, 8.0), 0.0, move=0.45)
    aside = rng.uniform(0.3, 0.9)
    return _standing(
        _led(rng, t, shoulder_flex=0.2 + 1.3 * up, shoulder_abduct=0.2 + aside * up,
             shoulder_twist=0.0, elbow=0.9 - 0.4 * up),
        t, stage,
    )  # fmt: skip


def punch(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Punches slowly: the fist goes from beside the chest straight ahead."""
    out = pulse(t, rng.uniform(5.0, 6.0), 0.0, move=0.4)
    return _standing(
        _led(rng, t, shoulder_flex=0.1 + 1.25 * out, shoulder_abduct=0.3 - 0.1 * out,
             shoulder_twist=0.2, elbow=1.75 - 1.4 * out),
        t, stage,
    )  # fmt: skip


def eights(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Draws figures of eight that lie on their side."""
    phase = 2 * np.pi * t / rng.uniform(6.0, 8.0) + rng.uniform(0, 2 * np.pi)
    size = rng.uniform(0.3, 0.42)
    return _standing(
        _led(rng, t, shoulder_flex=0.9 + 0.5 * size * np.sin(2 * phase),
             shoulder_abduct=0.45 + size * np.sin(phase), shoulder_twist=0.1,
             elbow=rng.uniform(0.7, 1.1) + 0.1 * np.cos(phase)),
        t, stage,
    )  # fmt: skip


def both_arms(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Opens and closes both arms before the chest, as to show how big something is."""
    wide = pulse(t, rng.uniform(5.5, 7.0), 0.0, move=0.42)
    arm = {
        "shoulder_flex": 0.55 + 0.1 * wide, "shoulder_abduct": 0.2 + 0.7 * wide,
        "shoulder_twist": 0.35 - 0.35 * wide, "elbow": 1.35 - 0.4 * wide,
    }  # fmt: skip
    left = {f"left_{name}": values for name, values in arm.items()}
    return _standing(_led(rng, t, **arm) | left, t, stage)


ARM_MOTIONS = {motion.__name__: motion for motion in (reach_forward, circles, lift, punch, eights, both_arms)}
