"""grasp over DDS: a block on a table, seen from above, as detections and depth."""

from __future__ import annotations

import json

import numpy as np
import pytest
from geometry_msgs.msg import PoseArray
from harness import Runner, transforms
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stand_in import CAMERA
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.isaac_file import IsaacGrasp, IsaacGrasps, write_isaac_grasps
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros import objects_messages
from pose_ros.ros.clouds import cloud_message
from pose_ros.ros.conversions import (
    header_of,
    message_from_camera,
    message_from_depth,
    stamp_to_ns,
)
from pose_ros.ros.grasp_node import GraspNode
from pose_ros.ros.tf_messages import Frames, TFMessages
from pose_ros.sources.synthetic.objects import build
from pose_ros.types import TrackedObject, TrackState

pytest.importorskip("trimesh")
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
FRAME = "camera_color_optical_frame"
SIZE = np.array([0.05, 0.06, 0.08])
TABLE = 0.6  # m before a camera that looks straight down
BASE_FROM_CAMERA = RigidTransform(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.0, TABLE]))
FAST = {"onboard__samples": 200, "onboard__pairs": 50, "onboard__grasps": 40, "onboard__approaches": 8}


class Table:
    """Publishes what object_pose would of a block that stands at `place` (x, y) m in the camera's frame."""

    def __init__(self, peer, tmp_path):
        self.peer, self.stamp_ns = peer, 1_700_000_000 * 10**9
        self.mesh = build.box(SIZE)
        self.file = tmp_path / "block.obj"
        lines = [f"v {x} {y} {z}" for x, y, z in (self.mesh.vertices * 1000).tolist()]
        lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in self.mesh.triangles.tolist()]
        self.file.write_text("\n".join(lines))  # in mm, which nobody says
        self.models = peer.create_publisher(String, "objects/models", LATCHED)
        self.detections = peer.create_publisher(Detection3DArray, "objects/detections", 10)
        self.depth = peer.create_publisher(Image, "depth", qos_profile_sensor_data)
        self.info = peer.create_publisher(CameraInfo, "camera_info", qos_profile_sensor_data)
        self.points = peer.create_publisher(PointCloud2, "objects/points", 1)
        static = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.tf_static = peer.create_publisher(TFMessage, "/tf_static", static)

    def tell_models(self, **entries):
        block = {"mesh": str(self.file), "bounds": self.mesh.bounds.tolist(), "symmetries": None}
        self.models.publish(String(data=json.dumps({"block": block} | entries)))

    def tell_base(self, frame="base"):
        quaternion = BASE_FROM_CAMERA.quaternion[None]
        frames = Frames([frame], [FRAME], BASE_FROM_CAMERA.translation[None], quaternion)
        self.tf_static.publish(TFMessages()(frames, header_of(0, "")))

    def pose(self, place=(0.0, 0.0)):
        return RigidTransform(np.diag([1.0, -1.0, -1.0]), np.array([*place, TABLE - SIZE[2] / 2]))

    def show(self, *objects, sigma=0.001, wall=None, scene="depth"):
        """objects: (id, label, place). Returns the stamp."""
        self.stamp_ns += 33_333_333
        header = header_of(self.stamp_ns, FRAME)
        if scene == "depth":
            self.depth.publish(message_from_depth(self.picture(objects, wall), self.stamp_ns, FRAME))
            self.info.publish(message_from_camera(CAMERA, self.stamp_ns, FRAME))
        elif scene == "points":
            self.points.publish(self.cloud(objects, header))
        covariance = np.diag([sigma**2] * 3 + [(10 * sigma) ** 2] * 3)
        seen = [
            TrackedObject(
                id, label, TrackState.TRACKED, 5, 0.9, self.pose(place), covariance, 1.0, TABLE, False
            )
            for id, label, place in objects
        ]
        models = dict.fromkeys({label for _, label, _ in objects}, self)
        self.peer.spin_for(0.03)  # results come later than their picture
        self.detections.publish(objects_messages.detection_array(seen, models, header))
        return self.stamp_ns

    bounds = np.array([-SIZE / 2, SIZE / 2])

    def picture(self, objects, wall):
        depth = np.full((CAMERA.height, CAMERA.width), TABLE, np.float32)
        x, y = np.moveaxis(CAMERA.ray_grid[..., :2], -1, 0)
        for _, _, place in objects:
            top = TABLE - SIZE[2]
            inside = (np.abs(x * top - place[0]) < SIZE[0] / 2) & (np.abs(y * top - place[1]) < SIZE[1] / 2)
            depth[inside] = top
        if wall is not None:
            depth[x * wall[1] > wall[0]] = wall[1]
        return depth

    def cloud(self, objects, header):
        kind = np.dtype([(name, "<f4") for name in "xyz"] + [("instance", "<u4")])
        points = np.zeros(400 * len(objects), kind)
        for n, (_, _, place) in enumerate(objects):
            part = self.mesh.points(*self.mesh.sample(400, np.random.default_rng(n)))
            part = self.pose(place).apply(part)
            mine = points[400 * n : 400 * (n + 1)]
            mine["x"], mine["y"], mine["z"] = part.T
            mine["instance"] = n + 1
        return cloud_message(points, header)

    def keep_showing(self, condition, what, *objects, **options):
        """Show until the condition holds, as a camera does; returns its value."""

        def look():
            self.show(*objects, **options)
            self.peer.spin_for(0.05)
            return condition()

        return self.peer.wait(look, what)


