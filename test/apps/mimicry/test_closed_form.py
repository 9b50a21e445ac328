"""The closed form: turns against their definition, arms against forward kinematics and QP, singular poses."""

import numpy as np
import pytest
from mimicry_robots import ROBOTS, load
from scipy.spatial.transform import Rotation

from pose_ros.apps.mimicry.arm_shape import ArmShape, elbow_of, wrist_of
from pose_ros.apps.mimicry.chain import Chain
from pose_ros.apps.mimicry.closed_form import ClosedForm
from pose_ros.apps.mimicry.errors import SolverError
from pose_ros.apps.mimicry.human_arm import human_arm
from pose_ros.apps.mimicry.rehearsal import Arm, make_person, random_arm
from pose_ros.apps.mimicry.solver import make_solver
from pose_ros.apps.mimicry.target import ArmTarget, ScaleConfig, arm_target
from pose_ros.apps.mimicry.turns import angles_to_distance, angles_to_height, three_turns, turn
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.geometry.rigid import RigidTransform

HERE = RigidTransform.identity()
X, Y, Z = np.eye(3)


def asked(robot, angles, mirror=False):
    arm = robot.arms[0]
    shape = ArmShape.of(arm.chain)
    side = {"left": "right", "right": "left"}[arm.side] if mirror else arm.side
    human = human_arm(make_person("p1", HERE, angles, angles), side)
    human = human.mirrored() if mirror else human
    return arm_target(human, shape, arm.base_from_chest, arm.tip_from_tool)


