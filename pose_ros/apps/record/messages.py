"""Messages to types, without ROS: rclpy and rosbags give the same names to the same fields."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pose_ros.encodings import decode_compressed_image, decode_image
from pose_ros.errors import FrameError
from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, TrackState

# sensor_msgs/PointField's numbers of its types
_FIELDS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
_PLACE, _TURN = ("x", "y", "z"), ("qx", "qy", "qz", "qw")
_SPREAD = ("xx", "xy", "xz", "yy", "yz", "zz")
_ROWS, _COLUMNS = np.triu_indices(3)  # of _SPREAD in the matrix
_NEEDED = (
    *_PLACE,
    *_TURN,
    *_SPREAD,
    "u",
    "v",
    "score",
    "age",
    "person",
    "part",
    "origin",
    "state",
    "twist_seen",
)


def stamp_of(message: Any) -> int | None:
    """header.stamp in ns; None where there is none, or it was not set."""
    header = getattr(message, "header", None)
    if header is None:
        return None
    return header.stamp.sec * 10**9 + header.stamp.nanosec or None


def picture_of(message: Any) -> np.ndarray:
    """(H,W,3) uint8 of sensor_msgs/Image or CompressedImage."""
    m = message
    if hasattr(m, "format"):
        return decode_compressed_image(m.data, m.format)
    return decode_image(m.data, m.height, m.width, m.encoding, m.step, bool(m.is_bigendian))


def poses_of_objects(message: Any) -> list[tuple[str, str, float, np.ndarray]]:
    """(id, label, score, x y z qx qy qz qw) of each detection of a Detection3DArray that has a pose."""
    found = []
    for detection in message.detections:
        for result in list(detection.results)[:1]:
            p, q = result.pose.pose.position, result.pose.pose.orientation
            pose = np.array([p.x, p.y, p.z, q.x, q.y, q.z, q.w])
            if np.isfinite(pose).all() and np.linalg.norm(pose[3:]) > 0.5:
                found.append((detection.id, result.hypothesis.class_id, float(result.hypothesis.score), pose))
    return found


class PeopleInfo:
    """`skeletons/info`: what the rows of `skeletons/points` are."""

    def __init__(self, text: str) -> None:
        try:
            told = json.loads(text)
            bones = tuple(tuple(bone) for bone in told["bones"])
            self.skeleton = Skeleton(told["skeleton"], tuple(told["joints"]), bones)
            self.frames: tuple[str, ...] = tuple(told["frames"])
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"skeletons/info cannot be understood: {error!r}") from error

    def people(self, message: Any) -> People:
        """The people of one `skeletons/points`; FrameError for a cloud of something else."""
        rows = _points(message)
        length = len(self.skeleton) + len(self.frames)
        if len(rows) % length or np.any(rows["part"] != np.arange(len(rows)) % length):
            raise FrameError(f"skeletons/points has {len(rows)} rows, skeletons/info names {length} a person")
        try:
            people = tuple(self._person(part) for part in rows.reshape(-1, length))
        except ValueError as error:  # a state, an origin or a quaternion that cannot be
            raise FrameError(f"skeletons/points holds what is no person: {error}") from error
        return People(people, stamp_of(message) or 0, message.header.frame_id)

    def _person(self, rows: np.ndarray) -> Person:
        joints, frames = rows[: len(self.skeleton)], rows[len(self.skeleton) :]
        xyz, pixels, score = (
            _columns(joints, _PLACE),
            _columns(joints, ("u", "v")),
            _columns(joints, ("score",)),
        )
        covariance = np.empty((len(joints), 3, 3))
        covariance[:, _ROWS, _COLUMNS] = covariance[:, _COLUMNS, _ROWS] = _columns(joints, _SPREAD)
        origin = np.where(np.isnan(xyz).any(axis=-1), Origin.UNKNOWN, joints["origin"])
        places, turns = _columns(frames, _PLACE), _columns(frames, _TURN)
        known = np.isfinite(places).all(axis=1) & np.isfinite(turns).all(axis=1)
        poses = {
            self.frames[n]: RigidTransform(matrix_from_quaternion(turns[n]), places[n])
            for n in np.flatnonzero(known)
        }
        hidden = frozenset(self.frames[n] for n in np.flatnonzero(known & (frames["twist_seen"] == 0)))
        seen = pixels[np.isfinite(pixels).all(axis=-1)]
        box = np.concatenate([seen.min(axis=0), seen.max(axis=0)]) if len(seen) else np.full(4, np.nan)
        return Person(
            f"p{rows['person'][0]}",
            TrackState(int(rows["state"][0])),
            int(rows["age"][0]),
            Keypoints2D(pixels[None], score.T, box[None], self.skeleton),
            Keypoints3D(xyz[None], score.T, covariance[None], origin[None], self.skeleton),
            poses,
            hidden,
        )


def nobody(message: Any) -> People:
    return People((), stamp_of(message) or 0, message.header.frame_id)


def _points(message: Any) -> np.ndarray:
    """(N,) structured view of a PointCloud2."""
    names = [field.name for field in message.fields]
    if missing := [name for name in _NEEDED if name not in names]:
        raise FrameError(f"point cloud without {', '.join(missing)}; it has: {', '.join(names) or 'nothing'}")
    order = ">" if message.is_bigendian else "<"
    kind = np.dtype(
        {
            "names": names,
            "formats": [order + _FIELDS[field.datatype] for field in message.fields],
            "offsets": [field.offset for field in message.fields],
            "itemsize": message.point_step,
        }
    )
    count = message.width * message.height
    if len(message.data) != count * message.point_step:
        raise FrameError(
            f"point cloud of {count} points of {message.point_step} bytes has {len(message.data)}"
        )
    return np.frombuffer(message.data, kind, count)


def _columns(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    return np.stack([rows[name] for name in names], axis=-1).astype(float)
