"""What is known of the people in recorded or rendered frames: `truth.json` of an RGB-D folder."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pose_ros.errors import ShapeError, SourceError
from pose_ros.shapes import check_shape
from pose_ros.skeleton import COCO_17

# Every truth written here has these joints; a file may have fewer, or more of other names.
JOINTS = (*COCO_17.joints, "pelvis", "neck", "head")
# The joints whose frame turns: axes as REP-155's human_description. `pelvis` is its `body` frame.
ROTATED_JOINTS = (
    "pelvis", "neck", "head",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "hip", "knee")),
)  # fmt: skip
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class PersonTruth:
    """One person in one frame.

    joints: name -> joint centre (3,) m in the camera's optical frame. visible: name -> can the camera see
    it; names as in joints. rotations: name -> unit quaternion (4,) xyzw of the joint's frame in the camera
    frame, axes as in REP-155's human_description (at rest x forward, y left, z up).
    """

    id: int
    joints: Mapping[str, np.ndarray]
    visible: Mapping[str, bool] = field(default_factory=dict)
    rotations: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        joints = {name: check_shape(name, np.asarray(xyz, float), (3,)) for name, xyz in self.joints.items()}
        rotations = {
            name: check_shape(name, np.asarray(q, float), (4,)) for name, q in self.rotations.items()
        }
        for name in (*joints, *rotations):
            if not _NAME.fullmatch(name):
                raise ShapeError(f"joint name {name!r} is not lower_snake_case like {JOINTS[5]!r}")
        for name in self.visible:
            if name not in joints:
                raise ShapeError(
                    f"visible names {name!r}, which has no position; joints: {', '.join(joints)}"
                )
        for name, value in (*joints.items(), *rotations.items()):
            if not np.isfinite(value).all():
                raise ShapeError(f"{name} of person {self.id} is not finite: {value}")
        for name, xyzw in rotations.items():
            if abs(np.linalg.norm(xyzw) - 1) > 1e-3:
                raise ShapeError(f"rotation of {name} is no unit quaternion: {xyzw}")
        object.__setattr__(self, "joints", joints)
        object.__setattr__(self, "rotations", rotations)


@dataclass(frozen=True)
class PeopleTruth:
    """frames: key of the frame -> the people in it, ids stable over frames."""

    frames: Mapping[str, tuple[PersonTruth, ...]]

    def __getitem__(self, key: str) -> tuple[PersonTruth, ...]:
        return self.frames[key]

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def load(cls, path: Path) -> PeopleTruth:
        """Read truth.json; SourceError says where it is not what DESIGN describes."""
        try:
            document = json.loads(Path(path).read_text())
            return cls(
                {
                    key: tuple(PersonTruth(**person) for person in frame["people"])
                    for key, frame in document["frames"].items()
                }
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SourceError(f"{path} is no truth of people: {type(error).__name__} {error}") from error

    def save(self, path: Path) -> None:
        """Write truth.json: positions to 0.01 mm, rotations to 1e-6."""
        frames = {
            key: {"people": [_plain(person) for person in people]} for key, people in self.frames.items()
        }
        Path(path).write_text(json.dumps({"frames": frames}, separators=(",", ":")))


def _plain(person: PersonTruth) -> dict:
    return {
        "id": person.id,
        "joints": {name: np.round(xyz, 5).tolist() for name, xyz in person.joints.items()},
        "visible": {name: bool(seen) for name, seen in person.visible.items()},
        "rotations": {name: np.round(xyzw, 6).tolist() for name, xyzw in person.rotations.items()},
    }
