"""More that synthetic people do: exercises, and postures other than standing and sitting.

Angles as in `motion`. Beside them `<side>_ankle`: where it is given the foot hangs from its shank, toes down
by so much, instead of lying level on the floor.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.body.rig import SIDES
from pose_ros.sources.synthetic.arms import ARM_MOTIONS
from pose_ros.sources.synthetic.motion import (
    MOTIONS,
    Angles,
    Pose,
    Stage,
    _add,
    _alive,
    _standing,
    drift,
    pulse,
)

Motion = Callable[[np.random.Generator, np.ndarray, Stage], Pose]


def _lying(angles: Angles, t: np.ndarray, stage: Stage) -> Pose:
    return Pose(np.tile(stage.centre, (len(t), 1)), np.full_like(t, stage.heading), angles, on_feet=False)


def _quiet(angles: Angles, share: float = 0.3) -> Angles:
    """The same with less of everybody's fidgeting."""
    return {name: share * values for name, values in angles.items()}


def lunge(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Steps into a lunge and back, one leg and then the other."""
    angles = _quiet(_alive(rng, t), 0.5)
    period, phase, deep = rng.uniform(3.0, 4.5), rng.random(), rng.uniform(0.85, 1.0)
    low = pulse(t, period, phase, move=0.35) * deep
    turn = np.floor(t / period + phase).astype(int) + int(rng.integers(2))
    for n, side in enumerate(SIDES):
        front, rear = low * (turn % 2 == n), low * (turn % 2 != n)
        angles = _add(angles, **{
            f"{side}_hip_flex": 1.45 * front - 0.22 * rear, f"{side}_knee": 1.5 * front + 1.4 * rear,
            f"{side}_point": 1.2 * rear, f"{side}_elbow": 0.6 * low,
        })  # fmt: skip
    return _standing(_add(angles, waist_pitch=0.08 * low), t, stage)


def push_up(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Push-ups on hands and toes; the body stays straight, the forearms about upright."""
    angles = _quiet(_alive(rng, t), 0.15)
    low = pulse(t, rng.uniform(2.0, 3.6), rng.random(), move=0.35) * rng.uniform(0.85, 1.0)
    elbow = 0.12 + 1.45 * low
    # Shoulders as high above the toes as upper arm and forearm carry them, in lengths of the whole body.
    tilt = np.arcsin((0.19 * np.cos(elbow) + 0.24) / 1.0)
    pitch = np.pi / 2 - tilt
    for side in SIDES:
        angles |= {
            f"{side}_shoulder_flex": pitch - elbow, f"{side}_elbow": elbow,
            f"{side}_shoulder_abduct": 0.12 + 0.5 * low, f"{side}_shoulder_twist": 0.25 * low,
            f"{side}_wrist": np.full_like(t, -1.2), f"{side}_hip_flex": 0.03 + drift(rng, t, 0.04),
            f"{side}_hip_abduct": np.full_like(t, 0.06), f"{side}_hip_twist": np.zeros_like(t),
            f"{side}_knee": 0.04 + drift(rng, t, 0.03), f"{side}_ankle": np.full_like(t, -0.1),
        }  # fmt: skip
    return _lying(_add(angles, pelvis_pitch=pitch, head_pitch=-0.3 + 0 * t), t, stage)


def arm_raise(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Raises one arm, or both, over the head: sideways, forward, or between."""
    angles = _quiet(_alive(rng, t), 0.5)
    up = pulse(t, rng.uniform(2.2, 4.0), rng.random(), move=0.38) * rng.uniform(0.9, 1.0)
    way, who = rng.uniform(0, np.pi / 2), rng.choice([(1, 0), (0, 1), (1, 1), (1, 1)])
    for side, moves in zip(SIDES, who, strict=True):
        lift = 2.7 * up * moves
        # Flexed first and then abducted: the arm goes up in the plane `way` off the side.
        forward = np.sin(lift) * np.sin(way)
        angles = _add(angles, **{
            f"{side}_shoulder_flex": np.arctan2(forward, np.cos(lift)) * (way > 0.5),
            f"{side}_shoulder_abduct": np.where(way > 0.5, np.arcsin(np.sin(lift) * np.cos(way)), lift),
            f"{side}_elbow": -0.25 * up * moves,
        })  # fmt: skip
    return _standing(angles, t, stage)


def lie(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Lies on the floor: on the back, now and then with knees drawn up, on the belly, or on a side."""
    angles = _quiet(_alive(rng, t), 0.4)
    how = rng.choice(["back", "back", "belly", "side"])
    drawn = pulse(t, rng.uniform(5, 8), rng.random(), move=0.2) * rng.choice([0.0, 1.0]) * (how == "back")
    sense = rng.choice([-1.0, 1.0])
    along = rng.uniform(-0.5, 0.5) + (np.pi if rng.random() < 0.5 else 0.0) + np.pi / 2
    for side in SIDES:
        rest = {"back": rng.uniform(0.0, 0.3), "belly": rng.uniform(0.0, 0.2), "side": rng.uniform(0.3, 1.2)}
        angles = _add(angles, **{
            f"{side}_hip_flex": rest[how] * (how != "belly") + 0.8 * drawn,
            f"{side}_knee": rest[how] * 1.2 + 1.5 * drawn,
            f"{side}_ankle": np.full_like(t, rng.uniform(0.3, 0.9)) - 0.5 * drawn,
            # On a side the arms lie before the body: aside, the lower one would be under it.
            f"{side}_shoulder_abduct": np.full_like(t, rng.uniform(0.0, 0.9) * (how != "side")),
            f"{side}_shoulder_flex": np.full_like(t, rng.uniform(0.3, 1.3) * (how == "side")),
            f"{side}_elbow": np.full_like(t, rng.uniform(0.0, 0.9)),
        })  # fmt: skip
    pitch = {"back": -np.pi / 2, "belly": np.pi / 2, "side": -np.pi / 2}[how]
    roll = sense * np.pi / 2 * rng.uniform(0.85, 1.0) if how == "side" else rng.uniform(-0.15, 0.15)
    still = np.ones_like(t)
    # Pitched down first, then rolled about the body's own length, which pitch has laid along x.
    spun = {"pelvis_pitch": pitch * still, "pelvis_yaw": along * still}
    angles = _add({name: v for name, v in angles.items() if name not in ("pelvis_yaw",)}, **spun)
    return _rolled(_lying(angles, t, stage), roll)


def _rolled(pose: Pose, roll: float) -> Pose:
    """The lying body turned about its own length by `roll`."""
    names = [f"pelvis_{axis}" for axis in ("yaw", "pitch", "roll")]
    turned = np.stack([np.broadcast_to(pose.angles.get(n, 0.0), pose.heading.shape) for n in names], axis=-1)
    both = Rotation.from_euler("ZYX", turned) * Rotation.from_euler("Z", roll)
    angles = dict(pose.angles) | dict(zip(names, both.as_euler("ZYX").T, strict=True))
    return Pose(pose.position, pose.heading, angles, pose.on_feet)


def kneel(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Kneels on both knees, upright or sitting on the heels, or on one; stands up now and then."""
    angles = _quiet(_alive(rng, t), 0.6)
    down = 1 - pulse(t, rng.uniform(7, 10), rng.uniform(0.3, 0.95), move=0.18) * float(rng.random() < 0.6)
    how, front = rng.choice(["tall", "heels", "half"]), rng.choice(tuple(SIDES))
    for side in SIDES:
        hip, knee, toes = {"tall": (0.02, 1.5, 1.1), "heels": (1.25, 2.55, 1.3), "half": (-0.05, 1.5, 0.9)}[
            str(how)
        ]
        if how == "half" and side == front:
            hip, knee, toes = 1.45, 1.5, 0.0
        angles = _add(angles, **{
            f"{side}_hip_flex": hip * down, f"{side}_knee": knee * down, f"{side}_hip_abduct": 0.08 * down,
            f"{side}_shoulder_flex": 0.25 * down, f"{side}_elbow": 0.5 * down,
            **({f"{side}_ankle": toes * down} if toes else {}),
        })  # fmt: skip
    return _lying(angles, t, stage)


def bend(rng: np.random.Generator, t: np.ndarray, stage: Stage) -> Pose:
    """Bends forward on straight legs as if to pick something up, stays a moment, stands up."""
    angles = _quiet(_alive(rng, t), 0.7)
    low = pulse(t, rng.uniform(4, 6), rng.random(), move=0.22) * rng.uniform(0.85, 1.0)
    hips, back, knees = rng.uniform(0.75, 1.15), rng.uniform(0.35, 0.6), rng.uniform(0.0, 0.3)
    hang = rng.uniform(0.7, 1.1)
    for side in SIDES:
        angles = _add(angles, **{
            f"{side}_hip_flex": (hips + 0.4 * knees) * low, f"{side}_knee": knees * low,
            f"{side}_shoulder_flex": hang * (hips + back) * low, f"{side}_elbow": -0.25 * low,
        })  # fmt: skip
    return _standing(
        _add(angles, pelvis_pitch=hips * low, waist_pitch=back * low, head_pitch=-0.3 * low), t, stage
    )


EXERCISES: dict[str, Motion] = {
    motion.__name__: motion for motion in (lunge, push_up, arm_raise, lie, kneel, bend)
}
# Whatever is asked for by name. A cast of "mixed" people is drawn from MOTIONS alone.
ALL_MOTIONS: dict[str, Motion] = MOTIONS | EXERCISES | ARM_MOTIONS
# Motion -> the posture it goes into, and how far (0 to 1) into it these angles are.
_INTO: dict[str, tuple[str, Callable[[Angles], np.ndarray]]] = {
    "squat": ("squatting", lambda a: a["left_knee"] / 1.4),
    "sit": ("sitting", lambda a: a["left_knee"] / 1.5),
    "lunge": ("squatting", lambda a: a["left_knee"] / 1.35),
    "kneel": ("kneeling", lambda a: a["left_knee"] / 1.5),
    "bend": ("bending", lambda a: (a["pelvis_pitch"] + a["waist_pitch"]) / 1.25),
    "push_up": ("plank", lambda a: np.ones_like(a["left_knee"])),
    "lie": ("lying", lambda a: np.ones_like(a["left_knee"])),
}  # fmt: skip


def posture_of(motion: str, angles: Angles) -> tuple[list[str], np.ndarray]:
    """Name of the posture at every time, and how far (T,) into it the person is: 0 standing, 1 there."""
    if motion not in _INTO:
        size = np.shape(angles["head_yaw"])
        return ["standing"] * size[0], np.zeros(size)
    name, into = _INTO[motion]
    far = np.clip(into(angles), 0, 1)
    return [name if share > 0.5 else "standing" for share in far], far
