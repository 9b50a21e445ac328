"""Fewer triangles: within the budget, of the same shape and colour."""

import numpy as np
import pytest

from pose_ros.geometry.decimate import decimated
from pose_ros.geometry.mesh import Mesh


def bumpy(side=60) -> Mesh:
    """A closed surface of 2 * side² triangles, red where x > 0 and blue elsewhere."""
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, side + 1), np.linspace(0, 2 * np.pi, side + 1), indexing="ij"
    )
    radius = 0.1 * (1 + 0.2 * np.cos(3 * phi) * np.sin(theta))
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    points = (points * radius[..., None]).reshape(-1, 3)
    index = np.arange(len(points)).reshape(side + 1, side + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    red = points[faces][:, :, 0].mean(1) > 0
    rgb = np.where(red[:, None, None], [250, 0, 0], [0, 0, 250])
    return Mesh.plain(points, faces, np.broadcast_to(rgb, (len(faces), 3, 3)))


@pytest.mark.parametrize("budget", [150, 500, 2000])
def test_within_the_budget_and_near_the_surface(budget):
    mesh = bumpy()
    small = decimated(mesh, budget)
    assert 0.3 * budget < len(small.triangles) <= budget
    rng = np.random.default_rng(0)
    fine, coarse = mesh.points(*mesh.sample(4000, rng)), small.points(*small.sample(4000, rng))
    distance = np.linalg.norm(fine[:, None] - coarse, axis=-1)
    assert distance.min(1).mean() < 0.2 / np.sqrt(budget)
    assert distance.min(0).mean() < 0.2 / np.sqrt(budget)


def test_colours_stay_where_they_are():
    small = decimated(bumpy(), 500)
    middle = small.vertices[small.triangles].mean(1)[:, 0]
    clear = np.abs(middle) > 0.03
    red = small.corner_rgb[:, 0, 0] > small.corner_rgb[:, 0, 2]
    assert (red == (middle > 0))[clear].all()


def test_a_small_mesh_is_left_as_it_is():
    mesh = bumpy(6)
    same = decimated(mesh, len(mesh.triangles))
    np.testing.assert_array_equal(same.triangles, mesh.triangles)
    np.testing.assert_allclose(same.vertices, mesh.vertices)
