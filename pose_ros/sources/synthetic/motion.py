"""What synthetic people do: joint angles as smooth functions of time.

Every motion maps (rng, times (T,) s, Stage) to a Pose. The random numbers are drawn before time is looked
at, so that a motion is one fixed function that can be sampled anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.body.rig import SIDES

Angles = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """Where a person acts: centre (2,) m on the floor, heading rad (0 looks along x), room to walk in m."""

    centre: np.ndarray
    heading: float
    extent: tuple[float, float]  # semi-axes of the ellipse of a walk, along x and y


@dataclass(frozen=True)
class Pose:
    """T poses. position (T,2) m: of the feet's middle (`on_feet`) or of the pelvis. heading (T,) rad.

    angles: name -> (T,) rad, absent = 0. For the trunk `pelvis_`, `waist_`, `head_` + `yaw pitch roll`
    (yaw left, pitch down, roll right). Per side: `shoulder_` and `hip_` + `flex abduct twist` (forward,
    outward, inward), `elbow`, `knee` and `wrist` flexion, `pronate`, `point` (toes down).
    """

    position: np.ndarray
    heading: np.ndarray
    angles: Mapping[str, np.ndarray]
    on_feet: bool = True

    def segments(self) -> dict[str, np.ndarray]:
        """Rotation (T,3,3) of every segment of the body in the world."""

        def angle(name: str) -> np.ndarray:
            return np.broadcast_to(self.angles.get(name, 0.0), self.heading.shape)

        def trunk(name: str) -> Rotation:
            yaw_pitch_roll = np.stack([angle(f"{name}_{axis}") for axis in ("yaw", "pitch", "roll")], axis=-1)
            return Rotation.from_euler("ZYX", yaw_pitch_roll)

        def limb(name: str, side: float) -> Rotation:
            flex, abduct, twist = (angle(f"{name}_{axis}") for axis in ("flex", "abduct", "twist"))
            return Rotation.from_euler("YXZ", np.stack([-flex, side * abduct, -side * twist], axis=-1))

        def hinge(axis: str, values: np.ndarray) -> Rotation:
            return Rotation.from_euler(axis, values[:, None])

        turned = {"pelvis": hinge("Z", self.heading) * trunk("pelvis")}
        turned["chest"] = turned["pelvis"] * trunk("waist")
        turned["head"] = turned["chest"] * trunk("head")
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            turned[f"{side}_shoulder"] = turned["chest"] * limb(f"{side}_shoulder", sign)
            turned[f"{side}_elbow"] = turned[f"{side}_shoulder"] * hinge("Y", -angle(f"{side}_elbow"))
            hand = hinge("Z", -sign * angle(f"{side}_pronate")) * hinge("Y", -angle(f"{side}_wrist"))
            turned[f"{side}_hand"] = turned[f"{side}_elbow"] * hand
            turned[f"{side}_hip"] = turned["pelvis"] * limb(f"{side}_hip", sign)
            turned[f"{side}_knee"] = turned[f"{side}_hip"] * hinge("Y", angle(f"{side}_knee"))
            # Soles stay level whatever the leg does, unless the toes are pointed.
            # (Where they point follows from the knee's axis, which stays about level.)
            left = turned[f"{side}_knee"].apply([0.0, 1.0, 0.0])
            yaw = np.arctan2(-left[:, 0], left[:, 1])
            turned[f"{side}_foot"] = hinge("Z", yaw) * hinge("Y", angle(f"{side}_point"))
            if f"{side}_ankle" in self.angles:  # unless the foot bears nothing: it hangs from its shank
                turned[f"{side}_foot"] = turned[f"{side}_knee"] * hinge("Y", angle(f"{side}_ankle"))
        return {name: rotation.as_matrix() for name, rotation in turned.items()}


def ramp(t: np.ndarray, start: float, duration: float) -> np.ndarray:
    """0 before start, 1 after start + duration, with no jump in speed or acceleration (quintic)."""
    x = np.clip((t - start) / duration, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def pulse(t: np.ndarray, period: float, phase: float, move: float = 0.3) -> np.ndarray:
    """0 to 1 and back every `period` seconds; each way takes the share `move` of it."""
    x = np.mod(t / period + phase, 1.0)
    return ramp(x, 0.0, move) - ramp(x, 0.5, move)


def drift(rng: np.random.Generator, t: np.ndarray, amplitude: float, period: float = 4.0) -> np.ndarray:
    """Smooth wandering about 0: three sines of unrelated periods."""
    periods = period * rng.uniform(0.5, 1.6, 3)
    phases = rng.uniform(0, 2 * np.pi, 3)
    return amplitude * sum(np.sin(2 * np.pi * t / p + a) for p, a in zip(periods, phases, strict=True)) / 3


def _alive(rng: np.random.Generator, t: np.ndarray) -> Angles:
    """What everybody does all the time: sway, look around, hold the arms loosely."""
    angles = {
        "pelvis_roll": drift(rng, t, 0.04, 5), "waist_yaw": drift(rng, t, 0.12, 5),
        "waist_pitch": 0.04 + drift(rng, t, 0.05, 4), "waist_roll": drift(rng, t, 0.05, 4),
        "head_yaw": drift(rng, t, 0.45, 4), "head_pitch": drift(rng, t, 0.18, 3),
        "head_roll": drift(rng, t, 0.1, 5),
    }  # fmt: skip
    for side in SIDES:
        angles |= {
            f"{side}_shoulder_flex": drift(rng, t, 0.12),
            f"{side}_shoulder_abduct": 0.2 + drift(rng, t, 0.06),
            f"{side}_shoulder_twist": 0.2 + drift(rng, t, 0.15), f"{side}_elbow": 0.35 + drift(rng, t, 0.15),
            f"{side}_pronate": drift(rng, t, 0.3), f"{side}_wrist": 0.1 + drift(rng, t, 0.15),
            f"{side}_hip_abduct": np.full_like(t, rng.uniform(0.02, 0.1)),
            f"{side}_hip_twist": np.full_like(t, rng.uniform(-0.25, 0.0)),
        }  # fmt: skip
    return angles


def _add(angles: Angles, **more: np.ndarray) -> Angles:
    return angles | {name: angles.get(name, 0.0) + values for name, values in more.items()}


def _standing(angles: Angles, t: np.ndarray, stage: Stage, heading: np.ndarray | float = 0.0) -> Pose:
    return Pose(np.tile(stage.centre, (len(t), 1)), np.full_like(t, stage.heading) + heading, angles)


def stand(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Talks with both hands."""
    angles = _alive(rng, t)
    for side in SIDES:
        raised = pulse(t, rng.uniform(3, 6), rng.random())
        angles = _add(angles, **{
            f"{side}_shoulder_flex": 0.5 * raised, f"{side}_elbow": raised * (1.1 + drift(rng, t, 0.5, 1.2)),
            f"{side}_shoulder_twist": -0.3 * raised + raised * drift(rng, t, 0.4, 1.5),
        })  # fmt: skip
    return _standing(angles, t, stage)


