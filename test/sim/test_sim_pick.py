"""Tables by seed, ways of the arm, and a box that is lifted in physics by where it is known to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the simulator needs pybullet")
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sim.pick import HIGH, pick
from pose_ros.sim.reach import Pick, Reach, Way
from pose_ros.sim.table import Table, TableConfig
from pose_ros.sim.things import Shelf
from pose_ros.sources.synthetic.objects import shapes
from pose_ros.sources.synthetic.objects.catalogue import look

ONE = TableConfig(models=1, fewest=1, most=1, strangers=0)
HAND_FROM_TCP = np.array([0, 0, 0.1034])  # m


@pytest.fixture(scope="module")
def shelf(tmp_path_factory) -> Shelf:
    rng = np.random.default_rng(2)
    return Shelf([look(rng, shapes.brick(rng))], Path(tmp_path_factory.mktemp("shelf")))


@pytest.fixture
def table(shelf):
    table = Table(shelf, (3, 0), ONE)
    yield table
    table.close()


def from_above(table: Table) -> Pick:
    """The box between the fingers along the narrowest of its axes that lie level."""
    pose, size = table.pose(1), np.ptp(table.shelf.models[0].mesh.bounds, axis=0)
    level = [k for k in range(3) if abs(pose.rotation[2, k]) < 0.1]
    k = min(level, key=lambda axis: size[axis])
    closing = pose.rotation[:, k] * [1, 1, 0] / np.linalg.norm(pose.rotation[:2, k])
    down = np.array([0, 0, -1.0])
    rotation = np.stack([np.cross(closing, down), closing, down], axis=1)
    middle = pose.apply(table.shelf.models[0].mesh.bounds.mean(0))
    grasp = middle - rotation @ HAND_FROM_TCP
    poses = [RigidTransform(rotation, grasp + (0, 0, up)) for up in (0.1, 0.0, HIGH + 0.08)]
    return Pick(*poses, opening=min(size[k] + 0.02, 0.08), score=1.0)


def test_the_same_seed_is_the_same_table_and_things_are_at_rest(shelf):
    tables = [Table(shelf, (3, n), ONE) for n in (0, 0, 1)]
    first, again, other = (one.pose(1) for one in tables)
    np.testing.assert_array_equal(first.translation, again.translation)
    assert np.linalg.norm(first.translation - other.translation) > 1e-3
    for one in tables:
        assert one.lowest(1) == pytest.approx(0.0, abs=2e-3)
        before = one.pose(1).translation
        one.step(1.0)
        assert np.linalg.norm(one.pose(1).translation - before) < 1e-3
        one.close()


def test_a_way_leads_where_it_was_asked_to_and_stays_straight(table):
    wanted = from_above(table)
    reach = Reach(table.shelf, table.arm.base, {1: table.pose(1)})
    way = reach.way(table.arm.q, wanted, 1)
    assert isinstance(way, Way)
    np.testing.assert_allclose(way.free[0], table.arm.q)
    np.testing.assert_allclose(way.free[-1], way.approach[0])
    for q, pose in (
        (way.approach[0], wanted.pregrasp),
        (way.approach[-1], wanted.grasp),
        (way.lift[-1], wanted.lift),
    ):
        table.arm.reset(q)
        np.testing.assert_allclose(table.arm.pose().translation, pose.translation, atol=1.5e-3)
    line = []
    for q in way.approach:
        table.arm.reset(q)
        line.append(table.arm.pose().translation)
    aside = np.cross(np.array(line) - line[0], [0, 0, 1.0])
    assert np.abs(aside).max() < 2e-3
    reach.close()


def test_what_stands_in_the_way_is_told(table):
    wanted = from_above(table)
    middle = table.pose(1).apply(table.shelf.models[0].mesh.bounds.mean(0))
    wall = middle + np.array([0, 0, 0.25]) + np.random.default_rng(0).uniform(-0.03, 0.03, (3000, 3))
    reach = Reach(table.shelf, table.arm.base, {1: table.pose(1)}, wall)
    assert "would hit something" in reach.way(table.arm.q, wanted, 1)
    found = reach.first([wanted], table.arm.q, 1)
    assert found.startswith("1 times: ")
    reach.close()


def test_out_of_reach_is_told(table):
    far = RigidTransform(np.diag([1.0, -1, -1]), table.arm.base.translation + (0, 0, 2.0))
    reach = Reach(table.shelf, table.arm.base, {})
    assert reach.way(table.arm.q, Pick(far, far, far, 0.04, 1.0), None) == "no joint values reach it"
    assert reach.first([], table.arm.q, 1) == "no grasp was given"
    reach.close()


def test_a_box_is_lifted_and_one_that_is_missed_is_not(shelf):
    for aside, held in ((0.0, True), (0.12, False)):
        table = Table(shelf, (3, 0), ONE)
        wanted = from_above(table)
        moved = [
            RigidTransform(pose.rotation, pose.translation + aside * pose.rotation[:, 0])
            for pose in (wanted.pregrasp, wanted.grasp, wanted.lift)
        ]
        reach = Reach(table.shelf, table.arm.base, {})
        way = reach.way(table.arm.q, Pick(*moved, wanted.opening, 1.0), None)
        assert isinstance(way, Way)
        outcome = pick(table, 1, way, wanted.opening)
        assert (outcome.held, outcome.gripped) == (held, held)
        assert (outcome.height >= HIGH) == held
        reach.close()
        table.close()