BLOCK = ("block_1", "block", (0.0, 0.0))
OTHER = ("block_2", "block", (0.15, 0.1))


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Grasps are made once for all tests here."""
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path_factory.getbasetemp() / "grasp_cache"))


@pytest.fixture
def grasp(ros):
    runner = Runner(lambda **options: GraspNode(**options))
    yield lambda **parameters: runner(**(FAST | parameters))
    runner.stop()


@pytest.fixture
def table(peer, tmp_path):
    return Table(peer, tmp_path)


def ask(peer, **values):
    client = peer.create_client(SetParametersAtomically, "/grasp/plan")
    peer.wait(client.service_is_ready, "plan")
    given = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    return client.call_async(SetParametersAtomically.Request(parameters=given))


def planned(message, k=0):
    pose = message.poses[k]
    q, p = pose.orientation, pose.position
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], [p.x, p.y, p.z])


def test_frames_of_the_best_grasps_at_the_image_s_stamp(grasp, peer, table):
    grasp(most=2)
    table.tell_models()
    tf = peer.listen(TFMessage, "/tf")
    table.keep_showing(lambda: transforms(tf), "frames", BLOCK, OTHER)
    heard = len(tf)
    peer.wait(lambda: table.show(BLOCK, OTHER) and peer.spin_for(0.2) is None and len(tf) > heard, "more")
    last = tf[-1].transforms
    names = [transform.child_frame_id for transform in last]
    assert names == [f"{id}/grasp_{k}" for id in ("block_1", "block_2") for k in (0, 1)]
    assert {transform.header.frame_id for transform in last} == {FRAME}
    stamp = stamp_to_ns(last[0].header.stamp)
    assert (table.stamp_ns - stamp) % 33_333_333 == 0
    for transform, place in zip(last[::2], (BLOCK[2], OTHER[2]), strict=True):
        t = transform.transform.translation
        assert np.linalg.norm(np.array([t.x, t.y]) - place) < 0.05
        assert TABLE - 0.09 < t.z < TABLE


def test_poses_and_markers_fit_the_block_and_go_with_it(grasp, peer, table):
    grasp(publish_tf=False)
    table.tell_models()
    poses = peer.listen(PoseArray, "grasp/poses")
    markers = peer.listen(MarkerArray, "grasp/markers")
    table.keep_showing(lambda: poses and poses[-1].poses and markers, "poses", BLOCK)
    message = poses[-1]
    assert 0 < len(message.poses) <= 3
    in_block = table.pose().inverse() @ planned(message)
    assert np.all(np.abs(in_block.translation) < SIZE / 2 + 0.01)
    closing = np.abs(in_block.rotation[:, 1])
    assert closing[2] < 0.5  # 0.08 m is more than can be spanned
    approach = planned(message).rotation[:, 2]
    assert approach[2] > -0.2  # never from below: the camera looks down
    assert {marker.type for marker in markers[-1].markers} == {Marker.CUBE}
    assert {marker.ns for marker in markers[-1].markers} == {"block_1"}
    assert len(markers[-1].markers) % 5 == 0

    def of(action):
        return {m.id for array in markers for m in array.markers if m.action == action}

    gone = table.keep_showing(lambda: of(Marker.DELETE), "deletion")
    assert gone <= of(Marker.ADD)
    peer.wait(lambda: not poses[-1].poses, "an empty array")


def test_a_wall_in_the_depth_takes_grasps_away(grasp, peer, table):
    node = grasp()
    table.tell_models()
    table.keep_showing(lambda: node.plans and node.plans[0].grasps, "a plan", BLOCK)
    free = node.plans[0]
    table.keep_showing(
        lambda: node.plans[0].taken.get("meet something else"), "fewer", BLOCK, wall=(0.045, TABLE - 0.2)
    )
    walled = node.plans[0]
    assert walled.taken["meet something else"] > free.taken["meet something else"]
    assert "meet something else" in walled.reason
    for one in walled.grasps:  # no finger is beyond the wall
        for side in (-1, 1):
            tip = one.root_from_tcp.apply(np.array([0, side * one.opening / 2, 0]))
            assert tip[0] < 0.045
    assert free.plane is not None
    assert free.plane.height(np.array([0.1, 0.1, TABLE])) == pytest.approx(0, abs=0.003)


def test_base_frame_gives_up_and_reach(grasp, peer, table):
    node = grasp(base_frame="base", plan__reach_most=0.45)
    table.tell_models()
    table.tell_base()
    reason = table.keep_showing(
        lambda: node.plans and node.plans[0].taken and node.plans[0].reason, "it", BLOCK
    )
    assert "out of reach" in reason  # the block stands 0.5 m from the base
    assert "approach from below" in reason


def test_a_base_that_tf_does_not_know_is_told_and_nothing_is_made_up(grasp, peer, table):
    grasp(base_frame="nowhere")
    table.tell_models()
    tf = peer.listen(TFMessage, "/tf")
    for _ in range(5):
        table.show(BLOCK)
        peer.spin_for(0.1)
    peer.diagnosis("no grasps are planned", "'nowhere'")
    assert not transforms(tf)


def test_without_surroundings_nothing_is_planned_unless_that_is_wanted(grasp, peer, table):
    node = grasp()
    table.tell_models()
    answer = ask(peer, timeout=1.0)
    table.keep_showing(answer.done, "the answer", BLOCK, scene="none")
    result = answer.result().result
    assert not result.successful
    assert "no depth within 0.1 s of the objects" in result.reason
    assert not node.plans
    peer.diagnosis("nothing is known of the surroundings")


def test_scene_none_plans_without(grasp, peer, table):
    node = grasp(scene="none")
    table.tell_models()
    table.keep_showing(lambda: node.plans and node.plans[0].grasps, "a plan", BLOCK, scene="none")
    assert "meet what it stands on" not in node.plans[0].taken


def test_a_cloud_with_instances_knows_whose_points_are_whose(grasp, peer, table):
    """Two blocks side by side: each is in the other's way, not in its own."""
    node = grasp(scene="points")
    table.tell_models()
    near = ("block_2", "block", (0.06, 0.0))
    table.keep_showing(
        lambda: len(node.plans) == 2 and node.plans[0].candidates, "plans", BLOCK, near, scene="points"
    )
    for plan in node.plans:
        assert plan.grasps
        assert plan.taken["meet something else"] > 0
    table.keep_showing(lambda: len(node.plans) == 1, "one plan", BLOCK, scene="points")
    assert node.plans[0].taken["meet something else"] == 0