def walk(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Round and round an ellipse at about 1 m/s; the step goes with the way, so that feet hardly slide."""
    angles = _alive(rng, t)
    along, across = stage.extent
    speed, sense, phase = rng.uniform(0.7, 1.1), rng.choice([-1.0, 1.0]), rng.uniform(0, 2 * np.pi)
    # Arc length over the ellipse's parameter, once round, then walked at a constant speed.
    theta = np.linspace(0, 2 * np.pi, 721)
    pieces = np.hypot(along * np.diff(np.cos(theta)), across * np.diff(np.sin(theta)))
    length = np.concatenate([[0.0], np.cumsum(pieces)])
    way = speed * t + phase / (2 * np.pi) * length[-1]
    at = sense * np.interp(np.mod(way, length[-1]), length, theta)
    position = stage.centre + np.stack([along * np.cos(at), across * np.sin(at)], axis=-1)
    heading = np.arctan2(sense * across * np.cos(at), -sense * along * np.sin(at))
    return Pose(
        position, heading, _gait(angles, 2 * np.pi * speed * t / rng.uniform(1.15, 1.4)), on_feet=False
    )


def _gait(angles: Angles, phase: np.ndarray, size: float = 1.0) -> Angles:
    """One step of each leg in 2 pi of phase, arms against legs; `size` scales the stride."""
    for side, shift in zip(SIDES, (0.0, np.pi), strict=True):
        swing = np.sin(phase + shift)
        lift = np.clip(np.sin(phase + shift + 1.1), 0, None) ** 2  # the knee bends as the leg comes forward
        angles = _add(angles, **{
            f"{side}_hip_flex": size * (0.06 + 0.38 * swing + 0.12 * lift),
            f"{side}_knee": size * (0.08 + 0.95 * lift),
            f"{side}_point": size * 0.3 * np.clip(-swing, 0, None) ** 2,
            f"{side}_shoulder_flex": -0.4 * size * swing, f"{side}_elbow": 0.15 - 0.15 * size * swing,
        })  # fmt: skip
    turn = np.sin(phase)
    return _add(
        angles, pelvis_yaw=-0.08 * size * turn, waist_yaw=0.16 * size * turn, waist_pitch=0.03 + 0 * turn
    )


def turn(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Turns round on the spot with small steps, all the way, again and again."""
    angles = _alive(rng, t)
    period, sense = rng.uniform(4.0, 6.0), rng.choice([-1.0, 1.0])
    x = t / period
    # Faster and slower, but never back.
    heading = sense * 2 * np.pi * (x + 0.1 * np.sin(2 * np.pi * x) / (2 * np.pi))
    return _standing(_gait(angles, 2 * np.pi * t / 0.9, size=0.35), t, stage, heading)


def reach(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Reaches with one hand, then the other: forward, up, aside or down, leaning after it."""
    angles = _alive(rng, t)
    period = rng.uniform(2.4, 3.6)
    for side, phase in zip(SIDES, (0.0, 0.5), strict=True):
        out = pulse(t, 2 * period, phase, move=0.15)
        count = np.floor(t / (2 * period) + phase).astype(int)  # a new target each time
        targets = rng.uniform([0.3, 0.0, -0.3], [2.6, 0.9, 0.3], (64, 3))
        flex, abduct, twist = targets[count % len(targets)].T
        lean = np.clip(1.2 - np.abs(flex - 1.2), 0, None) * 0.3
        angles = _add(angles, **{
            f"{side}_shoulder_flex": out * flex, f"{side}_shoulder_abduct": out * abduct,
            f"{side}_shoulder_twist": out * twist, f"{side}_elbow": -0.2 * out,
            "waist_pitch": out * lean, "waist_yaw": (-0.35 if side == "left" else 0.35) * out,
            "pelvis_pitch": 0.3 * out * lean,
        })  # fmt: skip
        for leg in SIDES:
            angles = _add(angles, **{f"{leg}_hip_flex": 0.3 * out * lean})
    return _standing(angles, t, stage)


def wave(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Waves with a raised arm, for a few seconds, then with the other one."""
    angles = _alive(rng, t)
    period, rate, first = rng.uniform(5, 7), rng.uniform(1.0, 1.6), rng.random() < 0.5
    for side, phase in zip(SIDES, (0.0, 0.5) if first else (0.5, 0.0), strict=True):
        up = pulse(t, period, phase, move=0.14)
        angles = _add(angles, **{
            f"{side}_shoulder_abduct": 1.25 * up, f"{side}_shoulder_twist": -1.5 * up,
            f"{side}_elbow": up * (1.3 + 0.45 * np.sin(2 * np.pi * rate * t)), f"{side}_wrist": -0.2 * up,
        })  # fmt: skip
    return _standing(angles, t, stage)


def behind(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Clasps both hands behind the back, lets go, turns a little from side to side."""
    angles = _alive(rng, t)
    clasped = 1 - pulse(t, rng.uniform(6, 9), rng.uniform(0.6, 0.9), move=0.15)
    for side in SIDES:
        angles = _add(angles, **{
            f"{side}_shoulder_flex": -0.5 * clasped, f"{side}_shoulder_abduct": 0.12 * clasped,
            f"{side}_shoulder_twist": 1.15 * clasped, f"{side}_elbow": 0.95 * clasped,
        })  # fmt: skip
    return _standing(angles, t, stage, drift(rng, t, 1.2, 5))


def squat(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Squats and stands up, arms forward for balance."""
    angles = _alive(rng, t)
    low = pulse(t, rng.uniform(3, 4.5), rng.random(), move=0.35) * rng.uniform(0.7, 1.0)
    for side in SIDES:
        angles = _add(angles, **{
            f"{side}_hip_flex": 1.55 * low, f"{side}_knee": 1.75 * low, f"{side}_hip_abduct": 0.15 * low,
            f"{side}_hip_twist": -0.2 * low, f"{side}_shoulder_flex": 1.2 * low,
        })  # fmt: skip
    return _standing(
        _add(angles, pelvis_pitch=0.45 * low, waist_pitch=0.2 * low, head_pitch=-0.4 * low), t, stage
    )


def sit(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Sits on a chair, hands about the lap; stands up and sits down again now and then."""
    angles = _alive(rng, t)
    down = 1 - pulse(t, rng.uniform(7, 10), rng.uniform(0.3, 0.95), move=0.18) * float(rng.random() < 0.6)
    between = 4 * down * (1 - down)  # leans forward on the way
    for side in SIDES:
        gesture = pulse(t, rng.uniform(3, 5), rng.random()) * down
        angles = _add(angles, **{
            f"{side}_hip_flex": 1.42 * down + 0.5 * between, f"{side}_knee": 1.5 * down + 0.12 * between,
            f"{side}_hip_abduct": 0.08 * down, f"{side}_shoulder_flex": down * 0.45 + 0.35 * gesture,
            f"{side}_elbow": down * 0.75 + 0.5 * gesture,
            f"{side}_shoulder_twist": 0.25 * down - 0.3 * gesture,
        })  # fmt: skip
    return _standing(
        _add(angles, pelvis_pitch=-0.12 * down + 0.5 * between, waist_pitch=0.2 * between), t, stage
    )


def cross(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Walks across the picture, behind or before the others, and back."""
    return walk(rng, t, stage)


def edge(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Reaches about, half out of the picture."""
    return reach(rng, t, stage)


MOTIONS: dict[str, Callable[[np.random.Generator, np.ndarray, Stage], Pose]] = {
    motion.__name__: motion for motion in (stand, walk, turn, reach, wave, behind, squat, sit, cross, edge)
}
