"""A person built from the frames of human_description: what is bent by how much is known by construction."""

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import BLAZEPOSE_33, Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, Person, TrackState

# Frame -> parent and place in it, m, in REP-155's axes: x forward, y left, z up, limbs along -z.
FRAMES = {
    "body": ("", (0, 0, 0)), "neck": ("body", (0, 0, 0.45)), "head": ("neck", (0, 0, 0.2)),
    "left_shoulder": ("neck", (0, 0.18, 0)), "left_elbow": ("left_shoulder", (0, 0, -0.3)),
    "left_wrist": ("left_elbow", (0, 0, -0.25)),
    "left_hip": ("body", (0, 0.1, 0)), "left_knee": ("left_hip", (0, 0, -0.42)),
    "left_ankle": ("left_knee", (0, 0, -0.4)),
}  # fmt: skip
# What else an estimator sees, at its frame.
POINTS = {
    "nose": ("head", (0.1, 0, -0.05)), "left_eye": ("head", (0.08, 0.03, 0.02)),
    "left_eye_inner": ("head", (0.08, 0.02, 0.02)), "left_eye_outer": ("head", (0.07, 0.045, 0.02)),
    "left_ear": ("head", (0, 0.08, 0)), "mouth_left": ("head", (0.08, 0.025, -0.09)),
    "left_index": ("left_wrist", (0.035, 0, -0.09)), "left_pinky": ("left_wrist", (-0.035, 0, -0.09)),
    "left_thumb": ("left_wrist", (0.06, 0, -0.05)),
    "left_heel": ("left_ankle", (-0.05, 0, -0.07)), "left_foot_index": ("left_ankle", (0.17, 0, -0.07)),
}  # fmt: skip


def swap(name: str) -> str:
    """The same on the other side."""
    return name.replace("left", "#").replace("right", "left").replace("#", "right")


def _both_sides(table):
    mirrored = {swap(name): (swap(parent), (x, -y, z)) for name, (parent, (x, y, z)) in table.items()}
    return {name: mirrored[name] if name not in table else table[name] for name in {**table, **mirrored}}


FRAMES, POINTS = _both_sides(FRAMES), _both_sides(POINTS)
# The body frame of someone who stands before a level camera, two metres away, and faces it.
FACING = RigidTransform(np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]), np.array([0.2, 0.1, 2.0]))


def turn(axis: str, degrees: float) -> np.ndarray:
    return Rotation.from_euler(axis, degrees, degrees=True).as_matrix()


T_POSE = {"left_shoulder": turn("x", 90), "right_shoulder": turn("x", -90)}


def random_bends(seed: int) -> dict[str, np.ndarray]:
    """Every frame but the body's turned in its parent by up to some 60 degrees."""
    rng = np.random.default_rng(seed)
    return {
        name: Rotation.from_rotvec(rng.normal(size=3) * 0.5).as_matrix() for name in FRAMES if name != "body"
    }


def articulated(
    bends: dict[str, np.ndarray] | None = None,
    camera_from_body: RigidTransform = FACING,
    skeleton: Skeleton = BLAZEPOSE_33,
    unknown: tuple[str, ...] = (),
    id: str = "p1",
    age: int = 5,
    **more,
) -> Person:
    """bends: frame -> rotation in its parent. unknown: joints without position, frames there are none of."""
    frames: dict[str, RigidTransform] = {}
    for name, (parent, place) in FRAMES.items():
        local = RigidTransform((bends or {}).get(name, np.eye(3)), np.array(place, float))
        frames[name] = frames[parent] @ local if parent else camera_from_body @ local
    points = {name: pose.translation for name, pose in frames.items()}
    points |= {name: frames[frame].apply(np.array(place, float)) for name, (frame, place) in POINTS.items()}
    nowhere = np.full(3, np.nan)
    xyz = np.array([nowhere if joint in unknown else points[joint] for joint in skeleton.joints])[None]
    score = np.linspace(0.5, 1.0, len(skeleton))[None]
    known = ~np.isnan(xyz).any(-1)
    covariance = np.tile(np.diag([1e-4, 1e-4, 4e-4]), (1, len(skeleton), 1, 1))
    return Person(
        id=id,
        state=TrackState.TRACKED,
        age=age,
        keypoints2d=Keypoints2D(
            xyz[..., :2] / np.maximum(xyz[..., 2:], 0.1) * 500,
            score,
            np.array([[0.0, 0, 640, 480]]),
            skeleton,
        ),
        keypoints3d=Keypoints3D(
            xyz,
            np.where(known, score, 0.0),
            np.where(known[..., None, None], covariance, np.nan),
            np.where(known, Origin.MEASURED, Origin.UNKNOWN),
            skeleton,
        ),
        camera_from_joint={name: pose for name, pose in frames.items() if name not in unknown},
        **more,
    )


MIRROR = np.diag([-1.0, 1, 1])  # the camera's left and right exchanged


def mirrored(person: Person) -> Person:
    """The same person in a mirror beside the camera."""
    points = person.keypoints3d
    order = points.skeleton.indices(*(swap(joint) for joint in points.skeleton.joints))
    frames = {
        # Axes are mirrored, too; the left axis of a mirrored body is the image of the right one.
        swap(name): RigidTransform(MIRROR @ pose.rotation @ np.diag([1.0, -1, 1]), MIRROR @ pose.translation)
        for name, pose in person.camera_from_joint.items()
    }
    return Person(
        person.id, person.state, person.age, person.keypoints2d,
        Keypoints3D(
            (points.xyz @ MIRROR)[:, order], points.score[:, order],
            (MIRROR @ points.covariance @ MIRROR)[:, order], points.origin[:, order], points.skeleton,
        ),
        frames,
        frozenset(map(swap, person.twist_unobservable)),
    )  # fmt: skip
