"""Poses of single joints, as servoing takes them: one topic a joint of each person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header

from pose_ros.config import option
from pose_ros.errors import ConfigError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.skeleton import PERSON_FRAMES
from pose_ros.types import Person


@dataclass(frozen=True)
class PosesConfig:
    poses: str = option(
        "left_wrist,right_wrist",
        "joints whose poses have topics of their own, humans/bodies/<id>/<joint>, by commas; empty for none; "
        f"of {', '.join(PERSON_FRAMES)}",
    )

    def __post_init__(self) -> None:
        for joint in self.joints:
            if joint not in PERSON_FRAMES:
                raise ConfigError(unknown("joint in poses", joint, PERSON_FRAMES))

    @property
    def joints(self) -> tuple[str, ...]:
        names = (name.strip() for name in self.poses.split(","))
        return tuple(dict.fromkeys(name for name in names if name))


class PoseOutputs:
    """Makes and fills the topics; whose they are, and for how long, is the owner's to know."""

    def __init__(self, node: Node, joints: Iterable[str]) -> None:
        self._node, self._joints = node, tuple(joints)

    def topics(self, base: str) -> dict[str, Publisher]:
        """Joint -> its publisher below the topic `base`."""
        return {joint: make_publisher(self._node, PoseStamped, f"{base}/{joint}") for joint in self._joints}

    def publish(
        self,
        topics: Mapping[str, Publisher],
        person: Person,
        header: Header,
        root_from_image: RigidTransform | None = None,
    ) -> None:
        """The poses that somebody hears and that are known, in the frame of the header.

        A joint that is unknown is silent: whoever servoes on it sees by the stamps that it is gone.
        """
        for joint in self._joints:
            pose = person.camera_from_joint.get(joint)
            if pose is not None and is_heard(topics[joint]):
                root_from_joint = pose if root_from_image is None else root_from_image @ pose
                topics[joint].publish(pose_stamped(root_from_joint, header))


def pose_stamped(pose: RigidTransform, header: Header) -> PoseStamped:
    x, y, z = pose.translation.tolist()
    qx, qy, qz, qw = pose.quaternion.tolist()
    position, orientation = Point(x=x, y=y, z=z), Quaternion(x=qx, y=qy, z=qz, w=qw)
    return PoseStamped(header=header, pose=Pose(position=position, orientation=orientation))
