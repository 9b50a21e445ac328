"""The node ar over DDS: what is drawn, where, when, and what is said where it cannot be."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
import yaml
from geometry_msgs.msg import TransformStamped
from harness import Runner
from imports import ROOT
from launch_files import node_of
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, PointCloud2
from stand_in import CAMERA, FRAME_ID, StandInConfig, StandInPipeline, scene
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesis, ObjectHypothesisWithPose

from pose_ros.apps.ar.anchor import Place, places_of_people
from pose_ros.apps.ar.overlay import Overlay
from pose_ros.apps.ar.thing import things_from
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.ros.ar_node import ArNode
from pose_ros.ros.conversions import header_of, rgb_from_message, stamp_to_ns
from pose_ros.ros.people_cloud import info_message, people_message
from pose_ros.ros.publishing import make_latched, make_publisher
from pose_ros.skeleton import COCO_17
from pose_ros.types import RGBDFrame

RINGS = "".join(f"{side}: {{shape: ring, anchor: {side}_wrist, scale: 3}}\n" for side in ("left", "right"))
BOX = "box: {shape: box, anchor: 'object:mug', tolerance: 1}\n"
BOARD = "board: {shape: box, anchor: 'frame:board', tolerance: 1}\n"


@pytest.fixture
def ar(ros, tmp_path):
    """ar(text of the file of things, parameters) starts the node."""
    runner = Runner(functools.partial(ArNode))

    def start(things: str = "", **parameters):
        if things:
            (tmp_path / "things.yaml").write_text(things)
            parameters["things"] = str(tmp_path / "things.yaml")
        return runner(**parameters)

    yield start
    runner.stop()


@pytest.fixture
def pictures(peer):
    return peer.listen(Image, "ar/image")


class Told:
    """What human_pose and object_pose would say, said by the test."""

    def __init__(self, peer):
        self.peer = peer
        make_latched(peer, String, "skeletons/info").publish(info_message(COCO_17))
        self.points = make_publisher(peer, PointCloud2, "skeletons/points")
        self.detections = make_publisher(peer, Detection3DArray, "objects/detections")

    def people(self, stamp_ns, people, frame_id=FRAME_ID):
        self.points.publish(people_message(list(people), header_of(stamp_ns, frame_id)))

    def mug(self, stamp_ns, *poses, frame_id=FRAME_ID):
        array = Detection3DArray(header=header_of(stamp_ns, frame_id))
        for n, pose in enumerate(poses):
            detection = Detection3D(id=f"mug_{n}", header=array.header)
            result = ObjectHypothesisWithPose(hypothesis=ObjectHypothesis(class_id="mug", score=0.9))
            p, q = result.pose.pose.position, result.pose.pose.orientation
            p.x, p.y, p.z = map(float, pose.translation)
            q.x, q.y, q.z, q.w = map(float, pose.quaternion)
            detection.results.append(result)
            array.detections.append(detection)
        self.detections.publish(array)


@pytest.fixture
def told(peer):
    return Told(peer)


def frame_of(rgb, depth, stamp_ns):
    return RGBDFrame(
        rgb, np.round(depth * 1000).astype(np.float32) / np.float32(1000), CAMERA, stamp_ns, FRAME_ID
    )


def assert_drawn(message, expected, stamp_ns):
    assert (stamp_to_ns(message.header.stamp), message.header.frame_id) == (stamp_ns, FRAME_ID)
    assert message.encoding == "rgb8"
    difference = np.abs(rgb_from_message(message).astype(int) - expected)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.01


def test_rings_are_drawn_on_the_wrists_that_human_pose_finds(ar, node, peer, camera, pictures):
    node()
    ar(RINGS)
    camera.wait_for_node()
    peer.wait(lambda: peer.count_subscribers("skeletons/points"), "ar")
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    peer.spin_for(0.3)
    rgb, depth = scene((300, 220), depth=1.5)
    stamp = camera.shoot(rgb, depth)
    picture = peer.wait(lambda: pictures, "a picture")[0]
    frame = frame_of(rgb, depth, stamp)
    people = StandInPipeline(StandInConfig())(frame)
    expected = Overlay(things=things_from(yaml.safe_load(RINGS)))(frame, places_of_people(people)).rgb
    assert (expected != rgb).any(-1).sum() > 500
    assert_drawn(picture, expected, stamp)
    # Nobody there: the picture is the camera's, byte for byte.
    rgb, depth = scene()
    stamp = camera.shoot(rgb, depth)
    empty = peer.wait(lambda: [p for p in pictures if stamp_to_ns(p.header.stamp) == stamp], "the next")[0]
    np.testing.assert_array_equal(rgb_from_message(empty), rgb)


def test_objects_and_frames_of_another_root_are_drawn_where_tf_has_them(ar, peer, camera, pictures, told):
    ar(BOX + BOARD)
    camera.wait_for_node(camera.image, camera.depth, camera.info, told.detections)
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    static = peer.create_publisher(TFMessage, "/tf_static", latched)
    camera_from_map = RigidTransform(rotation_exp(np.array([0.3, 0.2, 0.1])), np.array([0.1, 0.0, 1.0]))
    map_from_board = RigidTransform(rotation_exp(np.array([0.1, 0.7, 0])), np.array([0.2, 0.1, 0.2]))
    tree = TFMessage()
    for parent, child, pose in ((FRAME_ID, "map", camera_from_map), ("map", "board", map_from_board)):
        transform = TransformStamped(child_frame_id=child)
        transform.header.frame_id = parent
        t, q = transform.transform.translation, transform.transform.rotation
        t.x, t.y, t.z = map(float, pose.translation)
        q.x, q.y, q.z, q.w = map(float, pose.quaternion)
        tree.transforms.append(transform)
    static.publish(tree)
    peer.spin_for(0.5)
    map_from_mug = RigidTransform(np.eye(3), np.array([-0.25, -0.1, 0.3]))
    rgb, depth = scene(depth=2.0)
    told.mug(camera.stamp_ns + 33_333_333, map_from_mug, frame_id="map")
    stamp = camera.shoot(rgb, depth)
    picture = peer.wait(lambda: pictures, "a picture")[0]
    things = things_from(yaml.safe_load(BOX + BOARD))
    places = [
        Place("object", "mug_0", camera_from_map @ map_from_mug, "mug"),
        Place("frame", "board", camera_from_map @ map_from_board),
    ]
    expected = Overlay(things=things)(frame_of(rgb, depth, stamp), places).rgb
    assert (expected != rgb).any(-1).sum() > 2000
    assert_drawn(picture, expected, stamp)


def test_a_frame_that_tf_does_not_know_is_told_of_and_not_drawn(ar, peer, camera, pictures):
    ar(BOARD)
    camera.wait_for_node()
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    peer.spin_for(0.3)
    rgb, depth = scene()
    camera.shoot(rgb, depth)
    picture = peer.wait(lambda: pictures, "a picture")[0]
    np.testing.assert_array_equal(rgb_from_message(picture), rgb)
    assert peer.diagnosis("board", "not drawn")


def test_nothing_is_drawn_where_it_was_before(ar, peer, camera, pictures, told):
    """Pictures whose poses are skipped or late are left out; when none are told they come as they are."""
    ar(BOX, wait=0.3)
    camera.wait_for_node(camera.image, camera.depth, camera.info, told.detections)
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    peer.spin_for(0.3)
    rgb, depth = scene(depth=2.0)
    pose = RigidTransform(np.eye(3), np.array([0.0, 0, 1.0]))
    stamps = []
    for posed in (True, False, True):
        stamps.append(camera.shoot(rgb, depth))
        if posed:
            told.mug(stamps[-1], pose)
        peer.spin_for(0.1)
    peer.wait(lambda: len(pictures) == 2, "two pictures")
    camera.shoot(rgb, depth)
    assert peer.diagnosis("objects", "not told within 0.3 s")
    left_out = "pictures left out as their poses were"
    assert peer.wait(lambda: peer.diagnostic_value(left_out) == "1", "its count")
    assert peer.diagnosis("no objects/detections")  # two seconds without
    last = camera.shoot(rgb, depth)
    peer.wait(lambda: len(pictures) == 3, "a picture without")
    assert [stamp_to_ns(p.header.stamp) for p in pictures] == [stamps[0], stamps[2], last]
    assert (rgb_from_message(pictures[1]) != rgb).any()
    np.testing.assert_array_equal(rgb_from_message(pictures[2]), rgb)


def test_nothing_is_drawn_while_nobody_looks(ar, peer, camera):
    node = ar(BOX)
    camera.wait_for_node()
    for _ in range(3):
        camera.shoot(*scene())
        peer.spin_for(0.1)
    assert peer.diagnosis("nobody looks")
    assert "draw" not in node.health.stages
    assert node.worker.done == 0


def test_it_says_who_is_silent_and_draws_what_it_can(ar, peer, camera, pictures, told):
    ar(RINGS + BOX)
    camera.wait_for_node(camera.image, camera.depth, camera.info, told.detections)
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    peer.spin_for(0.3)
    assert peer.diagnosis("no skeletons/points", "not drawn")
    assert peer.diagnosis("no image", timeout=10)
    rgb, depth = scene(depth=2.0)

    def shot_and_drawn():
        told.mug(camera.shoot(rgb, depth), RigidTransform(np.eye(3), np.array([0.0, 0, 1.0])))
        peer.spin_for(0.1)
        return pictures

    picture = peer.wait(shot_and_drawn, "a picture")[0]  # skeletons/points has a publisher, and is mute
    assert (rgb_from_message(picture) != rgb).any()


def test_a_broken_file_of_things_is_told_of(ar, peer):
    node = ar("hat: {shape: fez, anchor: head}\n")
    assert node.state == "unconfigured"
    assert peer.diagnosis("cannot be configured", "things.yaml", "fez", "hat, ring")


def test_a_picture_that_is_none_is_told_of_and_the_next_is_drawn(ar, peer, camera, pictures):
    ar(BOARD.replace("board'", f"{FRAME_ID}', xyz: [0, 0, 1]"))
    camera.wait_for_node()
    peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
    peer.spin_for(0.3)
    shot = camera.messages(*scene())
    shot.image.encoding = "nonsense"
    camera.publish(shot)
    assert peer.diagnosis("frame refused", "nonsense")
    rgb, depth = scene()
    camera.shoot(rgb, depth)
    picture = peer.wait(lambda: pictures, "a picture")[0]
    assert (rgb_from_message(picture) != rgb).any()  # a box a metre before the camera itself


def test_the_launch_file_gives_parameters_and_topics_that_are_the_nodes(ar):
    node = ar()
    launched = node_of("ar")
    topics = {subscription.topic_name for subscription in node.subscriptions}
    assert {f"/{remap.get('from')}" for remap in launched.findall("remap")} <= topics
    assert {"/skeletons/points", "/objects/detections"} <= topics
    assert all(node.has_parameter(p.get("name")) for p in launched.findall("param") if p.get("name"))
    examples = re.findall(r"^#   ([\w.]+):", (ROOT / "config" / "ar.yaml").read_text(), re.M)
    assert examples
    assert all(node.has_parameter(name) for name in examples)


def test_cleaned_up_and_started_again_it_draws(ar, peer, camera, pictures):
    node = ar(BOARD.replace("board'", f"{FRAME_ID}', xyz: [0, 0, 1]"), autostart=False)
    for _ in range(2):
        node.trigger_configure()
        node.trigger_activate()
        camera.wait_for_node()
        peer.wait(lambda: peer.count_publishers("ar/image"), "its picture")
        peer.spin_for(0.3)
        before = len(pictures)
        camera.shoot(*scene())
        peer.wait(lambda before=before: len(pictures) > before, "a picture")
        node.trigger_deactivate()
        node.trigger_cleanup()
    assert node.state == "unconfigured"
