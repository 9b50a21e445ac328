"""What a virtual thing hangs on: an object, a joint of a person, a frame; and where such things are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pose_ros.errors import ConfigError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import People, TrackState

SIDES = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
JOINTS = ("body", "neck", "head", *(f"{side}_{part}" for side in ("left", "right") for part in SIDES))
KINDS = ("object", "frame", *JOINTS)
NEAREST, OPERATOR = "nearest", "operator"


class Sighting(Protocol):
    """An object as somebody found it."""

    id: str
    label: str
    root_from_object: RigidTransform


@dataclass(frozen=True)
class Place:
    """Where something is that can be an anchor. kind: of KINDS. id: of a person, object or frame."""

    kind: str
    id: str
    camera_from_anchor: RigidTransform
    label: str = ""


def places_of_people(people: People, camera_from_root: RigidTransform | None = None) -> list[Place]:
    """Every joint of everybody; camera_from_root: where the frame of `people` is, None = the camera's own."""
    return [
        Place(joint, person.id, _in_camera(pose, camera_from_root))
        for person in people
        if person.state is not TrackState.TENTATIVE
        for joint, pose in person.camera_from_joint.items()
        if joint in JOINTS and np.isfinite(pose.translation).all() and np.isfinite(pose.rotation).all()
    ]


def places_of_objects(
    objects: Iterable[Sighting], camera_from_root: RigidTransform | None = None
) -> list[Place]:
    return [
        Place("object", seen.id, _in_camera(seen.root_from_object, camera_from_root), seen.label)
        for seen in objects
    ]


def _in_camera(pose: RigidTransform, camera_from_root: RigidTransform | None) -> RigidTransform:
    return pose if camera_from_root is None else camera_from_root @ pose


@dataclass(frozen=True)
class Anchor:
    """`kind` of KINDS and `which`: an id, an object's label, a frame's name, NEAREST or OPERATOR; "" all."""

    kind: str
    which: str = ""

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """From `object:mug`, `object:mug_1`, `head`, `head:p2`, `left_wrist:nearest`, `frame:base_link`."""
        kind, _, which = (part.strip() for part in str(text).partition(":"))
        if kind not in KINDS:
            raise ConfigError(f"{unknown('anchor', kind, KINDS)}; `kind`, or `kind:which` as in head:nearest")
        if kind == "frame" and not which:
            raise ConfigError("anchor frame needs the name of the frame, as in frame:base_link")
        return cls(kind, which)

    @property
    def needs(self) -> str:
        """Who knows where it is: `people`, `objects` or `frames`."""
        return {"object": "objects", "frame": "frames"}.get(self.kind, "people")

    def find(self, places: Iterable[Place], operator: str | None = None) -> list[Place]:
        """Those it means; operator: id of the person who counts as such."""
        kind = [place for place in places if place.kind == self.kind]
        if self.which == NEAREST and self.kind != "frame":
            return sorted(kind, key=_distance)[:1]
        if self.which == OPERATOR and self.needs == "people":
            return [place for place in kind if place.id == operator]
        return [place for place in kind if self.which in ("", place.id, place.label)]


def _distance(place: Place) -> float:
    return float(np.linalg.norm(place.camera_from_anchor.translation))


class OperatorLock:
    """Whoever was nearest when nobody was the operator stays it as long as they are seen."""

    def __init__(self) -> None:
        self.id: str | None = None

    def __call__(self, places: Iterable[Place]) -> str | None:
        people = [place for place in places if place.kind in JOINTS]
        if self.id not in {place.id for place in people}:
            self.id = min(people, key=_distance).id if people else None
        return self.id
