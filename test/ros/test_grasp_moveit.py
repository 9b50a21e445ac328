"""What MoveIt is told: objects added once, then moved, then taken away; grasps as it takes them."""

from __future__ import annotations

import numpy as np
import pytest
from std_msgs.msg import Header

pytest.importorskip("moveit_msgs")
pytest.importorskip("trimesh")

from moveit_msgs.msg import CollisionObject, Grasp
from test_grasp_node import BLOCK, OTHER, SIZE, TABLE, cache, grasp, table

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.library import KnownObject
from pose_ros.apps.grasp.onboard import OnboardConfig, onboard
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.ros.grasp_moveit import CollisionObjects
from pose_ros.sources.synthetic.objects import build
from pose_ros.types import Symmetries

__all__ = ["cache", "grasp", "table"]  # fixtures
PANDA = Gripper()
HERE = RigidTransform(rotation_exp(np.array([0.1, 0.2, 0.3])), np.array([0.5, 0.1, 0.2]))


@pytest.fixture(scope="module")
def known():
    mesh = build.box(SIZE)
    grasps = onboard(mesh, PANDA, None, OnboardConfig(samples=100, pairs=20, grasps=12))
    return {"block": KnownObject(mesh, Symmetries.none(), grasps)}


def vector(message):
    return np.array([message.x, message.y, message.z])


def pose_of(message):
    q = message.orientation
    return RigidTransform.from_quaternion([q.x, q.y, q.z, q.w], vector(message.position))


def test_a_mesh_is_sent_once_then_only_moved_then_removed(known):
    scene, header = CollisionObjects(subframes=4), Header(frame_id="base")
    (first,) = scene({"block_1": ("block", HERE)}, known, header)
    assert (first.id, first.operation, first.header.frame_id) == ("block_1", CollisionObject.ADD, "base")
    (mesh,) = first.meshes
    corners = np.array([vector(v) for v in mesh.vertices])
    np.testing.assert_allclose([corners.min(0), corners.max(0)], [-SIZE / 2, SIZE / 2], atol=1e-9)
    indices = np.array([list(t.vertex_indices) for t in mesh.triangles])
    assert indices.shape == (12, 3)
    assert indices.max() < len(corners)
    np.testing.assert_allclose(pose_of(first.pose).translation, HERE.translation)
    for _ in range(3):
        (again,) = scene({"block_1": ("block", HERE)}, known, header)
        assert again.operation == CollisionObject.MOVE
        assert not again.meshes
        assert not again.subframe_names
    gone, new = scene({"block_2": ("block", HERE)}, known, header)
    assert (gone.id, gone.operation) == ("block_1", CollisionObject.REMOVE)
    assert (new.id, new.operation) == ("block_2", CollisionObject.ADD)
    assert scene({"tea_1": ("tea", HERE)}, known, header)[0].operation == CollisionObject.REMOVE
    assert scene({}, known, header) == []


def test_another_object_under_the_same_id_is_added_anew(known):
    both = known | {"brick": known["block"]}
    scene = CollisionObjects(subframes=1)
    scene({"thing": ("block", HERE)}, both, Header())
    (message,) = scene({"thing": ("brick", HERE)}, both, Header())
    assert message.operation == CollisionObject.ADD
    scene.forget()
    assert scene({"thing": ("brick", HERE)}, both, Header())[0].operation == CollisionObject.ADD


def test_subframes_are_the_best_grasps_fixed_to_the_object(known):
    (message,) = CollisionObjects(subframes=4)({"block_1": ("block", HERE)}, known, Header())
    assert message.subframe_names == ["best_0", "best_1", "best_2", "best_3"]
    pose = known["block"].grasps.object_from_grasp
    for k, subframe in enumerate(message.subframe_poses):
        np.testing.assert_allclose(pose_of(subframe).translation, pose.translation[k])
        np.testing.assert_allclose(pose_of(subframe).rotation, pose.rotation[k], atol=1e-9)


def test_the_node_tells_moveit_over_dds(grasp, peer, table):
    node = grasp(publish_tf=False, most=2)
    table.tell_models()
    objects = peer.listen(CollisionObject, "collision_object", 100)
    table.keep_showing(lambda: len(objects) > 5, "objects", BLOCK)
    operations = [message.operation for message in objects]
    assert operations[0] == CollisionObject.ADD
    assert set(operations[1:]) == {CollisionObject.MOVE}
    np.testing.assert_allclose(pose_of(objects[-1].pose).translation, [0, 0, TABLE - SIZE[2] / 2], atol=1e-9)
    table.keep_showing(lambda: objects[-1].id == "block_2", "the other", OTHER)
    assert CollisionObject.REMOVE in [m.operation for m in objects if m.id == "block_1"]
    node.trigger_deactivate()
    last = lambda: [m for m in objects if m.id == "block_2"][-1].operation  # noqa: E731
    peer.wait(lambda: last() == CollisionObject.REMOVE, "removal when the node stops")


def test_grasps_as_moveit_takes_them(grasp, peer, table):
    node = grasp(publish_tf=False, most=2)
    table.tell_models()
    heard = peer.listen(Grasp, "grasp/grasps", 100)
    table.keep_showing(lambda: len(heard) >= 2, "grasps", BLOCK)
    peer.spin_for(0.3)
    first, planned = heard[-2], node.plans[0].grasps[0]
    assert [m.id for m in heard[-2:]] == ["block_1/grasp_0", "block_1/grasp_1"]
    assert first.grasp_quality == pytest.approx(planned.score)
    assert list(first.allowed_touch_objects) == ["block_1"]
    np.testing.assert_allclose(
        pose_of(first.grasp_pose.pose).translation, planned.root_from_link.translation, atol=1e-9
    )
    approach = planned.root_from_tcp.rotation[:, 2]
    np.testing.assert_allclose(vector(first.pre_grasp_approach.direction.vector), approach, atol=1e-9)
    assert first.pre_grasp_approach.desired_distance == pytest.approx(0.1)
    assert first.pre_grasp_approach.min_distance == pytest.approx(0.05)
    up = vector(first.post_grasp_retreat.direction.vector)
    assert up[2] < -0.99  # the camera looks down
    (before,), (after,) = first.pre_grasp_posture.points, first.grasp_posture.points
    assert list(first.pre_grasp_posture.joint_names) == ["panda_finger_joint1"]
    assert before.positions[0] == pytest.approx(planned.opening / 2)
    assert after.positions[0] == pytest.approx((planned.width - 0.004) / 2)
