"""Closing on an object: known answers for boxes, balls, edges, and nothing at all."""

import numpy as np
import pytest
from shapes_to_grasp import FRICTION_ANGLE, PANDA, ball

from pose_ros.apps.grasp.closing import close, nearby
from pose_ros.apps.grasp.skin import Rays, center_of_mass, signed_volume, skin_of
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build

pytest.importorskip("trimesh")
HERE = RigidTransform.identity()


def skin(mesh, seed=0):
    return skin_of(mesh, Rays(mesh), np.random.default_rng(seed))


def moved(*twists):
    """Motions by (translation, rotation vector)."""
    twists = np.array(twists, float)
    return RigidTransform(rotation_exp(twists[:, 3:]), twists[:, :3])


def closed(mesh, *twists, opening=0.08):
    there = nearby(skin(mesh), HERE, opening, PANDA)
    return close(there, moved(*twists), PANDA, FRICTION_ANGLE)


def test_a_box_between_the_pads():
    found = closed(build.box((0.04, 0.05, 0.03)), [0] * 6)
    assert found.holds[0]
    assert found.width[0] == pytest.approx(0.05, abs=1e-9)
    assert found.depth[0] > 0.95
    pad = PANDA.pad_width * PANDA.pad_length
    assert found.patch[0] == pytest.approx(pad, rel=0.25)


@pytest.mark.parametrize("along", [-1, 1])
def test_a_box_moved_along_closing_is_met_until_a_finger_comes_down_on_it(along):
    shifts = np.array([0.005, 0.014, 0.016, 0.03])
    found = closed(build.box((0.04, 0.05, 0.03)), *([0, along * s, 0, 0, 0, 0] for s in shifts))
    assert found.holds.tolist() == [True, True, False, False]  # (0.08 - 0.05) / 2 = 0.015


def test_a_box_that_is_out_of_the_pads_reach():
    box = build.box((0.04, 0.05, 0.03))
    found = closed(box, [0.05, 0, 0, 0, 0, 0], [0, 0, 0.05, 0, 0, 0], [0.02, 0, 0, 0, 0, 0])
    assert found.holds.tolist() == [False, False, True]
    assert np.isnan(found.width[:2]).all()


def test_a_turned_box_presses_its_edges_and_slips():
    box = build.box((0.04, 0.05, 0.03))
    turns = np.radians([0, 5, 12, 30, 40])
    found = closed(box, *([0, 0, 0, 0, 0, a] for a in turns))
    assert found.holds[0]
    assert found.holds[1]
    assert not found.holds[3:].any()
    assert np.all(np.diff(found.depth) <= 1e-9)


def test_edge_on_a_box_does_not_hold():
    """Across the diagonal: mean normals are opposite, and no surface faces the pads."""
    found = closed(build.box((0.04, 0.04, 0.03)), [0, 0, 0, 0, 0, np.pi / 4])
    assert not found.holds[0]


def test_a_ball_holds_in_its_middle_and_slips_at_its_flank():
    found = closed(ball(0.03), [0] * 6, [0.012, 0, 0, 0, 0, 0], [0.026, 0, 0, 0, 0, 0])
    assert found.holds.tolist() == [True, True, False]
    assert found.depth[0] > found.depth[1] > 0
    assert found.width[0] == pytest.approx(0.06, abs=1e-3)


def test_what_is_thinner_than_the_gripper_closes_does_not_hold():
    from dataclasses import replace

    box = build.box((0.04, 0.01, 0.03))
    there = nearby(skin(box), HERE, 0.08, PANDA)
    wide = replace(PANDA, min_width=0.02)
    nothing = moved([0] * 6)
    assert close(there, nothing, PANDA, FRICTION_ANGLE).holds[0]
    assert not close(there, nothing, wide, FRICTION_ANGLE).holds[0]


def test_nothing_at_all():
    far = RigidTransform(np.eye(3), np.array([1.0, 0, 0]))
    there = nearby(skin(build.box((0.04, 0.05, 0.03))), far, 0.08, PANDA)
    found = close(there, moved([0] * 6, [0.01] * 6), PANDA, FRICTION_ANGLE)
    assert not found.holds.any()
    assert np.isnan(found.width).all()


def test_volume_and_centre_of_mass():
    box = build.box((0.04, 0.05, 0.03))
    there = RigidTransform(rotation_exp(np.array([0.3, 0.1, -0.8])), np.array([0.4, -3.0, 1.0]))
    assert signed_volume(box.moved(there)) == pytest.approx(0.04 * 0.05 * 0.03)
    assert signed_volume(build.flipped(box)) == pytest.approx(-0.04 * 0.05 * 0.03)
    np.testing.assert_allclose(center_of_mass(box.moved(there)), there.translation, atol=1e-9)
    tetra = build.join(build.at(build.box((0.02, 0.02, 0.02)), 0.05), build.box((0.04, 0.02, 0.02)))
    assert center_of_mass(tetra)[0] == pytest.approx(0.05 / 3)
    open_box = type(box).plain(box.vertices, box.triangles[2:])
    assert np.linalg.norm(center_of_mass(open_box)) < 0.03
