"""The whole loop, a few seconds long: real networks, real nodes, simulated person and arm."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pytest

from pose_ros.errors import PoseError
from pose_ros.ros import demo_mimicry as module
from pose_ros.ros.demo_mimicry import demo_mimicry, true_hands
from pose_ros.sources.synthetic.scene import SyntheticConfig

SHORT = SyntheticConfig(seed=3, frames=8, people=1, motion="circles")


def test_a_robot_that_is_not_simulated_is_refused(tmp_path):
    with pytest.raises(PoseError, match="panda, iiwa, xarm6"):
        demo_mimicry(tmp_path, robot="scara")


def test_true_hands_turn_against_their_forearms():
    turns = true_hands(SHORT, "right")
    assert turns.shape == (8, 3, 3)
    np.testing.assert_allclose(turns @ turns.swapaxes(-1, -2), np.tile(np.eye(3), (8, 1, 1)), atol=1e-9)


@pytest.mark.skipif(importlib.util.find_spec("pybullet") is None, reason="pybullet is not installed")
def test_an_arm_follows_a_person_within_its_limits(tmp_path, weights_of, ros, monkeypatch):
    # The test's own context is running; the demo's init and shutdown are not needed.
    monkeypatch.setattr(module.rclpy, "init", lambda: None)
    monkeypatch.setattr(module.rclpy, "try_shutdown", lambda: None)
    for name in ("blazepose_detector", "blazepose_full"):
        weights_of(name)
    assert demo_mimicry(tmp_path, "xarm6", "circles", seed=3, seconds=100 / 30) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    figures = summary["figures"]
    assert figures["images"] == 100
    assert figures["answered"] > 10
    assert figures["commands"] > 50
    assert figures["violations"] == 0
    assert (tmp_path / "mimicry.mp4").stat().st_size > 10_000
    assert (tmp_path / "mimicry.jpg").exists()
    if figures["counted"] > 15:  # a busy machine may still be at its soft start
        assert figures["arm"]["wrist_mm"] < 250
