"""The node mimicry over DDS: people, joints and a service in; commands, states and reasons out."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest
from control_msgs.msg import JointJog
from geometry_msgs.msg import PoseStamped, TwistStamped
from harness import Runner
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from pose_ros.apps.mimicry.rehearsal import make_person
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats.gmr import REQUIRED
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.mimicry_node import MimicryNode, robot_file
from pose_ros.ros.people_cloud import info_message, people_message
from pose_ros.skeleton import BLAZEPOSE_33

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PLACE = RigidTransform(np.diag([-1.0, -1, 1]), [2.0, 0, 1.4])
FORWARD = np.radians([60.0, 20, 0, 60])


@pytest.fixture
def mimicry(ros: None) -> Iterator[Runner]:
    runner = Runner(MimicryNode)
    yield runner
    runner.stop()


class Stage:
    """Plays operator and robot: frames at 30 Hz, joints that follow their commands at once."""

    def __init__(self, peer, robot="ur5e", **arms) -> None:
        self.peer, self.robot = peer, Robot.load(robot_file(robot))
        self.q = np.array(self.robot.home)
        self.stamp_ns = time.time_ns()
        self.cloud = peer.create_publisher(PointCloud2, "skeletons/points", 5)
        info = peer.create_publisher(String, "skeletons/info", LATCHED)
        info.publish(info_message(BLAZEPOSE_33))
        self._info = info
        self.joints = peer.create_publisher(JointState, "robot_joint_states", 5)
        self.clutch = peer.create_publisher(Bool, "mimicry/clutch", 5)
        self.engage = peer.create_client(SetBool, "mimicry/engage")
        self.preview = peer.listen(JointState, "mimicry/joint_states")
        self.commands = peer.listen(JointTrajectory, "mimicry/joint_trajectory", 1000)
        self.states = peer.listen(String, "mimicry/state", LATCHED)
        self.times: list[float] = []
        peer.create_subscription(JointTrajectory, "mimicry/joint_trajectory", self._follow, 1000)
        peer.wait(self.cloud.get_subscription_count, "a subscriber of people")
        peer.wait(self.joints.get_subscription_count, "a subscriber of joints")
        peer.wait(self.engage.service_is_ready, "the service")

    def _follow(self, message: JointTrajectory) -> None:
        self.q = np.array(message.points[0].positions)
        self.times.append(time.monotonic())

    def frame(self, *people, seconds=1 / 30) -> int:
        """One frame with these people, and the robot's joints."""
        self.stamp_ns = time.time_ns()
        self.joints.publish(
            JointState(name=list(self.robot.names), position=[float(value) for value in self.q])
        )
        self.cloud.publish(people_message(list(people), header_of(self.stamp_ns, "camera")))
        self.peer.spin_for(seconds)
        return self.stamp_ns

    def call(self, data: bool) -> SetBool.Response:
        future = self.engage.call_async(SetBool.Request(data=data))
        self.peer.wait(future.done, "an answer of engage")
        return future.result()

    @property
    def mode(self) -> str:
        return json.loads(self.states[-1].data)["mode"] if self.states else ""

    def until(self, mode: str, *people, timeout=15.0) -> None:
        end = time.monotonic() + timeout
        while self.mode != mode:
            assert time.monotonic() < end, f"no {mode}, but {[state.data for state in self.states]}"
            self.frame(*people)

    def speed(self) -> float:
        return float(np.abs(self.commands[-1].points[0].velocities).max())


def operator(angles=FORWARD, id="p1", place=PLACE, **more):
    return make_person(id, place, angles, angles, **more)


