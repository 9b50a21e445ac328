"""People who act, as applications get to see them: Persons before a camera, with a pipeline's errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.human.orient import Orienter
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS, posture_of
from pose_ros.sources.synthetic.motion import Stage
from pose_ros.sources.synthetic.sticks import Sticks
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, Person, TrackState


@dataclass(frozen=True)
class Acted:
    """One person over T frames. postures: T names; into (T,): how far into that posture. up (3,): in the
    people's frame, the camera's. angles: of the motion itself, name -> (T,) rad."""

    persons: list[Person]
    times: np.ndarray
    postures: list[str]
    into: np.ndarray
    up: np.ndarray
    angles: Mapping[str, np.ndarray]

    @property
    def stamps_ns(self) -> list[int]:
        return [round((1.0 + t) * 1e9) for t in self.times]


@dataclass(frozen=True)
class Errors:
    """Of joints, m: new in every frame, and staying alike for a while; and how often a joint is unknown."""

    white: float = 0.008
    slow: float = 0.02
    unknown: float = 0.0
    correlation: float = 0.7  # s


NONE = Errors(0.0, 0.0)


def act(
    motion: str,
    seed: int,
    seconds: float = 6.0,
    rate: float = 15.0,
    errors: Errors = Errors(),
    joints: Mapping[str, np.ndarray] | None = None,
    speed: float = 1.0,
) -> Acted:
    """A stranger of sticks, or one whose `joints` (T,3) m in a world with z up are given, does `motion`.

    The camera stands 0.7 to 1.8 m high, looks down by up to 20 degrees and rolls a little.
    """
    rng = np.random.default_rng([seed, 77])
    times = np.arange(0, seconds, 1 / rate)
    stage = Stage(np.array([rng.uniform(2, 4), rng.uniform(-1, 1)]), rng.uniform(-np.pi, np.pi), (0.8, 1.0))
    pose = ALL_MOTIONS[motion](np.random.default_rng(seed), times * speed, stage)
    if joints is None:
        joints = Sticks.drawn(rng).act(pose)
    camera = camera_at(rng.uniform(0.7, 1.8), rng.uniform(-0.05, 0.35), rng.normal(0, 0.03))
    skeleton = BLAZEPOSE_33 if "left_heel" in joints else COCO_17
    xyz = np.stack([camera.apply(joints[name]) for name in skeleton.joints], axis=1)
    names, into = posture_of(motion, dict(pose.angles))
    persons = as_persons(xyz, times, rng, errors, skeleton)
    return Acted(persons, times, names, into, camera.rotation @ [0.0, 0, 1], pose.angles)


def camera_at(height: float, down: float, roll: float) -> RigidTransform:
    """camera_from_world of a camera above the origin that looks along x and `down` rad."""
    level = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    tilted = rotation_exp(np.array([0, 0, roll])) @ rotation_exp(np.array([down, 0, 0])) @ level
    return RigidTransform(tilted, tilted @ [0.0, 0, -height])


def as_persons(
    xyz: np.ndarray, times: np.ndarray, rng: np.random.Generator, errors: Errors, skeleton: Skeleton
) -> list[Person]:
    """Persons of joints (T,K,3) m in the camera's frame, oriented as the pipeline orients them."""
    slow, keep = rng.normal(size=xyz.shape[1:]), np.ones(len(times))
    keep[1:] = np.exp(-np.diff(times) / errors.correlation)
    noisy = np.empty_like(xyz)
    for t, kept in enumerate(keep):
        slow = kept * slow + np.sqrt(1 - kept**2) * rng.normal(size=slow.shape)
        noisy[t] = xyz[t] + errors.slow * slow + errors.white * rng.normal(size=slow.shape)
    noisy[rng.random(noisy.shape[:2]) < errors.unknown] = np.nan
    orienter = Orienter()
    variance = max(errors.slow**2 + errors.white**2, 1e-6)
    return [
        person_of_joints(points, orienter, 1.0 + t, variance, skeleton)
        for points, t in zip(noisy, times, strict=True)
    ]


def person_of_joints(
    xyz: np.ndarray, orienter: Orienter, stamp: float, variance: float, skeleton: Skeleton, id: str = "p1"
) -> Person:
    """One person of joints (K,3) m, NaN = unknown, whose errors have this variance (m²) a coordinate."""
    known = np.isfinite(xyz).all(-1)
    covariance = np.where(known[:, None, None], np.eye(3) * variance, np.nan)
    origin = np.where(known, Origin.MEASURED, Origin.UNKNOWN)
    points = Keypoints3D(xyz[None], known[None] * 0.9, covariance[None], origin[None], skeleton)
    (oriented,) = orienter(points, [id], stamp)
    depth = np.maximum(np.nan_to_num(xyz[:, 2:], nan=1.0), 0.1)
    flat = Keypoints2D(
        np.nan_to_num(xyz[None, :, :2] / depth * 600 + [320, 240]),
        known[None] * 0.9,
        np.array([[0.0, 0, 640, 480]]),
        skeleton,
    )
    return Person(
        id, TrackState.TRACKED, 9, flat, points, oriented.camera_from_joint, oriented.twist_unobservable
    )


def stacked(acts: Sequence[Acted]) -> list[Person]:
    """Everybody, one after the other."""
    return [person for one in acts for person in one.persons]
