"""Things stand where they cannot fall, and nothing goes through anything."""

import numpy as np
import pytest

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.objects import build, place, shapes

RNG = np.random.default_rng(0)


def test_a_box_rests_on_its_faces_each_as_likely_as_it_is_large():
    rests = place.stable_rests(build.box((0.02, 0.04, 0.08)))
    assert len(rests) == 6
    for rest in rests:
        down = rest.rotation.T @ (0, 0, -1)
        assert np.abs(down).max() == pytest.approx(1)
        area = np.prod(
            [side for axis, side in enumerate((0.02, 0.04, 0.08)) if axis != np.abs(down).argmax()]
        )
        assert rest.weight == pytest.approx(area / (2 * (0.02 * 0.04 + 0.04 * 0.08 + 0.02 * 0.08)), rel=1e-3)


def test_nothing_rests_where_it_would_topple():
    """A leaning tower: its middle lies beside its foot."""
    tower = build.extrude([(0, 0), (0.02, 0), (0.12, 0.1), (0.1, 0.1)], 0.03)
    down = [rest.rotation.T @ (0, 0, -1) for rest in place.stable_rests(tower)]
    assert len(down) == 4
    assert max(abs(way[1]) for way in down) < 0.9


def test_the_centre_of_mass_is_the_integral_over_the_volume():
    wedge = build.extrude([(0, 0), (0.3, 0), (0, 0.6)], 0.1)
    np.testing.assert_allclose(place.centre_of_mass(wedge), (0.1, 0.2, 0), atol=1e-12)
    away = wedge.moved(RigidTransform(np.eye(3), np.array([1.0, 2, 3])))
    np.testing.assert_allclose(place.centre_of_mass(away), (1.1, 2.2, 3), atol=1e-12)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (0.6, -0.64, 0.48)])
def test_rotation_to_down(normal):
    rotation = place.rotation_to_down(np.array(normal, float))
    np.testing.assert_allclose(rotation @ normal, (0, 0, -1), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_what_is_let_down_touches_what_lies_below():
    pile = place.Pile(0.2)
    low = build.box((0.1, 0.1, 0.03))
    pose = pile.landing(low, np.eye(3), np.zeros(2))
    assert pose.translation[2] == pytest.approx(0.015, abs=1e-3)
    pile.add(low, pose)
    above = pile.landing(low, np.eye(3), np.array([0.05, 0.0]))
    assert above.translation[2] == pytest.approx(0.045, abs=1.5e-3)
    beside = pile.landing(low, np.eye(3), np.array([0.11, 0.0]))
    assert beside.translation[2] == pytest.approx(0.015, abs=1e-3)


def test_a_gap_is_kept_and_the_border_is_one():
    pile = place.Pile(0.2)
    low = build.box((0.1, 0.1, 0.03))
    pile.add(low, pile.landing(low, np.eye(3), np.zeros(2)))
    assert pile.landing(low, np.eye(3), np.array([0.115, 0.0]), gap=0.02) is None
    assert pile.landing(low, np.eye(3), np.array([0.125, 0.0]), gap=0.02) is not None
    assert pile.landing(low, np.eye(3), np.array([0.17, 0.0])) is None
    walled = place.Pile(0.2)
    x, _ = walled.grid()
    walled.height[x > 0.1] = np.inf
    assert walled.landing(low, np.eye(3), np.array([0.06, 0.0])) is None


def test_nothing_in_a_heap_goes_through_anything():
    """Convex parts: a point of one lies in another only where all half-spaces of that hold."""
    from scipy.spatial import ConvexHull

    rng = np.random.default_rng(3)
    part = shapes.hexagonal_prism(rng).mesh
    rests, pile, poses = place.stable_rests(part), place.Pile(0.12), []
    for _ in range(8):
        poses.append(pile.drop(part, rests, rng, 0.08, 20, 0.3))
        pile.add(part, poses[-1])
    hull = ConvexHull(part.vertices).equations
    surface = part.points(*part.sample(4000, rng))
    heights = []
    for k, pose in enumerate(poses):
        points = pose.apply(surface)
        assert points[:, 2].min() > -1e-4
        heights.append(points[:, 2].max())
        for other in poses[:k]:
            inside = other.inverse().apply(points) @ hull[:, :3].T + hull[:, 3]
            assert -inside.max(1).min() < 1e-3, "deeper than a millimetre"
    assert max(heights) > 1.2 * min(heights), "a heap, not a layer"