def test_an_operator_is_followed_from_the_robots_own_pose_and_lost(mimicry, peer):
    mimicry(robot="ur5e", safety__align=0.3)
    stage = Stage(peer)
    refused = stage.call(True)
    assert not refused.success
    assert "joint_states" in refused.message
    stage.q = stage.robot.home + 0.2
    stage.frame()
    assert stage.call(True).success
    stage.until("aligning", operator())
    first = np.array(stage.commands[0].points[0].positions)
    np.testing.assert_allclose(first, stage.robot.home + 0.2, atol=0.01)
    stage.until("following", operator())
    stamp = stage.frame(operator(FORWARD + 0.2))
    assert stamp in [stamp_to_ns(message.header.stamp) for message in stage.preview]
    for k in range(10):
        stage.frame(operator(FORWARD + 0.2 * np.sin(k)))
    assert stage.speed() > 0.05
    lost = time.monotonic()
    stage.frame()  # nobody there
    stage.peer.wait(lambda: stage.speed() == 0, "standstill")
    assert time.monotonic() - lost < 0.4  # the bound itself is proved in simulated time
    assert stage.mode == "holding"
    stage.frame(operator(id="p2"))
    assert stage.mode == "holding"
    point = stage.commands[-1]
    assert point.joint_names == list(stage.robot.names)
    assert stamp_to_ns(point.header.stamp) == 0
    assert point.points[0].time_from_start.nanosec == 10_000_000
    stage.call(False)
    peer.wait(lambda: stage.mode == "disengaged", "disengaged")
    count = len(stage.commands)
    stage.frame(operator(), seconds=0.2)
    assert len(stage.commands) == count  # others may lead it now


def test_silence_stops_it_and_diagnostics_say_why(mimicry, peer):
    mimicry(robot="ur5e", safety__align=0.2, engage=True)
    stage = Stage(peer)
    stage.until("following", operator())
    stage.peer.wait(lambda: stage.mode == "holding" and stage.speed() == 0, "standstill")
    assert "no frame" in stage.states[-1].data
    peer.diagnosis("no frame with the operator")


def test_it_moves_only_while_the_clutch_is_pressed(mimicry, peer):
    mimicry(robot="ur5e", safety__align=0.2, safety__clutch=True, engage=True)
    stage = Stage(peer)
    for _ in range(5):
        stage.frame(operator())
    assert stage.mode == "holding"
    end = time.monotonic() + 10
    while stage.mode != "following":
        assert time.monotonic() < end
        stage.clutch.publish(Bool(data=True))
        stage.frame(operator())
    for _ in range(15):  # the hand is off
        stage.frame(operator())
    assert stage.mode == "holding"
    assert "clutch" in stage.states[-1].data


def test_everything_a_servo_takes(mimicry, peer):
    mimicry(robot="panda", safety__align=0.2, engage=True, outputs="twist,joint_jog,pose")
    topics = {"servo/delta_twist_cmds": TwistStamped, "servo/delta_joint_cmds": JointJog,
              "servo/pose_target": PoseStamped, "mimicry/gripper": JointState, "mimicry/gmr": String,
              "mimicry/wrist_target": PoseStamped}  # fmt: skip
    heard = {topic: peer.listen(kind, topic, 1000) for topic, kind in topics.items()}
    stage = Stage(peer, "panda")
    end = time.monotonic() + 15
    while not all(heard.values()):
        assert time.monotonic() < end, [topic for topic, messages in heard.items() if not messages]
        stage.frame(operator())
    twist, jog, pose = (heard[topic][-1] for topic in list(topics)[:3])
    assert twist.header.frame_id == pose.header.frame_id == "panda_link0"
    assert list(jog.joint_names) == list(stage.robot.names)
    assert abs(stamp_to_ns(twist.header.stamp) - time.time_ns()) < 2e9
    assert heard["mimicry/gripper"][-1].name == ["panda_finger_joint1"]
    assert 0 <= heard["mimicry/gripper"][-1].position[0] <= 0.08
    assert set(REQUIRED) & set(json.loads(heard["mimicry/gmr"][-1].data))
    assert not stage.commands


def test_a_robot_from_its_description(mimicry, peer):
    mimicry(robot="ur5e", robot_from="topic", safety__align=0.2, engage=True)
    peer.diagnosis("waits for robot_description")
    publisher = peer.create_publisher(String, "robot_description", LATCHED)
    publisher.publish(String(data="<robot name='other'><link name='a'/></robot>"))
    peer.diagnosis("robot_description does not fit")
    publisher.publish(String(data=robot_file("ur5e").with_suffix(".urdf").read_text()))
    stage = Stage(peer)
    stage.until("following", operator())


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"robot": "r2d2"}, ["unknown robot", "panda"]), ({"outputs": "smoke"}, ["unknown output", "twist"])],
)
def test_what_cannot_be_is_told(mimicry, peer, parameters, words):
    node = mimicry(**parameters)
    assert node.state == "unconfigured"
    peer.diagnosis("cannot be configured", *words)
