"""What each topic gives to the table: its columns, and their values in every message."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.feature import HOLD, NEAREST, POSES, ROTATIONS, Feature, Table
from pose_ros.apps.record.messages import nobody, picture_of, poses_of_objects, stamp_of
from pose_ros.apps.record.operator import SIDES, Operator, opening
from pose_ros.config import option
from pose_ros.people_rows import PeopleReader
from pose_ros.types import People, Person

JOINT_STATE = "sensor_msgs/msg/JointState"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
NUMBERS = "std_msgs/msg/Float64MultiArray"
TEXT = "std_msgs/msg/String"
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CLOUD = "sensor_msgs/msg/PointCloud2"
DETECTIONS = "vision_msgs/msg/Detection3DArray"
INFO = "skeletons/info"


@dataclass(frozen=True)
class FeatureConfig:
    """Topics the columns are made of; an empty name leaves them out. Lists are separated by commas."""

    state: str = option("joint_states", "topic of the robot's joints (JointState)")
    action: str = option("", "topic of what is commanded (JointState, JointTrajectory, Float64MultiArray)")
    joints: str = option("", "the robot's joints and their order; empty: as in the first message")
    people: str = option("skeletons/points", "topic of the operator's skeleton")
    operator: str = option("", "id of the person who is recorded; empty: whoever is nearest at first")
    objects: str = option("objects/detections", "topic of objects' poses")
    slots: str = option("", "objects with columns of their own, by label or id: 'mug,box_2'; empty: none")
    cameras: str = option("camera=image", "pictures, as NAME=TOPIC; raw or compressed")
    columns: str = option("*", "columns that are kept, by pattern: 'action,observation.images.*'")


@dataclass(frozen=True)
class Sample:
    feature: str
    stamp_ns: int
    value: Any


class TopicSource(ABC):
    """What one topic gives. `features` is None until a message has told what they are."""

    kinds: tuple[str, ...]

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.features: tuple[Feature, ...] | None = None

    @abstractmethod
    def declare(self, message: Any) -> None:
        """Learn the features from a message, if it tells them."""

    @abstractmethod
    def values(self, message: Any) -> dict[str, Any]:
        """Of the declared features, in one message. PoseError where the message cannot be right."""

    def samples(self, message: Any, received_ns: int) -> list[Sample]:
        """Stamped as the message is, else with the time it was received."""
        stamp = stamp_of(message) or received_ns
        return [Sample(name, stamp, value) for name, value in self.values(message).items()]


class Joints(TopicSource):
    """observation.state, or action: positions by name. Messages without all joints are another robot's."""

    kinds = (JOINT_STATE, TRAJECTORY, NUMBERS)

    def __init__(self, topic: str, feature: str, joints: tuple[str, ...], way: str) -> None:
        super().__init__(topic)
        self._feature, self._way = feature, way
        if joints:
            self._take(joints)

    def _take(self, joints: tuple[str, ...]) -> None:
        self._joints = joints
        self.features = (Feature.vector(self._feature, joints, "rad or m", self.topic, self._way),)

    def declare(self, message: Any) -> None:
        names = tuple(_positions(message, None))
        if names and self.features is None:
            self._take(names)

    def values(self, message: Any) -> dict[str, Any]:
        positions = _positions(message, self._joints)
        if not all(joint in positions for joint in self._joints):
            return {}
        return {self._feature: np.array([positions[joint] for joint in self._joints], float)}


def _positions(message: Any, joints: tuple[str, ...] | None) -> dict[str, float]:
    if hasattr(message, "points"):  # JointTrajectory: where it goes at once
        first = list(message.points)[:1]
        return dict(zip(message.joint_names, first[0].positions, strict=False)) if first else {}
    if hasattr(message, "layout"):  # Float64MultiArray names nothing: the order is the joints'
        names = joints or [f"joint_{n}" for n in range(len(message.data))]
        return dict(zip(names, message.data, strict=False))
    return dict(zip(message.name, message.position, strict=False))


