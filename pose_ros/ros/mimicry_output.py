"""Publishes what mimicry commands: for controllers at the command rate, for people once an image."""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import Header, String
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import MarkerArray

from pose_ros.apps.mimicry.mimic import Command, Mimicry, Mode
from pose_ros.errors import ConfigError, unknown
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros import mimicry_messages as messages
from pose_ros.ros.conversions import header_of, stamp_from_ns
from pose_ros.ros.publishing import is_heard, make_latched, make_publisher
from pose_ros.types import People, Person

OUTPUTS = ("joint_trajectory", "twist", "joint_jog", "pose")


def chosen_outputs(text: str) -> tuple[str, ...]:
    """Command outputs of a comma list; ConfigError names what is unknown or lacks its messages."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in OUTPUTS:
            raise ConfigError(unknown("output", name, OUTPUTS))
    if "joint_jog" in names and messages.JointJog is None:
        raise ConfigError("output joint_jog needs control_msgs, which is not installed")
    return names


class MimicryOutput:
    """All topics of one robot. Stamps are the image's, but for what MoveIt Servo takes, which refuses
    commands that are not stamped with the present, and JointTrajectory, whose stamp 0 means from now on."""

    def __init__(self, node: Node, mimicry: Mimicry, outputs: tuple[str, ...]) -> None:
        self._node, self._mimicry = node, mimicry
        self._preview = make_publisher(node, JointState, "mimicry/joint_states")
        self._state = make_latched(node, String, "mimicry/state")
        self._gripper = make_publisher(node, JointState, "mimicry/gripper")
        self._gmr = make_publisher(node, String, "mimicry/gmr")
        self._markers = make_publisher(node, MarkerArray, "mimicry/markers")
        self._targets = {
            side: make_publisher(node, PoseStamped, self._topic("mimicry", side, "wrist_target"))
            for side in mimicry.grips
        }
        kinds = {"twist": (TwistStamped, "delta_twist_cmds"), "pose": (PoseStamped, "pose_target"),
                 "joint_jog": (messages.JointJog, "delta_joint_cmds")}  # fmt: skip
        self._servo = {
            (name, arm.side): make_publisher(
                node, kinds[name][0], self._topic("servo", arm.side, kinds[name][1])
            )
            for name in outputs if name in kinds
            for arm in mimicry.robot.arms
        }  # fmt: skip
        self._trajectory = None
        if "joint_trajectory" in outputs:
            self._trajectory = make_publisher(node, JointTrajectory, "mimicry/joint_trajectory")
        self._said: tuple[Mode, str | None, str] | None = None

    def _topic(self, space: str, side: str, name: str) -> str:
        """Of a robot with two arms each has its own."""
        return f"{space}/{side}/{name}" if len(self._mimicry.robot.arms) > 1 else f"{space}/{name}"

    def command(self, command: Command) -> None:
        """What moves the robot; once a period."""
        mimicry = self._mimicry
        if self._trajectory:
            self._trajectory.publish(messages.joint_trajectory(mimicry.robot.names, command, mimicry.dt))
        if not self._servo:
            return
        now = self._node.get_clock().now().to_msg()
        for arm in mimicry.robot.arms:
            part = mimicry.robot.parts[arm.side]
            q, v = command.q[part], command.v[part]
            if publisher := self._servo.get(("twist", arm.side)):
                publisher.publish(messages.tip_twist(arm, q, v, now))
            if publisher := self._servo.get(("pose", arm.side)):
                header = Header(stamp=now, frame_id=arm.chain.base)
                publisher.publish(messages.pose_stamped(arm.chain.tip_pose(q), header))
            if publisher := self._servo.get(("joint_jog", arm.side)):
                names, base = arm.chain.names, arm.chain.base
                publisher.publish(messages.joint_jog(names, v, now, base, mimicry.dt))

    def look(self, people: People, operator: Person | None, command: Command) -> None:
        """What follows from one image; the preview first, for nothing shall make it late."""
        mimicry = self._mimicry
        header = header_of(people.stamp_ns, mimicry.robot.arms[0].chain.base)
        self._preview.publish(messages.joint_state(mimicry.robot.names, command, header))
        if operator is not None:
            self._gripper.publish(messages.gripper_state(mimicry, header))
            for side, target in mimicry.targets.items():
                base = next(arm.chain.base for arm in mimicry.robot.arms if arm.side == side)
                pose = RigidTransform(target.hand, target.wrist)
                self._targets[side].publish(messages.pose_stamped(pose, header_of(people.stamp_ns, base)))
            if is_heard(self._gmr):
                self._gmr.publish(messages.gmr_message(operator))
        if is_heard(self._markers):
            stamp = stamp_from_ns(people.stamp_ns)
            self._markers.publish(messages.markers(mimicry, command.mode, command.reason, stamp))

    def tell(self, command: Command, operator: str | None) -> None:
        """The state, where it is another than before."""
        said = command.mode, operator, command.reason.split(":")[0]
        if said != self._said:
            self._said = said
            state = messages.state_message(command.mode, command.reason, operator, self._mimicry)
            self._state.publish(state)

    def publishers(self) -> list[Publisher]:
        some = [self._preview, self._state, self._gripper, self._gmr, self._markers]
        trajectory = [self._trajectory] if self._trajectory else []
        return [*some, *self._targets.values(), *self._servo.values(), *trajectory]

    def close(self) -> None:
        for publisher in self.publishers():
            self._node.destroy_publisher(publisher)
