"""Bodies of models: where they are put, of what pieces, and that they come to rest on a table."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the simulator needs pybullet")
from scipy.spatial import ConvexHull, Delaunay

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sim.engine import RATE, connect
from pose_ros.sim.pieces import convex_pieces, signed_volume
from pose_ros.sim.things import Shelf, pose_in
from pose_ros.sources.synthetic.objects import build, shapes
from pose_ros.sources.synthetic.objects.catalogue import look


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path / "cache"))


def test_a_convex_mesh_is_one_piece():
    (piece,) = convex_pieces(build.box((0.1, 0.05, 0.02)))
    assert ConvexHull(piece).volume == pytest.approx(1e-4)


def test_pieces_fill_a_concave_mesh_and_leave_its_hollow_open():
    bracket = shapes.l_bracket(np.random.default_rng(0)).mesh
    pieces = convex_pieces(bracket)
    total = sum(ConvexHull(piece).volume for piece in pieces)
    assert len(pieces) > 1
    assert total == pytest.approx(signed_volume(bracket), rel=0.15)
    rng = np.random.default_rng(1)
    triangle, weights = bracket.sample(300, rng)
    inside = bracket.points(triangle, weights) - 5e-4 * bracket.normals[triangle]
    hollow = bracket.bounds[0] + 0.75 * np.ptp(bracket.bounds, axis=0)  # within the hull, beside both legs
    hollow[2] = 0.0
    hulls = [Delaunay(piece) for piece in pieces]
    assert not any(hull.find_simplex(hollow) >= 0 for hull in hulls)
    covered = np.any([hull.find_simplex(inside) >= 0 for hull in hulls], axis=0)
    assert covered.mean() > 0.95


def test_pieces_are_kept_and_read_again():
    bracket = shapes.l_bracket(np.random.default_rng(0)).mesh
    first, second = convex_pieces(bracket), convex_pieces(bracket)
    assert len(first) == len(second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.fixture
def shelf(tmp_path):
    rng = np.random.default_rng(5)
    drawn = [shapes.plain_box(rng), shapes.off_centre(shapes.brick(rng), rng), shapes.soup_can(rng)]
    return Shelf([look(rng, shape) for shape in drawn], tmp_path / "shelf")


def test_a_body_is_where_it_is_put_whatever_its_mesh_origin(shelf):
    client = connect(gravity=False)
    pose = RigidTransform(rotation_exp(np.array([0.3, -0.5, 1.0])), np.array([0.1, 0.2, 0.5]))
    for number in (1, 2, 3):
        body = shelf.put(client, number, pose)
        there = pose_in(client, body)
        np.testing.assert_allclose(there.translation, pose.translation, atol=1e-9)
        np.testing.assert_allclose(there.rotation, pose.rotation, atol=1e-9)
        # The engine's own shape lies where the mesh does (its boxes are tight for upright bodies only).
        upright = RigidTransform(np.eye(3), pose.translation)
        body = shelf.put(client, number, upright)
        box = np.array(client.getAABB(body.number))
        np.testing.assert_allclose(box, shelf.models[number - 1].mesh.bounds + pose.translation, atol=0.003)
    client.disconnect()


def test_a_box_dropped_on_a_table_lies_on_it(shelf):
    client = connect()
    floor = client.createCollisionShape(client.GEOM_BOX, halfExtents=[1, 1, 0.05])
    client.createMultiBody(0, floor, -1, [0, 0, -0.05])
    mesh: Mesh = shelf.models[0].mesh
    turned = rotation_exp(np.array([0, np.pi / 2, 0]))
    height = -(mesh.vertices @ turned.T)[:, 2].min()
    body = shelf.put(client, 1, RigidTransform(turned, np.array([0, 0, height + 0.002])))
    for _ in range(round(1.5 * RATE)):
        client.stepSimulation()
    assert pose_in(client, body).apply(mesh.vertices)[:, 2].min() == pytest.approx(0.0, abs=1.5e-3)
    client.disconnect()
