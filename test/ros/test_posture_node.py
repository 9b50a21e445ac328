"""posture over real DDS: people in, postures, angles, repetitions and markers out, by the right up."""

import functools
import json

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from harness import Runner
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.apps.posture.angles import CAMERA_UP, joint_angles
from pose_ros.eval.acted import Errors, act, as_persons
from pose_ros.geometry.rigid import quaternion_from_matrix, rotation_exp
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.people_cloud import info_message, people_message
from pose_ros.ros.posture_node import PostureNode
from pose_ros.skeleton import BLAZEPOSE_33

hri_msgs = pytest.importorskip("hri_msgs.msg")
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
CAMERA = "camera_color_optical_frame"


def level(acted):
    """The same persons before a camera that is level."""
    axis = np.cross(acted.up, CAMERA_UP)
    angle = np.arctan2(np.linalg.norm(axis), acted.up @ CAMERA_UP)
    turn = rotation_exp(axis / max(np.linalg.norm(axis), 1e-9) * angle)
    xyz = np.stack([person.keypoints3d.xyz[0] for person in acted.persons]) @ turn.T
    return as_persons(xyz, acted.times, np.random.default_rng(0), Errors(0, 0), BLAZEPOSE_33)


@pytest.fixture
def posture(ros):
    runner = Runner(functools.partial(PostureNode))
    yield runner
    runner.stop()


class Stage:
    """Publishes people as human_pose does."""

    def __init__(self, peer) -> None:
        self.peer = peer
        self.points = peer.create_publisher(PointCloud2, "skeletons/points", 10)
        self.info = peer.create_publisher(String, "skeletons/info", LATCHED)
        self.info.publish(info_message(BLAZEPOSE_33))
        self.told = peer.listen(String, "posture/people")
        self.ended = peer.listen(String, "posture/repetitions")
        self.markers = peer.listen(MarkerArray, "posture/markers")
        self.postures = peer.listen(hri_msgs.BodyPosture, "humans/bodies/p1/posture")
        self.angles = peer.listen(JointState, "humans/bodies/p1/angles")
        self.stamp_ns = 1_700_000_000 * 10**9

    def wait_for(self, node) -> None:
        self.peer.wait(self.points.get_subscription_count, "a subscriber of skeletons/points")
        self.peer.wait(self.info.get_subscription_count, "a subscriber of skeletons/info")
        for topic in ("posture/people", "posture/repetitions", "posture/markers"):
            self.peer.wait(lambda t=topic: node.count_subscribers(t), topic)
            self.peer.wait(lambda t=topic: self.peer.count_publishers(t), topic)

    def show(self, people, step_ns=66_666_667, frame=CAMERA, wait=True):
        """One frame of people; waits for what is told of it."""
        self.stamp_ns += step_ns
        count = len(self.told)
        self.points.publish(people_message(people, header_of(self.stamp_ns, frame)))
        if wait:
            self.peer.wait(lambda: len(self.told) > count, "an answer")
            return json.loads(self.told[-1].data)
        return None


@pytest.fixture
def stage(peer):
    return Stage(peer)


