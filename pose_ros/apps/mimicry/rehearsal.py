"""Operators who do not exist, to rehearse a robot without a camera: random arms, losses, crossings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, TrackState

SHOULDER, UPPER, FORE = 0.18, 0.29, 0.26  # m: half the shoulders' width, upper arm, forearm
# Shoulder flexion (forward), abduction (outward), inward twist, elbow flexion, in degrees: what arms do.
LOW, HIGH = np.array([-40.0, -15, -60, 0]), np.array([150.0, 130, 80, 145])
OPTICAL_FROM_WORLD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])  # a camera that looks along x, REP-103


def random_arm(rng: np.random.Generator) -> np.ndarray:
    """Angles (4,) rad of an arm, as in LOW and HIGH."""
    return np.radians(rng.uniform(LOW, HIGH))


def arm_frames(angles: np.ndarray, side: str) -> dict[str, RigidTransform]:
    """Shoulder, elbow and wrist of an arm (4,) rad, in the chest's frame."""
    flex, abduct, twist, elbow = angles
    sign = 1.0 if side == "left" else -1.0
    shoulder = Rotation.from_euler("YXZ", [-flex, sign * abduct, -sign * twist]).as_matrix()
    fore = shoulder @ Rotation.from_euler("Y", -elbow).as_matrix()
    start = np.array([0, sign * SHOULDER, 0])
    middle = start + shoulder @ [0, 0, -UPPER]
    end = middle + fore @ [0, 0, -FORE]
    poses = ((shoulder, start), (fore, middle), (fore, end))
    return {f"{side}_{joint}": RigidTransform(*pose)
            for joint, pose in zip(("shoulder", "elbow", "wrist"), poses, strict=True)}  # fmt: skip


def make_person(
    id: str, world_from_chest: RigidTransform, left: np.ndarray, right: np.ndarray, grip: float = 1.0,
    head: np.ndarray | None = None, state: TrackState = TrackState.TRACKED,
) -> Person:  # fmt: skip
    """Somebody with these arms (4,) rad, hands open by `grip` in [0,1], head at yaw, pitch, roll (3,) rad."""
    turn = Rotation.from_euler("ZYX", np.zeros(3) if head is None else head).as_matrix()
    frames = {"neck": RigidTransform.identity(), "head": RigidTransform(turn, [0, 0, 0.2])}
    frames["body"] = RigidTransform(np.eye(3), [0, 0, -0.5])
    frames |= arm_frames(left, "left") | arm_frames(right, "right")
    points = {name: frame.translation for name, frame in frames.items() if name in BLAZEPOSE_33.joints}
    for side in ("left", "right"):
        hand = frames[f"{side}_wrist"]
        for part, at in (("index", [0.03, 0, -0.09]), ("pinky", [-0.03, 0, -0.08]),
                         ("thumb", [0.04 + 0.05 * grip, 0, -0.08])):  # fmt: skip
            points[f"{side}_{part}"] = hand.apply(np.array(at))
    for name, at in (
        ("nose", [0.1, 0, 0]),
        ("left_eye", [0.08, 0.03, 0.03]),
        ("right_eye", [0.08, -0.03, 0.03]),
    ):
        points[name] = frames["head"].apply(np.array(at))
    camera = RigidTransform(OPTICAL_FROM_WORLD, np.zeros(3)) @ world_from_chest
    k = len(BLAZEPOSE_33)
    xyz = np.full((1, k, 3), np.nan)
    for name, point in points.items():
        xyz[0, BLAZEPOSE_33.index(name)] = camera.apply(point)
    known = np.isfinite(xyz).all(-1)
    cloud = Keypoints3D(
        xyz, known * 0.9, np.broadcast_to(np.eye(3) * 1e-4, (1, k, 3, 3)).copy(),
        np.where(known, Origin.MEASURED, Origin.UNKNOWN), BLAZEPOSE_33,
    )  # fmt: skip
    flat = Keypoints2D(np.zeros((1, k, 2)), known * 0.9, np.zeros((1, 4)), BLAZEPOSE_33)
    return Person(id, state, 10, flat, cloud, {name: camera @ frame for name, frame in frames.items()})


class Arm:
    """Goes from one random pose to the next, each way with no jump in speed, at most `speed` rad/s."""

    def __init__(self, rng: np.random.Generator, speed: float) -> None:
        self._rng, self._speed = rng, speed
        self._from = self._to = random_arm(rng)
        self._start = self._end = 0.0

    def __call__(self, t: float) -> np.ndarray:
        while t >= self._end:
            self._from, self._to, self._start = self._to, random_arm(self._rng), self._end
            fastest = self._speed * self._rng.uniform(0.2, 1.0)
            self._end = self._start + 0.2 + 1.5 * np.abs(self._to - self._from).max() / fastest
        x = (t - self._start) / (self._end - self._start)
        return self._from + (self._to - self._from) * x * x * (3 - 2 * x)


def crossing_people(
    seed: int, seconds: float, rate: float = 30.0, speed: float = 3.0, swaps: bool = True
) -> Iterator[tuple[float, People, str, bool]]:
    """Frames of an operator `p1` and somebody `p2` who crosses: (time s, people, who `p1` really is, is it a
    good sight of the operator).

    The operator is hidden, predicted, partly unknown or not finite now and then; frames come late or not at
    all; with `swaps` the ids change bodies for a while, as bad tracking would have it.
    """
    rng = np.random.default_rng(seed)
    arms = [[Arm(rng, speed), Arm(rng, speed)] for _ in range(2)]
    phases = rng.uniform(0, 2 * np.pi, 6)
    event, until, t = "", 0.0, 0.0
    upcoming = 8.0
    while t < seconds:
        t += 1 / rate + (rng.uniform(0, 0.02) if rng.random() < 0.1 else 0.0)
        if t >= until and event:
            event, upcoming = "", t + rng.uniform(2.0, 8.0)
        if not event and t >= upcoming:
            names = ["absent", "lost", "nan", "no wrist", "silence", *(["swap"] if swaps else [])]
            event = str(rng.choice(names))
            until = t + rng.choice([0.05, rng.uniform(0.1, 2.5)])
        if event == "silence":
            continue
        places = [
            RigidTransform(
                Rotation.from_euler("Z", 3.1 + 0.4 * np.sin(0.3 * t + phases[2 * n])).as_matrix(),
                [2.0 + 0.9 * n, (0.2, 1.2)[n] * np.sin((0.2, 0.7)[n] * t + phases[2 * n + 1]), 1.4],
            )
            for n in range(2)
        ]
        bodies = [1, 0] if event == "swap" else [0, 1]
        people = [
            make_person(
                f"p{n + 1}", places[body], arms[body][0](t), arms[body][1](t), 0.5 + 0.5 * np.sin(t),
                state=TrackState.LOST if event == "lost" and n == 0 else TrackState.TRACKED,
            )
            for n, body in enumerate(bodies)
        ]  # fmt: skip
        if event == "nan":
            people[0].camera_from_joint["right_wrist"].translation[:] = np.nan
        if event == "no wrist":
            del people[0].camera_from_joint["right_wrist"]
        if event == "absent":
            people = people[1:]
        frame = People(tuple(people), round(t * 1e9), "camera")
        yield t, frame, "p2's body" if event == "swap" else "p1's body", event == ""
