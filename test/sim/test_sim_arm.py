"""A simulated arm goes where it is told, within its URDF's limits, and a tape shows it again."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the simulator needs pybullet")
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sim.arm import ARMS, Arm
from pose_ros.sim.engine import RATE, SimError, connect
from pose_ros.sim.film import Tape


@pytest.fixture
def client():
    world = connect()
    yield world
    world.disconnect()


def test_an_unknown_robot_is_refused_with_those_that_exist(client):
    with pytest.raises(SimError, match="valid: panda, iiwa, xarm6"):
        Arm(client, "shovel")


def test_without_the_engine_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pybullet", None)
    with pytest.raises(SimError, match=r"pip install 'pose_ros\[sim\]'"):
        connect()


@pytest.mark.parametrize("name", ARMS)
def test_an_arm_reaches_what_it_is_told_no_faster_than_its_urdf_allows(client, name):
    arm = Arm(client, name)
    goal = np.clip(arm.q + 0.5, arm.lower, arm.upper)
    arm.command(goal)
    fastest = 0.0
    for _ in range(round(3 * RATE)):
        client.stepSimulation()
        fastest = max(fastest, float((np.abs(arm.qd) / arm.velocity).max()))
    np.testing.assert_allclose(arm.q, goal, atol=0.01)
    assert fastest < 1.05


def test_nothing_is_gone_to_beyond_the_limits(client):
    arm = Arm(client)
    arm.command(arm.upper + 1)
    for _ in range(round(4 * RATE)):
        client.stepSimulation()
    assert (arm.q < arm.upper + 0.02).all()


def test_the_hand_turns_with_the_base_and_with_the_first_joint(client):
    turn = RigidTransform(rotation_exp(np.array([0, 0, 0.4])), np.array([0.3, -0.2, 0.1]))
    plain, moved = Arm(client), Arm(client, base=turn)
    np.testing.assert_allclose(moved.pose().translation, turn.apply(plain.pose().translation), atol=1e-6)
    q = plain.q
    q[0] += 0.4
    about = RigidTransform(turn.rotation, np.zeros(3)) @ plain.pose()
    plain.reset(q)
    np.testing.assert_allclose(plain.pose().translation, about.translation, atol=1e-6)
    np.testing.assert_allclose(plain.pose().rotation, about.rotation, atol=1e-6)


def test_both_fingers_go_together_to_the_opening(client):
    arm = Arm(client)
    for opening in (0.0, 0.05, 0.08):
        arm.grip(opening)
        for _ in range(round(1.0 * RATE)):
            client.stepSimulation()
        assert arm.opening == pytest.approx(opening, abs=1e-3)


def test_a_tape_shows_what_was(client):
    arm = Arm(client)
    tape = Tape(arm, rate=24.0)
    arm.command(arm.q + 0.3)
    poses = []
    for _ in range(48):
        client.stepSimulation()
        tape()
        poses.append(arm.pose().translation)
    assert len(tape.stills) == 5
    for n, still in enumerate(tape.stills):
        tape.show(still)
        np.testing.assert_allclose(arm.pose().translation, poses[10 * n], atol=1e-6)
