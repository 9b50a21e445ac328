"""What the tests record: a person, joints, pictures whose values are known, in bags made without ROS."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from rosbags.typesys import Stores, get_typestore

from pose_ros.apps.record.bag import BagTopic, BagWriter
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, TrackState

STORE = get_typestore(Stores.ROS2_JAZZY)
T = STORE.types
S = 10**9
START = 1_700_000_000 * S
HEIGHT, WIDTH = 48, 64
JOINTS = ("shoulder", "elbow")
FRAMES = ("body", "head", "left_elbow")
PLACES = {  # optical frame: x right, y down, z away; metres from the middle of the hips
    "nose": (0.0, -0.7, 0.0),
    "left_shoulder": (0.2, -0.5, 0.0),
    "right_shoulder": (-0.2, -0.5, 0.0),
    "left_wrist": (0.3, 0.1, -0.1),
    "right_wrist": (-0.3, 0.1, -0.1),
    "left_thumb": (0.3, 0.15, -0.1),
    "left_index": (0.36, 0.23, -0.1),
    "right_thumb": (-0.3, 0.15, -0.1),
    "right_index": (-0.3, 0.15, -0.1),
    "left_hip": (0.1, 0.0, 0.0),
    "right_hip": (-0.1, 0.0, 0.0),
}


def person(
    id: str = "p1",
    hand_up: bool = False,
    distance: float = 2.0,
    state: TrackState = TrackState.TRACKED,
    turn: np.ndarray | None = None,
) -> Person:
    """turn: rotation (3,3) of the whole body about its hips, for bodies that do not stand upright."""
    xyz = np.tile([0.0, 0.4, 0.0], (33, 1))
    for name, place in PLACES.items():
        xyz[BLAZEPOSE_33.index(name)] = place
    if hand_up:
        xyz[BLAZEPOSE_33.index("left_wrist")] = (0.3, -1.0, 0.0)
    xyz = xyz @ (np.eye(3) if turn is None else turn).T + (0, 0.2, distance)
    rotations = [rotation_exp(np.array([0.1 * n, distance, 0])) for n in range(len(FRAMES))]
    return Person(
        id,
        state,
        10,
        Keypoints2D(np.full((1, 33, 2), 100.0), np.full((1, 33), 0.9), np.full((1, 4), 100.0), BLAZEPOSE_33),
        Keypoints3D(
            xyz[None],
            np.full((1, 33), 0.9),
            np.tile(np.eye(3) * 1e-4, (1, 33, 1, 1)),
            np.full((1, 33), Origin.MEASURED),
            BLAZEPOSE_33,
        ),
        {
            name: RigidTransform(turn, xyz[n])
            for n, (name, turn) in enumerate(zip(FRAMES, rotations, strict=True))
        },
    )


def people(*persons: Person, stamp_ns: int = START) -> People:
    return People(tuple(persons), stamp_ns, "camera")


def header(stamp_ns: int):
    seconds, nanoseconds = divmod(int(stamp_ns), S)
    stamp = T["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return T["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")


def info_text() -> str:
    names = {"skeleton": BLAZEPOSE_33.name, "joints": BLAZEPOSE_33.joints, "bones": BLAZEPOSE_33.bones}
    return json.dumps(names | {"frames": FRAMES})


_FLOATS = (*"xyz", "score", "qx", "qy", "qz", "qw", "xx", "xy", "xz", "yy", "yz", "zz", "u", "v")
ROW = np.dtype(
    [(name, "<f4") for name in _FLOATS]
    + [("age", "<u4"), ("person", "<u2")]
    + [(name, "<u1") for name in ("part", "origin", "state", "twist_seen")]
)
_KINDS = {"f4": 7, "u4": 6, "u2": 4, "u1": 2}


def cloud(persons: list[Person], stamp_ns: int):
    """sensor_msgs/PointCloud2 as `skeletons/points` is described."""
    rows = np.zeros((len(persons), 33 + len(FRAMES)), ROW)
    for name in _FLOATS:
        rows[name] = np.nan
    rows["part"] = np.arange(rows.shape[1])
    for row, one in zip(rows, persons, strict=True):
        solid = one.keypoints3d
        row["person"], row["age"], row["state"] = int(one.id[1:]), one.age, one.state
        for axis, name in enumerate("xyz"):
            row[name][:33] = solid.xyz[0, :, axis]
        row["score"][:33], row["origin"][:33] = solid.score[0], solid.origin[0]
        for n, (name, (a, b)) in enumerate(
            zip(("xx", "xy", "xz", "yy", "yz", "zz"), np.transpose(np.triu_indices(3)), strict=True)
        ):
            row[name][:33] = solid.covariance[0, :, a, b] + 0 * n
        row["u"][:33], row["v"][:33] = one.keypoints2d.xy[0].T
        for n, name in enumerate(FRAMES, start=33):
            pose = one.camera_from_joint[name]
            for axis, key in enumerate("xyz"):
                row[key][n] = pose.translation[axis]
            for axis, key in enumerate(("qx", "qy", "qz", "qw")):
                row[key][n] = pose.quaternion[axis]
            row["twist_seen"][n] = name not in one.twist_unobservable
    fields = [
        T["sensor_msgs/msg/PointField"](name=name, offset=offset, datatype=_KINDS[kind.str[1:]], count=1)
        for name, (kind, offset) in ROW.fields.items()
    ]
    data = np.frombuffer(rows.tobytes(), np.uint8)
    return T["sensor_msgs/msg/PointCloud2"](
        header=header(stamp_ns), height=1, width=rows.size, fields=fields, is_bigendian=False,
        point_step=ROW.itemsize, row_step=len(data), data=data, is_dense=True,
    )  # fmt: skip


def joints(stamp_ns: int, positions, names=JOINTS):
    none = np.zeros(0)
    return T["sensor_msgs/msg/JointState"](
        header=header(stamp_ns),
        name=list(names),
        position=np.array(positions, float),
        velocity=none,
        effort=none,
    )


def image(stamp_ns: int, level: int, height: int = HEIGHT, width: int = WIDTH):
    return T["sensor_msgs/msg/Image"](
        header=header(stamp_ns), height=height, width=width, encoding="rgb8", is_bigendian=0, step=3 * width,
        data=np.full(height * width * 3, level, np.uint8),
    )  # fmt: skip


def text(data: str):
    return T["std_msgs/msg/String"](data=data)


def write_bag(
    folder: Path,
    seconds: float = 1.0,
    task: str = "",
    offset: float = 0.0,
    start_ns: int = START,
    with_people: bool = True,
    with_info: bool = True,
    **size,
) -> Path:
    """Joints at 100 Hz, pictures and people at 30 Hz; `offset` is added to all values.

    joints (t, -t) + offset; pictures of grey level 50 + 100 t + 10 offset; the person 2 + t + offset away.
    """
    writer = BagWriter(folder, notes={"task": task} if task else {})
    channels: dict[str, int] = {}

    def write(topic: str, stamp_ns: int, message) -> None:
        if topic not in channels:
            definition, _ = STORE.generate_msgdef(message.__msgtype__)
            channels[topic] = writer.add_topic(BagTopic(topic, message.__msgtype__, definition))
        writer.write(channels[topic], stamp_ns, bytes(STORE.serialize_cdr(message, message.__msgtype__)))

    if with_info:
        write("/skeletons/info", start_ns, text(info_text()))
    moments = [(n * S // 100, 0) for n in range(round(seconds * 100) + 1)]
    moments += [(n * S // 30, 1) for n in range(round(seconds * 30) + 1)]
    for moment, kind in sorted(moments):
        stamp, t = start_ns + moment, moment / S
        if kind == 0:
            write("/joint_states", stamp, joints(stamp, (t + offset, -t + offset)))
            continue
        write("/image", stamp, image(stamp, round(50 + 100 * t + 10 * offset), **size))
        if with_people:
            write("/skeletons/points", stamp, cloud([person(distance=2 + t + offset)], stamp))
    writer.close()
    return folder
