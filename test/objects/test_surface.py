import numpy as np
from posed import BRIGHT, box_mesh, grid_mesh

from pose_ros.objects.surface import skin_of, spiral, surface_of


def surface(mesh, count=512):
    return surface_of(skin_of(mesh, np.random.default_rng(0), 20_000), mesh.diameter, count)


def test_directions_are_even():
    directions = spiral(162)
    assert np.allclose(np.linalg.norm(directions, axis=1), 1)
    nearest = np.sort(np.arccos((directions @ directions.T).clip(-1, 1)), axis=1)[:, 1]
    assert nearest.max() < 1.5 * nearest.min()


def test_of_a_convex_body_what_faces_the_viewer_is_visible():
    found = surface(box_mesh((0.1, 0.08, 0.06)))
    facing = -found.directions @ found.normals.T
    assert found.visible[facing > 0.15].mean() > 0.995
    assert not found.visible[facing < 0].any()


def test_a_wall_hides_what_is_behind_it():
    """Two boxes: seen along the line through both, the far one is hidden."""
    near, far = box_mesh((0.06, 0.06, 0.06)), box_mesh((0.03, 0.03, 0.03))
    vertices = np.concatenate([near.vertices, far.vertices + [0, 0, 0.08]])
    found = surface(grid_mesh(vertices, np.concatenate([near.triangles, far.triangles + len(near.vertices)])))
    straight = (found.directions @ [0, 0, 1.0]).argmax()
    of_far = found.points[:, 2] > 0.06
    assert found.visible[straight][~of_far & (found.normals[:, 2] < -0.5)].all()
    assert not found.visible[straight][of_far].any()


def test_what_nobody_can_see_is_left_out():
    outer, inner = box_mesh((0.1, 0.1, 0.1)), box_mesh((0.03, 0.03, 0.03))
    both = grid_mesh(
        np.concatenate([outer.vertices, inner.vertices]),
        np.concatenate([outer.triangles, inner.triangles + len(outer.vertices)]),
    )
    assert np.abs(surface(both).points).max(1).min() > 0.04


def test_samples_are_even_however_few_are_taken():
    found = surface(box_mesh((0.1, 0.1, 0.1)))
    for count in (64, 512):
        side = np.abs(found.points[:count]).argmax(1) * 2 + (found.points[:count].max(1) > 0.049)
        share = np.bincount(side, minlength=6) / count
        assert share.min() > 0.08


def test_colors_are_those_of_the_faces():
    found = surface(box_mesh((0.1, 0.08, 0.06), BRIGHT))
    half = np.array([0.05, 0.04, 0.03])
    for axis in range(3):
        for side in (0, 1):
            inside = (found.points[:, axis] * (2 * side - 1)) > half[axis] - 1e-6
            inside &= (np.abs(found.points) < half - 0.012).sum(1) == 2
            np.testing.assert_allclose(found.colors[inside].mean(0), BRIGHT[2 * axis + side], atol=1)