class TestPlan:
    def test_answers_when_it_has_published_what_it_found(self, grasp, peer, table):
        grasp(publish_tf=False)
        table.tell_models()
        tf, poses = peer.listen(TFMessage, "/tf"), peer.listen(PoseArray, "grasp/poses")
        answer = ask(peer, objects=["block"])
        table.keep_showing(answer.done, "the answer", BLOCK)
        result = answer.result().result
        assert result.successful
        assert result.reason.startswith("block_1: ")
        assert "grasps can be done, the best with quality" in result.reason
        assert "block_1/grasp_0" in peer.wait(lambda: transforms(tf), "frames")
        assert peer.wait(lambda: poses and poses[-1].poses, "poses")

    def test_waits_for_the_object_that_is_asked_for(self, grasp, peer, table):
        grasp()
        table.tell_models()
        answer = ask(peer, objects=["block_2"])
        for _ in range(15):
            table.show(BLOCK)
            peer.spin_for(0.05)
        assert not answer.done()
        table.keep_showing(answer.done, "the answer", BLOCK, OTHER)
        assert answer.result().result.successful
        assert answer.result().result.reason.startswith("block_2: ")

    def test_nothing_possible_tells_why(self, grasp, peer, table):
        grasp(plan__approach_angle=0.0)
        table.tell_models()
        answer = ask(peer)
        table.keep_showing(answer.done, "the answer", ("block_1", "block", (0.0, 0.0)))
        result = answer.result().result
        assert not result.successful or "approach from below" in result.reason
        assert "approach from below" in result.reason

    def test_objects_that_are_not_there_or_not_known(self, grasp, peer, table):
        grasp()
        table.tell_models(tea={"mesh": "/nowhere/tea.obj"})
        answer = ask(peer, objects=["block"], timeout=0.5)
        table.keep_showing(answer.done, "the answer")
        assert answer.result().result.reason == "no grasps within 0.5 s: no object is in sight"
        answer = ask(peer, objects=["tea", "cup"], timeout=20.0)
        shown = (("tea_1", "tea", (0.0, 0.0)), ("cup_1", "cup", (0.2, 0.0)))
        table.keep_showing(answer.done, "the answer", *shown)
        reason = answer.result().result.reason
        assert "tea_1: no grasps of tea: /nowhere/tea.obj does not exist" in reason
        assert "cup_1: objects/models tells of no cup" in reason

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"object": ["a"]}, "unknown parameter of plan 'object'; valid: objects, timeout"),
            ({"objects": [1, 2]}, "must be ids or labels"),
            ({"timeout": -1.0}, "timeout is -1.0, must be seconds in (0, 600]"),
        ],
    )
    def test_a_bad_request_is_refused_at_once(self, grasp, peer, values, words):
        grasp()
        answer = ask(peer, **values)
        peer.wait(answer.done, "the answer")
        assert not answer.result().result.successful
        assert words in answer.result().result.reason

    def test_a_node_that_is_not_active_says_so(self, grasp, peer):
        node = grasp()
        waiting = ask(peer, timeout=60.0)
        peer.spin_for(0.3)
        node.trigger_deactivate()
        peer.wait(waiting.done, "an answer of a node that stops")
        assert "was deactivated" in waiting.result().result.reason
        answer = ask(peer)
        peer.wait(answer.done, "the answer")
        assert answer.result().result.reason == "grasp is inactive, it must be active"


