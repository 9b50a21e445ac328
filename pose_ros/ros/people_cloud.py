"""People as one message, for those who need them whole: `skeletons/points` and `skeletons/info`.

A PointCloud2 has a row for each joint and each oriented frame of each person, all of one instant, and is
empty when nobody is there: so a robot learns at once that its operator is gone, which TF cannot say. RViz
shows it as it is. `skeletons/info`, latched JSON, names the rows: {"skeleton", "joints", "bones", "frames"};
`part` of a row counts through the joints, then through the frames.
"""

from __future__ import annotations

import json

import numpy as np
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header, String

from pose_ros.errors import FrameError
from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion, quaternion_from_matrix
from pose_ros.ros.clouds import cloud_message, points_of
from pose_ros.ros.conversions import stamp_to_ns
from pose_ros.ros.pose_outputs import POSE_JOINTS
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, TrackState

PLACE, TURN, PIXEL = ("x", "y", "z"), ("qx", "qy", "qz", "qw"), ("u", "v")
SPREAD = ("xx", "xy", "xz", "yy", "yz", "zz")  # covariance, m²
_ROWS, _COLUMNS = np.triu_indices(3)  # of SPREAD in the matrix
ROW = np.dtype(
    [
        *((name, "<f4") for name in (*PLACE, "score", *TURN, *SPREAD, *PIXEL)),
        ("age", "<u4"),
        ("person", "<u2"),  # n of p<n>
        ("part", "<u1"),
        ("origin", "<u1"),  # of Origin
        ("state", "<u1"),  # of TrackState
        ("twist_seen", "<u1"),
    ]
)


def info_message(skeleton: Skeleton) -> String:
    return String(
        data=json.dumps(
            {
                "skeleton": skeleton.name,
                "joints": skeleton.joints,
                "bones": skeleton.bones,
                "frames": POSE_JOINTS,
            }
        )
    )


def people_message(
    people: list[Person], header: Header, root_from_image: RigidTransform | None = None
) -> PointCloud2:
    """All of them, in the frame of the header; pixels stay those of the image."""
    rows = [_rows(person, root_from_image or RigidTransform.identity()) for person in people]
    return cloud_message(np.concatenate(rows) if rows else np.zeros(0, ROW), header)


def _rows(person: Person, root_from_image: RigidTransform) -> np.ndarray:
    flat, solid = person.keypoints2d, person.keypoints3d
    joints = len(solid.skeleton)
    rows = np.zeros(joints + len(POSE_JOINTS), ROW)
    for name in (*PLACE, "score", *TURN, *SPREAD, *PIXEL):
        rows[name] = np.nan
    rows["person"], rows["age"], rows["state"] = int(person.id.removeprefix("p")), person.age, person.state
    rows["part"] = np.arange(len(rows))
    of_joints, of_frames = rows[:joints], rows[joints:]
    _fill(of_joints, PLACE, root_from_image.apply(solid.xyz[0]))
    turn = root_from_image.rotation
    _fill(of_joints, SPREAD, (turn @ solid.covariance[0] @ turn.T)[:, _ROWS, _COLUMNS])
    _fill(of_joints, PIXEL, flat.xy[0])
    of_joints["score"], of_joints["origin"] = solid.score[0], solid.origin[0]
    known = [n for n, name in enumerate(POSE_JOINTS) if name in person.camera_from_joint]
    if known:
        poses = [person.camera_from_joint[POSE_JOINTS[n]] for n in known]
        place = root_from_image.apply(np.stack([pose.translation for pose in poses]))
        rotation = turn @ np.stack([pose.rotation for pose in poses])
        of_frames[known] = _fill(
            _fill(of_frames[known], PLACE, place), TURN, quaternion_from_matrix(rotation)
        )
        of_frames["twist_seen"][known] = [POSE_JOINTS[n] not in person.twist_unobservable for n in known]
    return rows


def _fill(rows: np.ndarray, names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    for name, column in zip(names, values.T, strict=True):
        rows[name] = column
    return rows


class PeopleReader:
    """Messages to People; `skeleton` names what they are made of."""

    def __init__(self, info: String) -> None:
        """FrameError for an info that is not as described above."""
        try:
            told = json.loads(info.data)
            bones = tuple(tuple(bone) for bone in told["bones"])
            self.skeleton = Skeleton(told["skeleton"], tuple(told["joints"]), bones)
            self._frames = tuple(told["frames"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise FrameError(f"skeletons/info cannot be understood: {error!r}") from error

    def __call__(self, message: PointCloud2) -> People:
        """What was published, in the frame of the header: `camera_from_joint` and `xyz` are of that frame.

        Boxes are those of the pixels; the network's root-relative 3D is not in the message. FrameError for
        a cloud that is of something else.
        """
        rows = points_of(message, *ROW.names)
        length = len(self.skeleton) + len(self._frames)
        if len(rows) % length or np.any(rows["part"] != np.arange(len(rows)) % length):
            raise FrameError(f"skeletons/points has {len(rows)} rows, skeletons/info names {length} a person")
        try:
            people = tuple(self._person(part) for part in rows.reshape(-1, length))
        except ValueError as error:  # a state, origin or quaternion that cannot be
            raise FrameError(f"skeletons/points holds what is no person: {error}") from error
        return People(people, stamp_to_ns(message.header.stamp), message.header.frame_id)

    def _person(self, rows: np.ndarray) -> Person:
        of_joints, of_frames = rows[: len(self.skeleton)], rows[len(self.skeleton) :]
        xy, score = _columns(of_joints, PIXEL), of_joints["score"].astype(float)
        covariance = np.empty((len(of_joints), 3, 3))
        covariance[:, _ROWS, _COLUMNS] = covariance[:, _COLUMNS, _ROWS] = _columns(of_joints, SPREAD)
        xyz = _columns(of_joints, PLACE)
        origin = np.where(np.isnan(xyz).any(-1), Origin.UNKNOWN, of_joints["origin"])
        frames = {}
        for name, place, turn in zip(
            self._frames, _columns(of_frames, PLACE), _columns(of_frames, TURN), strict=True
        ):
            if np.isfinite(place).all() and np.isfinite(turn).all():
                frames[name] = RigidTransform(matrix_from_quaternion(turn), place)
        held = [name for name, row in zip(self._frames, of_frames, strict=True) if not row["twist_seen"]]
        return Person(
            f"p{rows['person'][0]}",
            TrackState(int(rows["state"][0])),
            int(rows["age"][0]),
            Keypoints2D(xy[None], score[None], _box(xy)[None], self.skeleton),
            Keypoints3D(xyz[None], score[None], covariance[None], origin[None], self.skeleton),
            frames,
            frozenset(name for name in held if name in frames),
        )


def _columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([rows[name] for name in names], axis=-1).astype(float)


def _box(xy: np.ndarray) -> np.ndarray:
    seen = xy[np.isfinite(xy).all(-1)]
    return np.concatenate([seen.min(0), seen.max(0)]) if len(seen) else np.full(4, np.nan)
