"""Grasps found on meshes: antipodal and free by plain loops, known answers, symmetric, deterministic."""

from dataclasses import replace

import numpy as np
import pytest
from shapes_to_grasp import (
    FEW,
    FRICTION_ANGLE,
    PANDA,
    angle,
    ball,
    grasps_of,
    hits_of_ray,
    in_box,
    known,
)

from pose_ros.apps.grasp.antipodal import antipodal_pairs
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.onboard import load_grasps, onboard
from pose_ros.apps.grasp.skin import Rays, skin_of
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build

pytest.importorskip("trimesh")
NAMES = ("block", "mug", "bowl", "l_bracket", "frame", "bottle")
rng = np.random.default_rng(99)


@pytest.mark.parametrize("name", NAMES)
def test_contacts_are_antipodal(name):
    """Rays shot by a plain loop from outside, along the line of contacts, meet the surface at both contacts,
    and the normals there lie in the friction cones."""
    mesh, _ = known(name)
    grasps = grasps_of(name, with_symmetries=False)
    assert len(grasps) > 20
    for n in rng.choice(len(grasps), 12, replace=False):
        first, second = grasps.contacts[n]
        line = (second - first) / np.linalg.norm(second - first)
        hits = hits_of_ray(mesh, first - 1.0 * line, line)
        for place, towards in ((first, -line), (second, line)):
            at = [normal for t, normal in hits if np.linalg.norm(first + (t - 1.0) * line - place) < 1e-5]
            assert at
            assert min(angle(normal, towards) for normal in at) < FRICTION_ANGLE + 1e-6


