"""Shapes are closed, outside out and of a size to be grasped; their symmetries are right and complete."""

from functools import cache

import numpy as np
import pytest
from scipy.spatial import cKDTree

from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log
from pose_ros.sources.synthetic.objects import build, groups, shapes
from pose_ros.sources.synthetic.objects.labelled import labelled_shapes

LABELLED = labelled_shapes()
SAME = 0.0025  # m, of 98 % of samples: twice their spacing, and what a rim of 48 steps is not round


@cache
def surface(name):
    mesh = LABELLED[name].mesh
    samples = mesh.sample(20000, np.random.default_rng(5))
    return cKDTree(mesh.points(*samples)), mesh.colors(*samples)


def mismatch(shape, motion):
    """(distance m of 98 and 99.5 %, colour difference of 90 and 97 %) of the surface, moved by `motion`."""
    rng = np.random.default_rng(0)
    tree, colours = surface(shape.name)
    triangle, weights = shape.mesh.sample(600, rng)
    points, mine = shape.mesh.points(triangle, weights), shape.mesh.colors(triangle, weights)
    distance, nearest = tree.query(motion.apply(points), k=4)
    difference = np.abs(colours[nearest] - mine[:, None]).max(-1).min(1)
    return np.percentile(distance[:, 0], [98, 99.5]), np.percentile(difference, [90, 97])


def is_symmetry(shape, motion):
    distance, difference = mismatch(shape, motion)
    return distance[0] < SAME and difference[0] < 60


def is_none(shape, motion):
    """A motion that nobody would take for a symmetry who looks closely."""
    distance, difference = mismatch(shape, motion)
    return distance[1] > SAME or difference[1] > 60


def contains(symmetries, motion):
    """Or all but contains: a few degrees from a symmetry nothing differs that samples could show."""
    if symmetries.is_sphere:
        return True
    each = symmetries.sampled(360)
    turned = np.linalg.norm(rotation_log(np.swapaxes(each.rotation, 1, 2) @ motion.rotation), axis=-1)
    return turned.min() < np.radians(9.0)


def candidates(shape):
    """Motions about the shape's middle that might map it onto itself, in the frame of its symmetries."""
    flips = [
        rotation_exp(np.pi * np.array([np.cos(a), np.sin(a), 0])) for a in np.radians(np.arange(0, 180, 7.5))
    ]
    turns = [rotation_exp(np.array([0, 0, 2 * np.pi * j / n])) for n in range(2, 13) for j in range(1, n)]
    sides = [turn for turn in groups.cube().discrete.rotation[1:]]
    return [*flips, *turns, *sides]


def test_there_are_enough_and_of_every_kind():
    kinds = {
        (len(one.symmetries), one.symmetries.axis is not None, one.symmetries.is_sphere)
        for one in LABELLED.values()
    }
    assert len(LABELLED) >= 45
    assert {(1, False, False), (2, False, False), (24, False, False), (12, False, False), (1, True, False),
            (2, True, False), (1, False, True)} <= kinds  # fmt: skip
    assert sum(one.mesh.has_color for one in LABELLED.values()) >= 12


@pytest.mark.parametrize("name", LABELLED)
def test_every_symmetry_maps_the_shape_onto_itself(name):
    shape = LABELLED[name]
    each = shape.symmetries.sampled(16)
    for rotation, translation in zip(each.rotation, each.translation, strict=True):
        assert is_symmetry(shape, RigidTransform(rotation, translation)), name


@pytest.mark.parametrize("name", [name for name in LABELLED if "off_centre" not in name])
def test_no_other_motion_does(name):
    """About the middle of the surface, which every symmetry keeps."""
    shape = LABELLED[name]
    points = shape.mesh.points(*shape.mesh.sample(20000, np.random.default_rng(1)))
    middle = points.mean(0)
    for rotation in candidates(shape):
        motion = RigidTransform(rotation, middle - rotation @ middle)
        if not contains(shape.symmetries, motion):
            assert is_none(shape, motion), (name, rotation_log(rotation))


@pytest.mark.parametrize("draw", [*shapes.TEXTURED, *shapes.PLAIN, shapes.ball])
def test_meshes_are_closed_and_of_a_size_to_be_grasped(draw):
    for seed in range(3):
        mesh = draw(np.random.default_rng(seed)).mesh
        edges = mesh.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
        once = {tuple(edge) for edge in edges}
        assert len(once) == len(edges), "an edge has two triangles on one side"
        assert all((b, a) in once for a, b in once), "an edge has a triangle on one side only"
        assert build.volume(mesh) > 0
        assert 0.03 < mesh.diameter < 0.3


def test_symmetries_move_with_the_mesh():
    far = LABELLED["off_centre_cylinder"]
    low, high = far.mesh.bounds
    assert ((low > 0) | (high < 0)).any(), "the origin lies inside the bounds"
    assert far.symmetries.axis is not None
    each = far.symmetries.sampled(8)
    for rotation, translation in zip(each.rotation, each.translation, strict=True):
        assert is_symmetry(far, RigidTransform(rotation, translation))


def test_a_polygon_is_cut_into_triangles_that_fill_it():
    outline = np.array([(0, 0), (3, 0), (3, 1), (1, 1), (1, 2), (3, 2), (3, 3), (0, 3)], float)
    solid = build.extrude(outline, 2.0)
    assert build.volume(solid) == pytest.approx(2 * 7)
    with pytest.raises(ValueError, match="clockwise"):
        build.extrude(outline[::-1], 1.0)


def test_volumes_are_those_of_the_formulas():
    assert build.volume(build.box((0.1, 0.2, 0.3))) == pytest.approx(0.006)
    cylinder = build.revolve([(0, 0), (1, 0), (1, 2), (0, 2)], steps=720)
    assert build.volume(cylinder) == pytest.approx(2 * np.pi, rel=1e-4)
    ring = [(3 + np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 200, endpoint=False)]
    assert build.volume(build.revolve(ring, 400, closed=True)) == pytest.approx(6 * np.pi**2, rel=1e-3)
    bar = build.sweep(
        np.array([(0, 0, 0), (0, 0, 1), (0, 0, 2.0)]) + [(0, 0, 0), (1e-9, 0, 0), (0, 0, 0)], 0.5, 200
    )
    assert build.volume(bar) == pytest.approx(np.pi / 2, rel=1e-3)


def test_each_face_of_a_printed_box_shows_its_own_print_upright():
    pictures = []
    for n in range(6):
        picture = np.full((40, 40, 3), 20 * n, np.uint8)
        picture[:20] += 100  # the upper half is lighter
        pictures.append(picture)
    box = build.printed_box((0.1, 0.1, 0.1), pictures)
    for n, (out, _, up) in enumerate(build.BOX_FACES):
        for side, expected in ((0.03, 20 * n + 100), (-0.03, 20 * n)):
            place = 0.05 * out + side * up
            corners = box.vertices[box.triangles]
            for triangle in np.flatnonzero(box.normals @ out > 0.9):
                weights = np.linalg.lstsq(
                    np.vstack([corners[triangle].T, np.ones(3)]), np.append(place, 1), rcond=None
                )[0]
                if (weights >= -1e-9).all():
                    assert box.colors(np.array([triangle]), weights[None])[0] == pytest.approx(
                        expected, abs=1
                    )
                    break
            else:
                pytest.fail("no triangle is there")