def between(a, b):
    """Angle of two rotations, degrees."""
    return np.degrees(np.arccos(np.clip((np.trace(a.T @ b) - 1) / 2, -1, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_turns_do_what_they_are_asked(seed):
    rng = np.random.default_rng(seed)
    axis, vector, direction = Rotation.random(rng=rng).as_matrix()[0], rng.normal(size=3), rng.normal(size=3)
    height = direction @ turn(axis, 0.7) @ vector
    for angle in angles_to_height(axis, vector[None], direction, np.array([height]))[0]:
        assert direction @ turn(axis, angle) @ vector == pytest.approx(height)
    through, fixed = rng.normal(size=(2, 3))
    distance = np.linalg.norm(turn(axis, 1.1) @ (vector - through) + through - fixed)
    for angle in angles_to_distance(axis, through, vector, fixed, distance):
        moved = turn(axis, angle) @ (vector - through) + through
        assert np.linalg.norm(moved - fixed) == pytest.approx(distance)
    rotation = Rotation.random(20, rng=rng).as_matrix()
    for angles in np.moveaxis(three_turns(rotation, Z, Y, X, 0.0), 1, 0):
        made = turn(Z, angles[:, 0]) @ turn(Y, angles[:, 1]) @ turn(X, angles[:, 2])
        np.testing.assert_allclose(made, rotation, atol=1e-9)


def test_where_two_axes_fall_together_the_first_is_held():
    for held in (-1.0, 0.3):
        angles = three_turns(turn(Z, np.array(0.8)), Z, Y, Z, held)[0]
        assert angles[0] == held
        assert angles[0] + angles[2] == pytest.approx(0.8)


@pytest.mark.parametrize("name", ROBOTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_pose_that_can_be_is_found(name, seed):
    """Targets from random joints: wrist, hand and elbow come out again, within limits."""
    robot, rng = load(name), np.random.default_rng(seed)
    chain = robot.arms[0].chain
    solve, shape = ClosedForm(chain), ArmShape.of(chain)
    low, high = np.maximum(chain.lower, -np.pi), np.minimum(chain.upper, np.pi)
    for _ in range(20):
        q = rng.uniform(low, high)
        wrist, elbow, hand = wrist_of(chain, shape, q), elbow_of(chain, shape, q), chain.tip_pose(q).rotation
        upper = (elbow - shape.shoulder) / np.linalg.norm(elbow - shape.shoulder)
        hinge = np.cross(wrist - elbow, upper)
        target = ArmTarget(wrist, hinge / np.linalg.norm(hinge), upper, hand)
        answer = solve(target, np.clip(q + rng.normal(0, 0.1, len(q)), chain.lower, chain.upper))
        assert answer.reached
        assert np.all((answer.q >= chain.lower) & (answer.q <= chain.upper))
        np.testing.assert_allclose(wrist_of(chain, shape, answer.q), wrist, atol=1e-6)
        assert between(chain.tip_pose(answer.q).rotation, hand) < 0.1
        if len(q) == 7 and abs(answer.swivel) < 1e-9:  # of six joints nearness may choose another elbow
            np.testing.assert_allclose(elbow_of(chain, shape, answer.q), elbow, atol=1e-5)


@pytest.mark.parametrize("name", ROBOTS)
def test_what_is_said_to_be_reached_is(name):
    robot, rng = load(name), np.random.default_rng(5)
    chain = robot.arms[0].chain
    solve, shape, share = ClosedForm(chain), ArmShape.of(chain), 0
    for _ in range(60):
        target = asked(robot, random_arm(rng))
        answer = solve(target, robot.home)
        assert np.all((answer.q >= chain.lower) & (answer.q <= chain.upper))
        if answer.reached:
            assert np.linalg.norm(wrist_of(chain, shape, answer.q) - target.wrist) < 1e-3
            assert between(chain.tip_pose(answer.q).rotation, target.hand) < 0.1
        share += answer.reached
    assert share > 0.6 * 60


@pytest.mark.parametrize("name", ["panda", "iiwa"])
def test_a_straight_arm_keeps_its_swivel(name):
    """The hinge is held while an arm goes through straight: the upper arm's joints do not flip."""
    robot = load(name)
    solve, q, steps = ClosedForm(robot.arms[0].chain), robot.home, []
    for elbow in np.radians([60, 45, 30, 20, 10, 5, 2, 0, 2, 5, 10, 20, 30]):
        for _ in range(3):
            answer = solve(asked(robot, np.array([0.9, 0.4, 0.1, elbow])), q)
            steps.append(np.abs(answer.q - q).max())
            q = answer.q
    assert max(steps[3:]) < 0.5


@pytest.mark.parametrize("name", ROBOTS)
def test_slow_motion_is_answered_without_leaps(name):
    robot, arm = load(name), Arm(np.random.default_rng(3), 0.7)
    solve = ClosedForm(robot.arms[0].chain)
    q = solve(asked(robot, arm(0.0)), robot.home).q
    leaps = 0
    for k in range(300):
        new = solve(asked(robot, arm(k / 30)), q).q
        leaps += np.abs(new - q).max() > 0.6
        q = new
    assert leaps <= 2


def test_a_mirrored_operator_is_the_other_side():
    robot = load("ur5e")
    angles = np.radians([50.0, 30, 10, 70])
    for a, b in zip(
        vars(asked(robot, angles)).values(), vars(asked(robot, angles, True)).values(), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_limbs_are_scaled_by_segment_or_as_one():
    robot = load("ur5e")
    shape = ArmShape.of(robot.arms[0].chain)
    human = human_arm(make_person("p1", HERE, np.zeros(4), np.radians([90.0, 0, 0, 90])), "right")
    place = lambda **more: arm_target(human, shape, np.eye(3), np.eye(3), ScaleConfig(**more))  # noqa: E731
    # The upper arm points ahead, the forearm up.
    np.testing.assert_allclose(place().wrist - shape.shoulder, [shape.upper, 0, shape.fore], atol=1e-9)
    ratio = (shape.upper + shape.fore) / (human.upper_length + human.fore_length)
    way = [ratio * human.upper_length, 0, ratio * human.fore_length]
    np.testing.assert_allclose(place(limbs="uniform").wrist - shape.shoulder, way, atol=1e-9)
    np.testing.assert_allclose(place(reach=0.5).wrist - shape.shoulder,
                               [shape.upper / 2, 0, shape.fore / 2], atol=1e-9)  # fmt: skip


def test_an_arm_of_another_shape_is_refused_with_the_reason():
    urdf = Urdf.parse(load("ur5e").urdf.text.replace('xyz="0 0 0.0997"', 'xyz="0.1 0 0.0997"'))
    chain = Chain.of(urdf, "base_link", "tool0")
    ArmShape.of(chain)  # beyond the wrist lengths are free
    bent = load("ur5e").urdf.text.replace('xyz="0 0 0.1333"', 'xyz="0.05 0 0.1333"')
    with pytest.raises(SolverError, match="axes 4 and 5 do not meet"):
        ArmShape.of(Chain.of(Urdf.parse(bent), "base_link", "tool0"))
    with pytest.raises(SolverError, match="6 or 7 turning joints"):
        ArmShape.of(Chain.of(urdf, "base_link", "wrist_2_link"))
    with pytest.raises(SolverError, match="unknown solver 'magic'"):
        make_solver("magic", load("ur5e"))


def test_quadratic_programme_and_closed_form_agree_where_both_reach():
    pytest.importorskip("pink")
    pytest.importorskip("daqp")
    robot = load("ur5e")
    arm, rng, both = robot.arms[0], np.random.default_rng(1), 0
    shape = ArmShape.of(arm.chain)
    closed, qp = make_solver("closed_form", robot), make_solver("qp", robot)
    for _ in range(12):
        targets = {arm.side: asked(robot, random_arm(rng))}
        a, b = (solver(targets, None, robot.home) for solver in (closed, qp))
        assert np.all((b.q >= robot.lower) & (b.q <= robot.upper))
        if a.reached[arm.side] and b.reached[arm.side]:
            both += 1
            apart = wrist_of(arm.chain, shape, a.q) - wrist_of(arm.chain, shape, b.q)
            assert np.linalg.norm(apart) < 0.006
    assert both >= 5