@pytest.mark.parametrize("name", NAMES)
def test_grasp_frames_lie_between_the_contacts_and_close_along_them(name):
    grasps = grasps_of(name)
    pose, contacts = grasps.object_from_grasp, grasps.contacts
    line = contacts[:, 1] - contacts[:, 0]
    line /= np.linalg.norm(line, axis=1, keepdims=True)
    np.testing.assert_allclose((line * pose.rotation[:, :, 1]).sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(pose.rotation), 1, atol=1e-6)
    inside = pose.inverse().apply(contacts.mean(1))
    np.testing.assert_allclose(inside[:, :2], 0, atol=1e-6)
    assert np.all((inside[:, 2] > -1e-6) & (inside[:, 2] < PANDA.tip))
    assert np.all((grasps.width > 0) & (grasps.width <= PANDA.max_width))
    assert np.all((grasps.opening > grasps.width) & (grasps.opening <= PANDA.max_width))
    assert np.all((grasps.quality > 0) & (grasps.quality <= 1))
    assert np.all(np.diff(grasps.quality) <= 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_hand_is_free_of_the_object_there_and_on_its_way(name):
    """Points drawn anew on the surface, one after the other, against boxes written down here."""
    mesh, _ = known(name)
    grasps, g = grasps_of(name), PANDA
    surface = mesh.points(*mesh.sample(2500, np.random.default_rng(5)))
    for n in rng.choice(len(grasps), 10, replace=False):
        rotation, origin = grasps.object_from_grasp.rotation[n], grasps.object_from_grasp.translation[n]
        half = grasps.opening[n] / 2
        for back in (0.0, 0.02, 0.05, 0.1):
            solids = [
                ((-g.palm_width / 2, -g.palm_span / 2, -0.2), (g.palm_width / 2, g.palm_span / 2, -g.palm))
            ]
            for side in (-1, 1):
                for width, thick, low, high in (
                    (g.pad_width, g.finger_thickness, g.tip - g.pad_length, g.tip),
                    (g.root_width, g.root_thickness, -g.palm, g.tip - g.pad_length),
                ):
                    y = sorted((side * half, side * (half + thick)))
                    solids.append(((-width / 2, y[0], low), (width / 2, y[1], high)))
            for point in surface:
                there = rotation.T @ (point - origin) + [0, 0, back]
                assert not any(in_box(there, *solid) for solid in solids)


@pytest.mark.parametrize("name", ["block", "cylinder", "bottle", "prism_5", "equal_l_bracket", "ball"])
def test_symmetric_copies_touch_the_surface_too(name):
    """Contacts of grasps that symmetry made lie on the triangles, as do those that were found."""
    mesh, symmetries = known(name)
    grasps = grasps_of(name, with_symmetries=False)
    copies = grasps.with_copies(symmetries)
    assert len(copies) == len(grasps) * len(symmetries.sampled(12).rotation)
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    round_off = 3e-4 if symmetries.is_continuous else 1e-6  # a turned polygon cuts its own corners
    for place in copies.contacts[rng.choice(len(copies), 40)].reshape(-1, 3):
        assert min(distance_to_triangles(place, corners, normals)) < round_off


def distance_to_triangles(place, corners, normals):
    """To each triangle whose inside the foot of the perpendicular lies in, or to its nearest corner."""
    height = ((place - corners[:, 0]) * normals).sum(1)
    foot = place - height[:, None] * normals
    inside = np.ones(len(corners), bool)
    for k in range(3):
        edge = corners[:, (k + 1) % 3] - corners[:, k]
        inside &= (np.cross(edge, foot - corners[:, k]) * normals).sum(1) > -1e-9
    return np.where(inside, np.abs(height), np.linalg.norm(corners - place, axis=2).min(1))


def test_a_block_is_grasped_across_the_sides_that_fit():
    grasps = grasps_of("block", with_symmetries=False)
    axes = np.abs(grasps.object_from_grasp.rotation[:, :, 1])
    across = axes.argmax(1)
    assert set(across) == {0, 1}  # 0.12 m along z is more than the gripper spans
    expected = np.array([0.03, 0.06, 0.12])[across]
    assert np.all(axes.max(1) > np.cos(FRICTION_ANGLE))
    straight = axes.max(1) > 0.9999
    assert straight.sum() > 20
    np.testing.assert_allclose(grasps.width[straight], expected[straight], atol=1e-4)
    best = grasps.object_from_grasp.translation[:10]
    assert np.abs(best[:, 2]).max() < 0.045  # near the middle of its length


@pytest.mark.parametrize("radius", [0.015, 0.03, 0.038])
def test_a_ball_is_grasped_through_its_middle(radius):
    grasps = onboard(ball(radius), PANDA, None, FEW)
    assert len(grasps) > 20
    axis, origin = grasps.object_from_grasp.rotation[:, :, 1], grasps.object_from_grasp.translation
    away = np.linalg.norm(np.cross(grasps.contacts[:, 0], axis), axis=1)
    assert np.median(away[:20]) < 0.1 * radius
    assert away.max() < radius * np.sin(FRICTION_ANGLE) * 1.05
    assert np.median(grasps.width) == pytest.approx(2 * radius, rel=0.05)
    assert np.linalg.norm(origin, axis=1).max() < radius


def test_what_is_wider_than_the_gripper_has_no_grasps_and_says_why():
    grasps = grasps_of("wide_cube")
    assert len(grasps) == 0
    assert "wide" in grasps.why_few()
    assert "0.100 m" in grasps.why_few()
    assert "panda_hand" in grasps.why_few()
    assert len(onboard(known("wide_cube")[0], Gripper(max_width=0.13, palm_span=0.3), None, FEW)) > 20


def test_a_mug_is_grasped_at_its_wall_and_its_handle():
    mesh, _ = known("mug")
    radius = mesh.bounds[1, 1]
    grasps = grasps_of("mug", with_symmetries=False)
    middle = grasps.contacts.mean(1)
    distance = np.hypot(middle[:, 0], middle[:, 1])
    wall = (np.abs(distance - radius) < 0.006) & (grasps.width < 0.006)
    handle = middle[:, 0] > radius + 0.004
    assert wall.sum() >= 3
    assert handle.sum() >= 3
    assert np.all(
        grasps.object_from_grasp.rotation[wall, 2, 2] < 0.5
    )  # into the mouth, not through the floor


def test_the_same_input_gives_the_same_grasps_another_seed_others():
    mesh, _ = known("l_bracket")
    first, again = onboard(mesh, PANDA, None, FEW), onboard(mesh, PANDA, None, FEW)
    np.testing.assert_array_equal(first.object_from_grasp.translation, again.object_from_grasp.translation)
    np.testing.assert_array_equal(first.quality, again.quality)
    other = onboard(mesh, PANDA, None, replace(FEW, seed=1))
    assert not np.array_equal(first.quality[:20], other.quality[:20])
    assert first.quality[:20].mean() == pytest.approx(other.quality[:20].mean(), abs=0.1)


def test_grasps_move_with_the_mesh():
    """Another place and turn of the mesh in its frame: qualities of the best stay alike, poses move along."""
    mesh = build.box((0.03, 0.05, 0.09))
    motion = RigidTransform(rotation_exp(np.array([0.3, -0.5, 0.8])), np.array([0.5, -0.2, 0.3]))
    here, there = onboard(mesh, PANDA, None, FEW), onboard(mesh.moved(motion), PANDA, None, FEW)
    assert here.quality[:20].mean() == pytest.approx(there.quality[:20].mean(), abs=0.05)
    back = motion.inverse().apply(there.contacts)
    size = np.array([0.015, 0.025, 0.045])
    assert np.all(np.abs(back) < size + 1e-6)
    assert np.all((np.abs(np.abs(back) - size) < 1e-6).any(-1))


@pytest.mark.parametrize("name", ["mug", "l_bracket"])
def test_a_mesh_that_is_inside_out_is_grasped_alike(name):
    mesh, _ = known(name)
    flipped = Mesh.plain(mesh.vertices, mesh.triangles[:, ::-1])
    assert len(onboard(flipped, PANDA, None, FEW)) > 0.5 * len(grasps_of(name, with_symmetries=False))


def test_what_is_inside_of_another_part_is_not_touched():
    """A bar stuck through a block: the part of the bar within the block is no surface."""
    block, bar = build.box((0.06, 0.06, 0.06)), build.box((0.02, 0.02, 0.16))
    mesh = build.join(block, bar)
    skin = skin_of(mesh, Rays(mesh), np.random.default_rng(0))
    assert len(skin) > 1000
    within = (np.abs(skin.points) < 0.0299).all(1)
    assert not within.any()
    pairs = antipodal_pairs(skin, Rays(mesh), FRICTION_ANGLE, 500, np.random.default_rng(0))
    places = np.concatenate([pairs.first, pairs.second])
    assert not (np.abs(places) < 0.0299).all(1).any()


def test_grasps_are_kept_by_content(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    mesh, symmetries = known("block")
    made = load_grasps(mesh, PANDA, symmetries, FEW)
    (file,) = (tmp_path / "grasps").iterdir()
    written = file.stat().st_mtime_ns
    kept = load_grasps(mesh, PANDA, symmetries, FEW)
    for name in ("width", "opening", "quality", "contacts"):
        np.testing.assert_array_equal(getattr(made, name), getattr(kept, name))
    np.testing.assert_array_equal(made.skin.points, kept.skin.points)
    assert made.funnel == kept.funnel
    assert file.stat().st_mtime_ns == written
    load_grasps(mesh, Gripper(max_width=0.07), symmetries, FEW)
    load_grasps(mesh.scaled(1.01), PANDA, symmetries, FEW)
    assert len(list((tmp_path / "grasps").iterdir())) == 3
    file.write_bytes(b"broken")
    np.testing.assert_array_equal(load_grasps(mesh, PANDA, symmetries, FEW).quality, made.quality)