def test_squats_are_told_counted_and_shown(posture, stage, peer):
    node = posture()
    stage.wait_for(node)
    acted = act("squat", 61, 9.0, 15.0, Errors(0.005, 0.01))
    persons = level(acted)
    seen = []
    for person, true in zip(persons, acted.postures, strict=True):
        told = stage.show([person])
        (one,) = told["people"]
        seen.append(one["posture"] == true)
    assert np.mean(seen) > 0.85
    assert told["stamp"] == {"sec": stage.stamp_ns // 10**9, "nanosec": stage.stamp_ns % 10**9}
    assert one["repetitions"]["squat"] >= 1
    assert len(stage.ended) == one["repetitions"]["squat"]
    ended = json.loads(stage.ended[0].data)
    assert (ended["id"], ended["exercise"], ended["number"]) == ("p1", "squat", 1)
    peer.spin_for(0.3)
    kinds = {message.posture for message in stage.postures}
    assert {hri_msgs.BodyPosture.STANDING, hri_msgs.BodyPosture.CROUCHING} <= kinds
    assert stamp_to_ns(stage.postures[-1].header.stamp) == stage.stamp_ns
    message = stage.angles[-1]
    expected = joint_angles(persons[-1], CAMERA_UP)
    given = dict(zip(message.name, message.position, strict=True))
    assert given["left_knee_flexion"] == pytest.approx(expected["left_knee_flexion"], abs=0.02)
    assert np.isfinite(list(given.values())).all()
    marker = stage.markers[-1].markers[0]
    assert "p1 " in marker.text
    assert "x squat" in marker.text
    head = persons[-1].camera_from_joint["head"].translation
    assert marker.pose.position.y == pytest.approx(head[1] - 0.35, abs=0.02)
    stage.show([])
    peer.wait(lambda: stage.markers[-1].markers[0].action == Marker.DELETE, "a deleted marker")
    assert json.loads(stage.told[-1].data)["people"] == []


def test_reset_starts_at_nothing(posture, stage, peer):
    node = posture()
    stage.wait_for(node)
    acted = act("squat", 61, 7.0, 15.0, Errors(0.005, 0.01))
    for person in level(acted):
        told = stage.show([person])
    assert told["people"][0]["repetitions"]["squat"] >= 1
    client = peer.create_client(Trigger, "/posture/reset")
    peer.wait(client.service_is_ready, "the service")
    future = client.call_async(Trigger.Request())
    peer.wait(future.done, "an answer")
    assert future.result().success
    assert stage.show([person])["people"][0]["repetitions"]["squat"] == 0


def show_some(stage, persons, **more):
    for person in persons[:8]:
        told = stage.show([person], **more)
    return told["people"][0]["posture"]


def test_up_is_the_peoples_own_z_where_their_frame_is_no_cameras(posture, stage):
    node = posture()
    stage.wait_for(node)
    persons = level(act("lie", 3, 2.0))
    assert show_some(stage, persons) == "lying"
    # Who stands before a level camera, in that camera's own numbers, lies by a frame with z up.
    standing = level(act("stand", 3, 2.0))
    assert show_some(stage, standing) == "standing"
    assert show_some(stage, standing, frame="base_link") != "standing"


def test_up_by_tf_and_silence_without_it(posture, stage, peer):
    node = posture(up_frame="floor")
    stage.wait_for(node)
    acted = act("stand", 3, 2.0)
    stage.show([acted.persons[0]], wait=False)
    peer.diagnosis("nobody knows where up is", "floor")
    assert not stage.told
    # The camera as it was: `floor` from camera turns up into z.
    axis = np.cross(acted.up, [0, 0, 1.0])
    angle = np.arctan2(np.linalg.norm(axis), acted.up[2])
    x, y, z, w = map(float, quaternion_from_matrix(rotation_exp(axis / np.linalg.norm(axis) * angle)))
    transform = TransformStamped(header=header_of(0, "floor"), child_frame_id=CAMERA)
    rotation = transform.transform.rotation
    rotation.x, rotation.y, rotation.z, rotation.w = x, y, z, w
    static = peer.create_publisher(TFMessage, "/tf_static", LATCHED)
    static.publish(TFMessage(transforms=[transform]))

    def told():
        stage.show([acted.persons[0]], wait=False)
        peer.spin_for(0.1)
        return stage.told

    peer.wait(told, "an answer once TF is there")
    assert show_some(stage, acted.persons) == "standing"


def test_silence_is_explained(posture, peer):
    posture()
    peer.diagnosis("no skeletons/points", "nobody publishes")


def test_unknown_exercises_are_refused(posture):
    node = posture(repetition__exercises="burpee")
    assert node.state == "unconfigured"
    assert "valid: squat, lunge, push_up, arm_raise" in node.failure


def test_ctrl_c_ends_the_process_while_markers_are_shown(process, stage):
    running = process(script="pose_ros.ros.posture_node")
    (person, *_) = level(act("stand", 3, 2.0))

    def heard():
        stage.show([person], wait=False)
        stage.peer.spin_for(0.1)
        return stage.told and stage.markers

    stage.peer.wait(heard, "an answer of the process")
    assert running.stop() == 0
    assert "Traceback" not in running.log