class Skeletons(TopicSource):
    """observation.skeleton.* and observation.hands of the operator. People are listened to as well."""

    kinds = (CLOUD,)

    def __init__(self, topic: str, operator: str) -> None:
        super().__init__(topic)
        self.info: PeopleReader | None = None
        self.person: Person | None = None  # the operator in the last message
        self._operator = Operator(operator)

    def hear_info(self, text: str) -> None:
        self.info = PeopleReader(text)
        joints, frames = self.info.skeleton.joints, self.info.frames
        skeleton, topic = "observation.skeleton", self.topic
        self.features = (
            Feature.vector(f"{skeleton}.xyz", [f"{j}.{a}" for j in joints for a in "xyz"], "m", topic),
            Feature.vector(f"{skeleton}.score", joints, "", topic, NEAREST),
            Feature.vector(
                f"{skeleton}.origin", joints, "0 unknown 1 measured 2 inferred 3 predicted", topic, NEAREST
            ),
            Feature.vector(
                f"{skeleton}.rotation", [f"{f}.q{a}" for f in frames for a in "xyzw"], "", topic, ROTATIONS
            ),
            Feature.vector("observation.hands", SIDES, "m from thumb to index", topic),
        )

    def declare(self, message: Any) -> None:
        """Only `skeletons/info` tells."""

    def people(self, message: Any) -> People | None:
        """None before `skeletons/info`, which names the joints, has come."""
        if message.width == 0:
            return nobody(message)
        return self.info(message) if self.info else None

    def values(self, message: Any) -> dict[str, Any]:
        people = self.people(message)
        self.person = self._operator.of(people) if people is not None else None
        if self.features is None:
            return {}
        if self.person is None:
            return {feature.name: np.full(feature.shape, np.nan) for feature in self.features}
        solid = self.person.keypoints3d
        unknown = np.full(4, np.nan)
        poses = self.person.camera_from_joint
        turns = [poses[name].quaternion if name in poses else unknown for name in self.info.frames]
        return {
            "observation.skeleton.xyz": solid.xyz[0].reshape(-1),
            "observation.skeleton.score": solid.score[0],
            "observation.skeleton.origin": solid.origin[0].astype(float),
            "observation.skeleton.rotation": np.concatenate(turns),
            "observation.hands": np.array([opening(self.person, side) for side in SIDES]),
        }


class ObjectSlots(TopicSource):
    """observation.objects.*: a slot takes the object of that id, else the likeliest of that label."""

    kinds = (DETECTIONS,)

    def __init__(self, topic: str, slots: tuple[str, ...]) -> None:
        super().__init__(topic)
        self._slots = slots
        elements = [f"{slot}.{part}" for slot in slots for part in ("x", "y", "z", "qx", "qy", "qz", "qw")]
        self.features = (
            Feature.vector("observation.objects.pose", elements, "m", topic, POSES),
            Feature.vector("observation.objects.score", slots, "", topic, NEAREST),
        )

    def declare(self, message: Any) -> None:
        """The slots are given."""

    def values(self, message: Any) -> dict[str, Any]:
        poses, scores = np.full((len(self._slots), 7), np.nan), np.zeros(len(self._slots))
        there = sorted(poses_of_objects(message), key=lambda one: -one[2])
        for n, slot in enumerate(self._slots):
            chosen = [one for one in there if one[0] == slot] or [one for one in there if one[1] == slot]
            if chosen:
                _, _, scores[n], poses[n] = chosen[0]
        return {"observation.objects.pose": poses.reshape(-1), "observation.objects.score": scores}


class Picture:
    """A picture that is decoded when, and if, it is written."""

    def __init__(self, message: Any) -> None:
        self._message = message

    def rgb(self) -> np.ndarray:
        return picture_of(self._message)


class Pictures(TopicSource):
    """observation.images.<name>. An odd last line or column is left out: codecs want even ones."""

    kinds = (IMAGE, COMPRESSED)

    def __init__(self, topic: str, name: str) -> None:
        super().__init__(topic)
        self._feature = f"observation.images.{name}"

    def declare(self, message: Any) -> None:
        if self.features is None:
            height, width, _ = picture_of(message).shape
            even = Feature.video(self._feature, height // 2 * 2, width // 2 * 2, self.topic)
            self.features = (even,)

    def values(self, message: Any) -> dict[str, Any]:
        return {self._feature: Picture(message)}


def sources_of(config: FeatureConfig) -> list[TopicSource]:
    """By the columns' order in the table."""
    joints, slots = split(config.joints), split(config.slots)
    sources: list[TopicSource] = []
    if config.state:
        sources.append(Joints(config.state, "observation.state", joints, "linear"))
    if config.people:
        sources.append(Skeletons(config.people, config.operator))
    if config.objects and slots:
        sources.append(ObjectSlots(config.objects, slots))
    for camera in split(config.cameras):
        name, equals, topic = camera.partition("=")
        if not (equals and name and topic) or "/" in name:
            raise RecordError(f"cameras are given as NAME=TOPIC, got {camera!r}")
        sources.append(Pictures(topic, name))
    if config.action:
        sources.append(Joints(config.action, "action", joints, HOLD))
    return sources


def split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def table_of(sources: Iterable[TopicSource], patterns: str = "*") -> Table:
    """The columns that are known and wanted; RecordError where a pattern fits none, or none is known."""
    known = [feature for source in sources for feature in source.features or ()]
    names = [feature.name for feature in known]
    for pattern in split(patterns):
        if not any(fnmatchcase(name, pattern) for name in names):
            raise RecordError(f"no feature is like {pattern!r}; there are: {', '.join(names) or 'none yet'}")
    wanted = [f for f in known if any(fnmatchcase(f.name, pattern) for pattern in split(patterns))]
    return Table(tuple(wanted))
