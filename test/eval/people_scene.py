"""Two people who walk, as truth, and what a tracker that knew it all would answer."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.eval.tracks import TrackedPose
from pose_ros.geometry.rigid import matrix_from_quaternion
from pose_ros.skeleton import COCO_17
from pose_ros.sources.truth import PeopleTruth, PersonTruth

# Height above the hips and distance to the left of each kind of joint, m.
PLACES = {
    "nose": (0.7, 0), "eye": (0.73, 0.03), "ear": (0.7, 0.07), "shoulder": (0.5, 0.2), "elbow": (0.25, 0.3),
    "wrist": (0.1, 0.4), "hip": (0, 0.15), "knee": (-0.45, 0.17), "ankle": (-0.9, 0.2),
}  # fmt: skip
FRAMES = 10


def body(place, hidden=(), id=0):
    """A person who faces the camera, hips at place (3,) m; the joints named in `hidden` are not visible."""
    joints = {}
    for name in COCO_17.joints:
        side = 1 if "left" in name else -1
        up, out = PLACES[name.split("_")[-1]]
        joints[name] = np.array(place) + (side * out, -up, 0)
    rotations = {name: Rotation.random(rng=k).as_quat() for k, name in enumerate(("pelvis", "left_elbow"))}
    return PersonTruth(id, joints, {name: name not in hidden for name in joints}, rotations)


def walk(frames=FRAMES, hidden=()):
    """Person 7 goes right, person 8 left, 1.6 m apart at first."""
    return PeopleTruth(
        {
            f"{n:05d}": (
                body((-0.8 + 0.02 * n, 0, 2.5), hidden, id=7),
                body((0.8 - 0.02 * n, 0, 3.0), hidden, id=8),
            )
            for n in range(frames)
        }
    )


def perfect(person: PersonTruth) -> TrackedPose:
    names = {"pelvis": "body", "left_elbow": "left_elbow"}
    return TrackedPose(
        dict(person.joints), {names[k]: matrix_from_quaternion(q) for k, q in person.rotations.items()}
    )


def tracks_of(truth: PeopleTruth, change=lambda key, person, pose: pose):
    """The perfect answer, changed by `change(key, person, pose)` (None = not found); ids "p7", "p8"."""
    return {
        key: {
            f"p{person.id}": pose
            for person in people
            if (pose := change(key, person, perfect(person))) is not None
        }
        for key, people in truth.frames.items()
    }
