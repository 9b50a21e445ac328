"""The whole loop on one small table: real nodes over DDS, simulated camera, arm and physics."""

from __future__ import annotations

import importlib.util
import json
from types import SimpleNamespace

import numpy as np
import pytest
from geometry_msgs.msg import Pose

from pose_ros.ros import demo_grasp as module

HAVE = all(importlib.util.find_spec(name) for name in ("pybullet", "moveit_msgs"))
pytestmark = pytest.mark.skipif(not HAVE, reason="pybullet or moveit_msgs is not installed")


def test_a_grasp_message_is_three_poses_of_the_hand():
    from moveit_msgs.msg import Grasp
    from trajectory_msgs.msg import JointTrajectoryPoint

    message = Grasp(id="mug_1/grasp_0", grasp_quality=0.7)
    message.grasp_pose.pose = Pose()
    message.grasp_pose.pose.position.z = 0.3
    message.grasp_pose.pose.orientation.w = 1.0
    message.pre_grasp_posture.points = [JointTrajectoryPoint(positions=[0.03])]
    message.pre_grasp_approach.desired_distance = 0.1
    message.pre_grasp_approach.direction.vector.x = 1.0
    message.post_grasp_retreat.desired_distance = 0.2
    message.post_grasp_retreat.direction.vector.z = 1.0
    pick = module._pick_of(message)
    np.testing.assert_allclose(pick.pregrasp.translation, [-0.1, 0, 0.3], atol=1e-6)
    np.testing.assert_allclose(pick.lift.translation, [0, 0, 0.5], atol=1e-6)
    assert (pick.opening, pick.score) == pytest.approx((0.06, 0.7))


def test_only_the_latest_grasps_of_the_object_count():
    def grasp(id: str, sec: int) -> SimpleNamespace:
        stamp = SimpleNamespace(sec=sec, nanosec=0)
        return SimpleNamespace(id=id, grasp_pose=SimpleNamespace(header=SimpleNamespace(stamp=stamp)))

    heard = [grasp("mug_1/grasp_0", 1), grasp("mug_1/grasp_0", 2), grasp("can_1/grasp_0", 3)]
    assert module.latest_of(heard, "mug") == [heard[1]]
    assert module.latest_of(heard, "box") == []


def test_a_table_is_picked_from_over_dds(tmp_path, ros, monkeypatch):
    # The test's own context is running; the demo's init and shutdown are not needed.
    monkeypatch.setattr(module.rclpy, "init", lambda: None)
    monkeypatch.setattr(module.rclpy, "try_shutdown", lambda: None)
    small = module.TableConfig(models=2, fewest=1, most=1, strangers=0)
    assert module.demo_grasp(tmp_path, 1, 2, small) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    (tried,) = summary["tries"]
    assert tried["lifted"], tried
    assert tried["error_mm"] < 10
    assert (tmp_path / "grasp.mp4").stat().st_size > 10_000
    assert (tmp_path / "grasp.jpg").exists()
