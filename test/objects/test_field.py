import numpy as np
import pytest
from posed import box_mesh, grid_mesh, l_mesh, sphere_mesh

from pose_ros.geometry.mesh import Mesh
from pose_ros.objects.field import DistanceField, closest_on_triangles, distance_field
from pose_ros.objects.surface import skin_of


def field_of(mesh: Mesh) -> DistanceField:
    return distance_field(mesh, skin_of(mesh, np.random.default_rng(0), 20_000))[0]


def centres(field: DistanceField) -> np.ndarray:
    cells = np.stack(np.meshgrid(*map(np.arange, field.values.shape[:3]), indexing="ij"), -1)
    return field.origin + field.voxel * cells


def box_distance(points: np.ndarray, half: np.ndarray) -> np.ndarray:
    beyond = np.abs(points) - half
    return np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(-1), 0)


def test_distances_to_a_box_are_exact():
    field = field_of(box_mesh((0.1, 0.06, 0.04)))
    expected = box_distance(centres(field), np.array([0.05, 0.03, 0.02]))
    assert nearly_all_close(field, expected)


def nearly_all_close(field: DistanceField, expected: np.ndarray) -> bool:
    """Within a twentieth of a voxel, but for one voxel in ten thousand at edges."""
    wrong = np.abs(field.values[..., 0] - expected) > 0.05 * field.voxel
    return wrong.mean() < 1e-4


def test_distances_to_a_ball_and_their_gradient():
    field = field_of(sphere_mesh(0.05, rows=60))
    points = centres(field)
    radius = np.linalg.norm(points, axis=-1)
    # Slivers at the poles are not always among the triangles that are tried.
    error = np.abs(field.values[..., 0] - (radius - 0.05))
    assert np.mean(error > 1e-4) < 2e-3
    assert error.max() < 0.6 * field.voxel
    away = radius > 0.02  # at the centre every direction is right
    outward = points / np.maximum(radius, 1e-9)[..., None]
    assert np.mean((field.values[..., 1:] * outward).sum(-1)[away] > 0.99) > 0.99


def test_the_gradient_is_that_of_the_distance():
    """Finite differences between voxels, but where the nearest side changes."""
    field = field_of(l_mesh())
    distance, gradient = field.values[..., 0], field.values[..., 1:]
    for axis in range(3):
        numeric = (np.roll(distance, -1, axis) - np.roll(distance, 1, axis)) / (2 * field.voxel)
        inner = (slice(2, -2),) * 3
        error = np.abs(numeric - gradient[..., axis])[inner]
        assert np.median(error) < 0.01
        assert np.mean(error < 0.1) > 0.85


@pytest.mark.parametrize("damage", ["inside out", "half turned", "a hole", "two skins"])
def test_a_careless_mesh_has_the_same_field(damage):
    mesh = box_mesh((0.1, 0.06, 0.04))
    triangles = mesh.triangles.copy()
    if damage == "inside out":
        triangles = triangles[:, ::-1]
    elif damage == "half turned":
        triangles[::2] = triangles[::2, ::-1]
    elif damage == "a hole":  # a slit of half a millimetre
        slit = np.array([[0.05, 0, 0.02], [0.05, 0.0005, 0.02], [0.05, 0, 0.0195]])
        mesh = grid_mesh(np.concatenate([mesh.vertices, slit]), triangles)
    else:
        triangles = np.concatenate([triangles, triangles])
    field = field_of(grid_mesh(mesh.vertices, triangles))
    expected = box_distance(centres(field), np.array([0.05, 0.03, 0.02]))
    assert nearly_all_close(field, expected)


def test_an_open_sheet_has_an_outside_on_both_sides():
    square = box_mesh((0.1, 0.1, 0.1))
    sheet = grid_mesh(square.vertices, square.triangles[-2:])  # z = 0.05 alone
    field = field_of(sheet)
    far = np.abs(centres(field)[..., 2] - 0.05) > 2 * field.voxel
    assert (field.values[..., 0][far] > 0).all()


def test_closest_points_on_triangles_agree_with_a_search():
    rng = np.random.default_rng(3)
    points, corners = rng.normal(size=(50, 3)), rng.normal(size=(50, 3, 3))
    found = np.linalg.norm(points - closest_on_triangles(points, corners), axis=1)
    weights = rng.dirichlet(np.ones(3) * 0.7, size=20_000)
    for n in range(50):
        tried = np.linalg.norm(weights @ corners[n] - points[n], axis=1).min()
        assert found[n] <= tried + 1e-9
        assert found[n] == pytest.approx(tried, abs=0.05)
