"""People as rows of one table, for those who need them whole: `skeletons/points` and `skeletons/info`.

A PointCloud2 has a row for each joint and each oriented frame of each person, all of one instant, and is
empty when nobody is there: so a robot learns at once that its operator is gone, which TF cannot say. RViz
shows it as it is. `skeletons/info`, latched JSON, names the rows: {"skeleton", "joints", "bones", "frames"};
`part` of a row counts through the joints, then through the frames.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pose_ros.errors import FrameError
from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion, quaternion_from_matrix
from pose_ros.point_clouds import columns, points_of
from pose_ros.skeleton import PERSON_FRAMES, Skeleton
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


def info_text(skeleton: Skeleton) -> str:
    """What `skeletons/info` says of people of this skeleton."""
    told = {
        "skeleton": skeleton.name,
        "joints": skeleton.joints,
        "bones": skeleton.bones,
        "frames": PERSON_FRAMES,
    }
    return json.dumps(told)


def rows_of(person: Person, root_from_image: RigidTransform | None = None) -> np.ndarray:
    """(parts,) of ROW, in the frame `root`; pixels stay those of the image."""
    root_from_image = root_from_image or RigidTransform.identity()
    flat, solid = person.keypoints2d, person.keypoints3d
    joints = len(solid.skeleton)
    rows = np.zeros(joints + len(PERSON_FRAMES), ROW)
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
    known = [n for n, name in enumerate(PERSON_FRAMES) if name in person.camera_from_joint]
    if known:
        poses = [person.camera_from_joint[PERSON_FRAMES[n]] for n in known]
        place = root_from_image.apply(np.stack([pose.translation for pose in poses]))
        rotation = turn @ np.stack([pose.rotation for pose in poses])
        of_frames[known] = _fill(
            _fill(of_frames[known], PLACE, place), TURN, quaternion_from_matrix(rotation)
        )
        of_frames["twist_seen"][known] = [PERSON_FRAMES[n] not in person.twist_unobservable for n in known]
    return rows


def _fill(rows: np.ndarray, names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    for name, column in zip(names, values.T, strict=True):
        rows[name] = column
    return rows


class PeopleReader:
    """Messages to People; `skeleton` names what they are made of."""

    def __init__(self, info: str) -> None:
        """FrameError for an info that is not as described above."""
        try:
            told = json.loads(info)
            bones = tuple(tuple(bone) for bone in told["bones"])
            self.skeleton = Skeleton(told["skeleton"], tuple(told["joints"]), bones)
            self.frames = tuple(told["frames"])
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise FrameError(f"skeletons/info cannot be understood: {error!r}") from error

    def __call__(self, message: Any) -> People:
        """What was published as a PointCloud2: `camera_from_joint` and `xyz` are of the frame of its header.

        Boxes are those of the pixels; the network's root-relative 3D is not in the message. FrameError for
        a cloud that is of something else.
        """
        rows = points_of(message, *ROW.names)
        length = len(self.skeleton) + len(self.frames)
        if len(rows) % length or np.any(rows["part"] != np.arange(len(rows)) % length):
            raise FrameError(f"skeletons/points has {len(rows)} rows, skeletons/info names {length} a person")
        try:
            people = tuple(self._person(part) for part in rows.reshape(-1, length))
        except ValueError as error:  # a state, origin or quaternion that cannot be
            raise FrameError(f"skeletons/points holds what is no person: {error}") from error
        stamp = message.header.stamp
        return People(people, stamp.sec * 10**9 + stamp.nanosec, message.header.frame_id)

    def _person(self, rows: np.ndarray) -> Person:
        of_joints, of_frames = rows[: len(self.skeleton)], rows[len(self.skeleton) :]
        xy, score = columns(of_joints, PIXEL), of_joints["score"].astype(float)
        covariance = np.empty((len(of_joints), 3, 3))
        covariance[:, _ROWS, _COLUMNS] = covariance[:, _COLUMNS, _ROWS] = columns(of_joints, SPREAD)
        xyz = columns(of_joints, PLACE)
        origin = np.where(np.isnan(xyz).any(-1), Origin.UNKNOWN, of_joints["origin"])
        frames = {}
        for name, place, turn in zip(
            self.frames, columns(of_frames, PLACE), columns(of_frames, TURN), strict=True
        ):
            if np.isfinite(place).all() and np.isfinite(turn).all():
                frames[name] = RigidTransform(matrix_from_quaternion(turn), place)
        held = [name for name, row in zip(self.frames, of_frames, strict=True) if not row["twist_seen"]]
        return Person(
            f"p{rows['person'][0]}",
            TrackState(int(rows["state"][0])),
            int(rows["age"][0]),
            Keypoints2D(xy[None], score[None], _box(xy)[None], self.skeleton),
            Keypoints3D(xyz[None], score[None], covariance[None], origin[None], self.skeleton),
            frames,
            frozenset(name for name in held if name in frames),
        )


def _box(xy: np.ndarray) -> np.ndarray:
    seen = xy[np.isfinite(xy).all(-1)]
    return np.concatenate([seen.min(0), seen.max(0)]) if len(seen) else np.full(4, np.nan)
