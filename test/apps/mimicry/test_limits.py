"""Limits of every sample, distances of links, workspaces."""

import numpy as np
import pytest
from mimicry_robots import TWO_ARMS, load, two_arms

from pose_ros.apps.mimicry.collision import Capsules, segment_distance
from pose_ros.apps.mimicry.config import MimicryConfig, SafetyConfig
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.limiter import Limiter, TrackConfig
from pose_ros.apps.mimicry.mimic import Mimicry
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.apps.mimicry.urdf import Urdf
from pose_ros.apps.mimicry.workspace import Workspace

LOW, HIGH = np.array([-1.0, -0.2, -3.0]), np.array([1.0, 0.3, 3.0])
SPEED, PULL = np.array([2.0, 1.0, 3.0]), np.array([10.0, 5.0, 20.0])


def limiter(dt=0.01):
    return Limiter(LOW, HIGH, SPEED, PULL, dt)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("dt", [0.002, 0.01, 0.04])
def test_no_wish_breaks_a_limit(seed, dt):
    """Targets beyond limits, leaps, speeds and caps that change at will."""
    rng, limits, path = np.random.default_rng(seed), limiter(dt), [np.zeros(3)]
    target, rate, cap = np.zeros(3), np.zeros(3), SPEED
    for _ in range(3000):
        if rng.random() < 0.05:
            target, rate = rng.normal(0, 3, 3), rng.normal(0, 3, 3)
            cap = SPEED * rng.choice([1.0, 0.2, 0.0])
        limits.go(limits.towards(target, rate, cap, TrackConfig()))
        path.append(limits.q)
    path = np.array(path)
    v = np.diff(path, axis=0) / dt
    a = np.diff(v, axis=0) / dt
    assert np.all((path >= LOW) & (path <= HIGH))
    assert np.all(np.abs(v) <= SPEED * (1 + 1e-9))
    assert np.all(np.abs(a) <= PULL * (1 + 1e-9))
    assert np.abs(v).max() > 0.5  # it did move


def test_a_target_that_is_not_finite_moves_nothing():
    limits = limiter()
    limits.go(limits.towards(np.full(3, np.nan), np.full(3, np.inf), SPEED, TrackConfig()))
    np.testing.assert_array_equal(limits.q, np.zeros(3))


@pytest.mark.parametrize("start", [[2.0, 0, 0], [np.nan, 0, 0]])
def test_it_starts_only_within_limits(start):
    with pytest.raises(ValueError, match="within its limits"):
        limiter().start(np.array(start))


def test_a_steady_target_is_followed_without_lag_and_reached_without_overshoot():
    limits, errors = limiter(), []
    for k in range(200):
        target = np.array([0.2 * k * 0.01, 0.0, 0.5 * k * 0.01])
        limits.go(limits.towards(target, np.array([0.2, 0, 0.5]), SPEED, TrackConfig()))
        errors.append(np.abs(limits.q - target).max())
    assert max(errors[100:]) < 0.006
    goal = limits.q + [0.3, 0, 0.4]
    for _ in range(400):
        limits.go(limits.towards(goal, np.zeros(3), SPEED, TrackConfig()))
        assert np.all(limits.q <= goal + 1e-3)
    np.testing.assert_allclose(limits.q, goal, atol=1e-3)


def test_how_it_stops_is_how_it_was_foretold():
    limits = limiter()
    for _ in range(30):
        limits.go(limits.towards(np.array([0.9, 0.25, 2.0]), np.zeros(3), SPEED, TrackConfig()))
    v = limits.towards(np.array([0.9, 0.25, 2.0]), np.zeros(3), SPEED, TrackConfig())
    foretold = limits.stopping(v)
    limits.go(v)
    np.testing.assert_allclose(foretold[0], limits.q)
    while limits.v.any():
        limits.go(limits.braked())
    np.testing.assert_allclose(foretold[-1], limits.q, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_distance_of_segments_is_the_least_of_many_points(seed):
    rng = np.random.default_rng(seed)
    p, p_end, r, r_end = rng.normal(size=(4, 50, 3))
    if seed == 0:
        r_end = r + 0.7 * (p_end - p)  # parallel
    if seed == 1:
        p_end = p  # a point
    share = np.linspace(0, 1, 201)[:, None]
    many = np.array([
        np.linalg.norm((a + share * (b - a))[:, None] - (c + share * (d - c))[None], axis=-1).min()
        for a, b, c, d in zip(p, p_end, r, r_end, strict=True)
    ])  # fmt: skip
    exact = segment_distance(p, p_end, r, r_end)
    assert np.all(exact <= many + 1e-9)
    np.testing.assert_allclose(exact, many, atol=0.02)


def test_arms_of_one_robot_keep_apart():
    robot = Robot.of(TWO_ARMS, Urdf.parse(two_arms()))
    distance = Capsules(robot).distance
    outward, inward = np.zeros((2, len(robot)))
    for part in (robot.parts["left"], robot.parts["right"]):
        outward[part.start + 1], inward[part.start + 1] = -1.57, 1.57  # at each other's shoulder
    assert distance(outward) > 0
    assert distance(inward) < 0
    assert distance(np.stack([outward, inward])).shape == (2,)


@pytest.mark.parametrize("seed", range(3))
def test_commands_keep_links_apart_and_above_the_floor(seed):
    """Targets straight through the robot and the floor, without any operator's mercy."""
    robot = load("ur5e", mount="table")
    floor = Workspace.of({"floor": 0.0})
    object.__setattr__(robot.arms[0], "workspace", floor)
    mimicry = Mimicry(robot, MimicryConfig(safety=SafetyConfig(distance=0.05)))
    rng, mimicry.limiter.q = np.random.default_rng(seed), np.array([0.0, -1.2, 1.0, -1.3, 1.57, 0.0])
    assert mimicry.capsules.distance(mimicry.limiter.q) > 0.05
    target, seen, slowed = mimicry.limiter.q, [], 0
    for k in range(1500):
        if k % 100 == 0:
            target = rng.uniform(-2.5, 2.5, 6)
        limits = mimicry.limiter
        wanted = limits.towards(target, np.zeros(6), robot.velocity, TrackConfig())
        v, _ = mimicry._without_contact(wanted, limits.braked())
        slowed += not np.array_equal(v, wanted)
        limits.go(v)
        seen.append(limits.q)
    assert slowed
    assert mimicry.capsules.distance(np.array(seen)).min() > 0.045  # between looks a link moves a little


def test_a_workspace_keeps_the_wrist_inside():
    space = Workspace.of({"box": [[0, -1, -1], [1, 1, 1]], "sphere": 0.8, "floor": 0.1})
    shoulder = np.array([0, 0, 0.3])
    for point in np.random.default_rng(0).normal(size=(100, 3)) * 2:
        inside = space.clamp(point, shoulder, 0.05)
        assert np.all(inside >= [0, -1, 0.15])
        assert np.all(inside <= 1)
    kept = np.array([0.3, 0.1, 0.4])
    np.testing.assert_array_equal(space.clamp(kept, shoulder, 0.05), kept)


@pytest.mark.parametrize("spec", [{"box": 3}, {"sphere": -1}, {"cone": 1}, {"box": [[1, 1, 1], [0, 0, 0]]}])
def test_a_workspace_that_is_none_is_refused(spec):
    with pytest.raises(RobotError, match="workspace"):
        Workspace.of(spec)
