"""Sequences of people as files, one a person, in any of the formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.errors import PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats.animate import animate
from pose_ros.human.formats.bvh import write_bvh
from pose_ros.human.formats.convert import check_format
from pose_ros.human.formats.gmr import BODIES, GmrFrame, gmr_frame
from pose_ros.human.formats.points import convert_3d
from pose_ros.human.formats.skeletons import POINT_FORMATS
from pose_ros.human.formats.smpl import smpl_pose
from pose_ros.human.formats.upright import LEVEL_CAMERA
from pose_ros.types import People, Person, TrackState

Take = list[tuple[int, Person]]  # stamps (ns) and what one person was at them


@dataclass(frozen=True)
class Written:
    """A file of so many frames. unknown: joint -> in how many of them it is not known."""

    path: Path
    frames: int
    unknown: dict[str, int]

    def __str__(self) -> str:
        gaps = ", ".join(f"{joint} {count}" for joint, count in self.unknown.items())
        return f"{self.path}: {self.frames} frames" + (f"; unknown: {gaps}" if gaps else "")


def write_formats(
    sequence: Iterable[People], name: str, out: Path, world_from_camera: RigidTransform = LEVEL_CAMERA
) -> list[Written]:
    """Write `out`/<id>.bvh, or `out`/<id>_<name>.npz, of every person tracked in the sequence.

    Ids are used again: who comes later under one gets a file of their own, <id>_2 and so on. Every file
    holds the stamps; those of points and of SMPL are in the frame of the people, gmr and bvh in a world
    that stands upright. What is unknown is NaN; BVH, which cannot say so, holds it still (see `animate`), and
    a person whose hips are never known is written as no frames and no file. `read_gmr` gives back what GMR
    takes. Raises ConfigError, listing the valid names.
    """
    check_format(name)
    sequence = list(sequence)
    frame_id = sequence[-1].frame_id if sequence else ""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for id, take in _takes(sequence).items():
        if name == "bvh":
            written.append(_write_bvh(out / f"{id}.bvh", take, world_from_camera))
            continue
        path = out / f"{id}_{name}.npz"
        stamps = np.array([stamp for stamp, _ in take], np.int64)
        arrays = _ARRAYS.get(name, lambda take, _: _points(take, name))(take, world_from_camera)
        np.savez_compressed(path, format=name, frame_id=frame_id, stamps_ns=stamps, **arrays)
        places = arrays.get("xyz", arrays.get("position"))
        gaps = np.isnan(places).any(axis=-1).sum(axis=0).tolist()
        names = arrays.get("joints", arrays.get("bodies")).tolist()
        written.append(Written(path, len(take), {j: n for j, n in zip(names, gaps, strict=True) if n}))
    return written


def read_gmr(path: Path) -> list[GmrFrame]:
    """The frames of a file in the format `gmr`, as General Motion Retargeting takes them."""
    with np.load(path) as file:
        bodies, position, quaternion = file["bodies"].tolist(), file["position"], file["quaternion_wxyz"]
    return [
        {
            body: (place[n], turn[n])
            for n, body in enumerate(bodies)
            if np.isfinite(place[n]).all() and np.isfinite(turn[n]).all()
        }
        for place, turn in zip(position, quaternion, strict=True)
    ]


def _takes(sequence: list[People]) -> dict[str, Take]:
    """File name -> one person from first to last frame. Under a used id, age starts anew."""
    takes: dict[str, Take] = {}
    latest: dict[str, tuple[str, int, int]] = {}  # id -> name, age, how many there were of this id
    for people in sequence:
        for person in people:
            if person.state is not TrackState.TRACKED:
                continue
            name, age, count = latest.get(person.id, ("", 0, 0))
            if not name or person.age < age:
                count += 1
                name = person.id if count == 1 else f"{person.id}_{count}"
            latest[person.id] = name, person.age, count
            takes.setdefault(name, []).append((people.stamp_ns, person))
    return takes


def _write_bvh(path: Path, take: Take, world: RigidTransform) -> Written:
    try:
        motion = animate([person for _, person in take], [stamp for stamp, _ in take], world)
    except PoseError:
        return Written(path, 0, {"Hips": len(take)})  # there is nothing a hierarchy could hang on
    path.write_text(write_bvh(motion))
    return Written(path, len(motion), motion.held)


def _points(take: Take, name: str) -> dict[str, np.ndarray]:
    each = [convert_3d(person.keypoints3d, name) for _, person in take]
    return {
        "joints": np.array(POINT_FORMATS[name].joints),
        "xyz": np.concatenate([one.xyz for one in each]),
        "score": np.concatenate([one.score for one in each]),
        "covariance": np.concatenate([one.covariance for one in each]),
        "origin": np.concatenate([one.origin for one in each]),
    }


def _smpl(take: Take, _: RigidTransform) -> dict[str, np.ndarray]:
    poses = [smpl_pose(person) for _, person in take]
    axis_angle = np.stack([pose.axis_angle for pose in poses])
    return _points(take, "smpl_24") | {
        "global_orient": axis_angle[:, 0],
        "body_pose": axis_angle[:, 1:],
        "offset": np.stack([pose.offset for pose in poses]),
    }


def _gmr(take: Take, world: RigidTransform) -> dict[str, np.ndarray]:
    frames = [gmr_frame(person, world) for _, person in take]
    unknown_position, unknown_turn = np.full(3, np.nan), np.full(4, np.nan)
    rows = [[frame.get(body, (unknown_position, unknown_turn)) for body in BODIES] for frame in frames]
    return {
        "bodies": np.array(BODIES),
        "position": np.array([[place for place, _ in row] for row in rows]),
        "quaternion_wxyz": np.array([[turn for _, turn in row] for row in rows]),
    }


_ARRAYS: dict[str, Callable[[Take, RigidTransform], dict[str, Any]]] = {"smpl_24": _smpl, "gmr": _gmr}