def test_nothing_is_computed_while_nobody_listens(grasp, peer, table):
    node = grasp(publish_tf=False)
    table.tell_models()
    for _ in range(5):
        table.show(BLOCK)
        peer.spin_for(0.05)
    assert not node.library.known
    assert node.worker.done == 0


def test_grasps_of_a_file_are_used_instead_of_a_search(grasp, peer, table, tmp_path):
    folder = tmp_path / "grasps"
    folder.mkdir()
    tcp = RigidTransform(np.diag([1.0, -1.0, -1.0]), np.array([0, 0, 0.02]))
    link = tcp @ Gripper().link_from_tcp.inverse()
    one = IsaacGrasp(0.8, link, {"panda_finger_joint1": 0.03}, {"panda_finger_joint1": 0.04})
    write_isaac_grasps(IsaacGrasps({"mine": one}), folder / "block.yaml")
    node = grasp(grasp_files=str(folder))
    table.tell_models()
    table.keep_showing(lambda: node.plans and node.plans[0].grasps, "a plan", BLOCK)
    (found,) = node.plans[0].grasps
    assert found.quality == pytest.approx(0.8)
    expected = (table.pose() @ tcp).translation
    np.testing.assert_allclose(found.root_from_tcp.translation, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"gripper_file": "/nowhere/hand.yaml"}, "/nowhere/hand.yaml cannot be read"),
        ({"grasp_files": "/nowhere"}, "there is no folder /nowhere"),
    ],
)
def test_what_cannot_be_configured_is_told(grasp, peer, parameters, words):
    node = grasp(**parameters)
    assert node.state == "unconfigured"
    peer.diagnosis("cannot be configured", words)
