"""Made-up runs whose figures are known."""

from pathlib import Path

import numpy as np
import pytest

from pose_ros.apps.mimicry.arm_shape import ArmShape
from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.rehearsal import make_person
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.eval.mimicry import (
    Heard,
    Joints,
    errors,
    followed,
    judge,
    led_by_truth,
    path_of,
    row_of,
    true_path,
    turned_hands,
    violations,
)
from pose_ros.eval.mimicry import Path as ArmPath
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.skeleton import COCO_17
from pose_ros.sources.truth import PersonTruth

CONFIG = Path(__file__).parents[2] / "config" / "mimicry"
PLACE = RigidTransform(rotation_exp(np.array([0, 0, 3.0])), np.array([2.0, 0, 1.4]))
T = np.arange(60) / 30


@pytest.fixture(scope="module")
def robot() -> Robot:
    try:
        return Robot.load(CONFIG / "panda.yaml")
    except RobotError as error:
        pytest.skip(str(error))


def truth_of(t: float) -> PersonTruth:
    """Somebody whose right arm swings slowly, as truth tells of them."""
    angles = np.array([0.8 + 0.2 * np.sin(0.8 * t), 0.4, 0.1, 0.9 + 0.2 * np.cos(0.8 * t)])
    person = make_person("p1", PLACE, angles, angles)
    frames = {"pelvis": person.camera_from_joint["body"], **person.camera_from_joint}
    places = {name: frame.translation for name, frame in frames.items() if name != "body"}
    places = {
        name: xyz for name, xyz in places.items() if name in (*COCO_17.joints, "pelvis", "neck", "head")
    }
    rotations = {n: f.quaternion for n, f in frames.items() if n != "body" and "wrist" not in n}
    return PersonTruth(0, places, {}, rotations)


def swinging(robot: Robot, t: np.ndarray) -> np.ndarray:
    return robot.home + 0.2 * np.sin(1.3 * t[:, None] + np.arange(len(robot)))


def test_a_late_robot_is_late_and_nothing_else(robot: Robot) -> None:
    arm, fine = robot.arms[0], np.arange(-1, 6, 0.002)
    wanted = path_of(arm, Joints(fine, swinging(robot, fine)), T)
    late = Joints(fine + 0.12, swinging(robot, fine))
    found = followed(arm, wanted, late, np.ones(len(T), bool))
    assert found["delay_ms"] == pytest.approx(120, abs=10.1)
    assert found["wrist_mm_delayed"] < 2
    speed = np.linalg.norm(np.gradient(wanted.wrist, T, axis=0), axis=-1)
    assert found["wrist_mm"] == pytest.approx(120 * np.sqrt(np.mean(speed**2)), rel=0.1)


def test_only_chosen_and_known_instants_count() -> None:
    rest = ArmPath(T, np.zeros((len(T), 3)), np.tile(np.eye(3), (len(T), 1, 1)))
    wrist = np.zeros((len(T), 3))
    wrist[:30, 0], wrist[30:, 0], wrist[5] = 9.0, 0.03, np.nan
    turned = np.tile(rotation_exp(np.array([0, np.radians(7), 0])), (len(T), 1, 1))
    which = np.arange(len(T)) >= 30
    assert errors(rest, ArmPath(T, wrist, turned), which) == pytest.approx((30, 7))
    assert np.isnan(errors(rest, ArmPath(T, wrist, turned), np.arange(len(T)) == 5)).all()


def test_each_limit_is_counted(robot: Robot) -> None:
    dt, still = 0.01, np.tile(robot.home, (50, 1))
    assert sum(violations(robot, still, dt).values()) == 0
    beyond = still.copy()
    beyond[:, 0] = robot.upper[0] + 0.01
    assert violations(robot, beyond, dt) == {"position": 50, "velocity": 0, "acceleration": 0}
    leap = still.copy()
    leap[20:, 2] += robot.velocity[2] * dt * 1.5
    found = violations(robot, leap, dt)
    assert found == {"position": 0, "velocity": 1, "acceleration": 2}


def test_truth_is_asked_of_the_robot_as_it_is(robot: Robot) -> None:
    """Wrist and shoulder stand apart as the robot's own lengths and the elbow's true bend have it."""
    arm = robot.arms[0]
    path = true_path(arm, [truth_of(t) for t in T], T)
    shape = ArmShape.of(arm.chain)
    bend = 0.9 + 0.2 * np.cos(0.8 * T)
    apart = np.sqrt(shape.upper**2 + shape.fore**2 + 2 * shape.upper * shape.fore * np.cos(bend))
    assert np.linalg.norm(path.wrist - shape.shoulder, axis=-1) == pytest.approx(apart, abs=1e-6)


def test_a_turned_hand_is_turned_by_as_much(robot: Robot) -> None:
    arm = robot.arms[0]
    path = true_path(arm, [truth_of(t) for t in T], T)
    same = np.tile(np.eye(3), (len(T), 1, 1))
    assert turned_hands(arm, path, same) == pytest.approx(path.hand)
    turned = ArmPath(T, path.wrist, turned_hands(arm, path, same @ rotation_exp(np.array([0, 0, 0.3]))))
    assert errors(path, turned, np.ones(len(T), bool)) == pytest.approx((0, np.degrees(0.3)))


def test_led_by_truth_a_robot_is_where_it_ought_to_be(robot: Robot) -> None:
    people = [truth_of(t) for t in T]
    commands, answers = led_by_truth(robot, people, T, 0.05, MimicryConfig())
    wanted = true_path(robot.arms[0], people, T)
    at = path_of(robot.arms[0], answers, T)
    assert errors(wanted, at, T > 0) == pytest.approx((0, 0), abs=1e-3)
    assert sum(violations(robot, commands.q, 0.01).values()) == 0


def test_judge_leaves_out_the_soft_start_and_counts_what_was_held(robot: Robot) -> None:
    people = [truth_of(t) for t in T]
    commands, answers = led_by_truth(robot, people, T, 0.05, MimicryConfig())
    wanted = true_path(robot.arms[0], people, T)
    modes = [(-1.0, "aligning"), (0.99, "following"), (1.49, "holding"), (1.79, "following")]
    half = slice(None, None, 2)
    heard = Heard(
        T, np.full(30, 0.05), Joints(T[half], answers.at(T[half])), wanted, commands, commands, modes
    )
    result = judge(robot, heard, people, MimicryConfig())
    assert (result["images"], result["answered"], result["aligning"]) == (60, 30, 30)
    assert (result["counted"], result["held"], result["violations"]) == (30, 9, 0)
    assert result["latency_ms_p95"] == pytest.approx(50)
    assert result["target"]["wrist_mm"] == pytest.approx(0, abs=1e-6)
    assert result["arm"] == result["led_by_truth"]
    assert len(row_of("one", result)) == 16


def test_nothing_heard_is_no_figure(robot: Robot) -> None:
    none = Joints(np.zeros(0), np.zeros((0, len(robot))))
    path = ArmPath(np.zeros(0), np.zeros((0, 3)), np.zeros((0, 3, 3)))
    heard = Heard(T, np.zeros(0), none, path, none, none, [])
    result = judge(robot, heard, [truth_of(t) for t in T], MimicryConfig())
    assert result["answered"] == result["counted"] == 0
    assert np.isnan([result["arm"]["wrist_mm"], result["latency_ms_p50"]]).all()
