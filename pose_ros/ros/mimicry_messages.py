"""Commands of mimicry as messages. numpy values are cast: rclpy checks no fields."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, PoseStamped, TwistStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import ColorRGBA, Header, String
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.apps.mimicry.mimic import Command, Mimicry, Mode
from pose_ros.apps.mimicry.robot import RobotArm
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats.gmr import gmr_frame
from pose_ros.types import Person

try:
    from control_msgs.msg import JointJog
except ImportError:
    JointJog = None  # only the output joint_jog needs it

COLORS = {
    Mode.DISENGAGED: (0.6, 0.6, 0.6), Mode.ALIGNING: (1.0, 0.75, 0.1), Mode.FOLLOWING: (0.2, 0.8, 0.3),
    Mode.HOLDING: (0.9, 0.2, 0.2),
}  # fmt: skip


def floats(values: np.ndarray) -> list[float]:
    return [float(value) for value in values]


def joint_state(names: Sequence[str], command: Command, header: Header) -> JointState:
    return JointState(header=header, name=list(names), position=floats(command.q), velocity=floats(command.v))


def joint_trajectory(names: Sequence[str], command: Command, dt: float) -> JointTrajectory:
    """One point, to be reached `dt` s from when it comes: a controller takes stamp 0 for that."""
    point = JointTrajectoryPoint(
        positions=floats(command.q),
        velocities=floats(command.v),
        time_from_start=Duration(nanosec=round(dt * 1e9)),
    )
    return JointTrajectory(joint_names=list(names), points=[point])


def joint_jog(names: Sequence[str], v: np.ndarray, now: Time, frame: str, dt: float) -> JointJog:
    header = Header(stamp=now, frame_id=frame)
    return JointJog(header=header, joint_names=list(names), velocities=floats(v), duration=float(dt))


def tip_twist(arm: RobotArm, q: np.ndarray, v: np.ndarray, now: Time) -> TwistStamped:
    """Velocity of an arm's tip in its base's axes, from its joints q, v (n,)."""
    message = TwistStamped(header=Header(stamp=now, frame_id=arm.chain.base))
    twist = floats(arm.chain.jacobian(q) @ v)
    for part, values in ((message.twist.linear, twist[:3]), (message.twist.angular, twist[3:])):
        part.x, part.y, part.z = values
    return message


def pose_stamped(pose: RigidTransform, header: Header) -> PoseStamped:
    message = PoseStamped(header=header)
    p, q = message.pose.position, message.pose.orientation
    p.x, p.y, p.z = floats(pose.translation)
    q.x, q.y, q.z, q.w = floats(pose.quaternion)
    return message


def gripper_state(mimicry: Mimicry, header: Header) -> JointState:
    """Width in m between the fingers of every gripper, under its joint's name."""
    arms = [arm for arm in mimicry.robot.arms if arm.gripper]
    widths = [float(arm.gripper.width(mimicry.grips[arm.side].value)) for arm in arms]
    return JointState(header=header, name=[arm.gripper.joint for arm in arms], position=widths)


def gmr_message(person: Person) -> String:
    """JSON: body -> [[x, y, z] m, [w, x, y, z]], as `GeneralMotionRetargeting.retarget` takes it."""
    frame = gmr_frame(person)
    return String(data=json.dumps({body: [floats(p), floats(q)] for body, (p, q) in frame.items()}))


def state_message(mode: Mode, reason: str, operator: str | None, mimicry: Mimicry) -> String:
    state = {"mode": mode.value, "reason": reason, "operator": operator or "", "solver": mimicry.solver.name}
    return String(data=json.dumps(state | {"counts": dict(mimicry.counts)}))


def markers(mimicry: Mimicry, mode: Mode, reason: str, header_stamp: Time) -> MarkerArray:
    """What each arm is asked to be: shoulder, elbow, wrist, in its base's frame; and the mode in words."""
    color = ColorRGBA(**dict(zip("rgba", (*COLORS[mode], 0.9), strict=True)))
    array = MarkerArray()
    for n, (side, target) in enumerate(mimicry.targets.items()):
        arm = next(arm for arm in mimicry.robot.arms if arm.side == side)
        shape = mimicry.solver.shapes[side]
        header = Header(stamp=header_stamp, frame_id=arm.chain.base)
        points = [shape.shoulder, shape.shoulder + shape.upper * target.upper, target.wrist]
        line = Marker(header=header, ns=f"target_{side}", id=n, type=Marker.LINE_STRIP, color=color)
        line.points = [Point(**dict(zip("xyz", floats(point), strict=True))) for point in points]
        line.scale.x = 0.02
        text = Marker(header=header, ns=f"state_{side}", id=n, type=Marker.TEXT_VIEW_FACING, color=color)
        text.text = f"{mode.value}: {reason}" if reason else mode.value
        text.scale.z = 0.06
        text.pose.position.z = float(shape.shoulder[2] + 0.4)
        for marker in (line, text):
            marker.pose.orientation.w = 1.0
            marker.lifetime = Duration(nanosec=300_000_000)
            array.markers.append(marker)
    return array
