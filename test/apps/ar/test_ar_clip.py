"""Pieces of triangles: cut where sight ends, split where the lens bends, and together the same surface."""

import numpy as np
import pytest
from ar_scene import CAMERAS, at, blob

from pose_ros.apps.ar.clip import BENT, NEAR, patches_in_sight
from pose_ros.geometry.raster import rasterize


def area(corners):
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=-1) / 2


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_pieces_lie_on_their_triangles_and_cover_them(camera):
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.3, -0.2, 0.5], [0.3, 0.2, 1.5], (60, 3))
    points = points[
        (np.abs(points[:, 0]) < 0.3 * points[:, 2]) & (np.abs(points[:, 1]) < 0.25 * points[:, 2])
    ]
    triangles = np.arange(len(points) // 3 * 3).reshape(-1, 3)
    patches = patches_in_sight(points, triangles, camera)
    corners = np.einsum("tkj,tjc->tkc", patches.weights, points[triangles[patches.triangle]])
    np.testing.assert_allclose(patches.corners, corners, atol=1e-12)
    np.testing.assert_allclose(patches.weights.sum(2), 1)
    assert patches.weights.min() >= -1e-9
    total = np.bincount(patches.triangle, area(patches.corners), len(triangles))
    np.testing.assert_allclose(total, area(points[triangles]), rtol=1e-9)
    sense = np.einsum("tc,tc->t", *(np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in
                                    (patches.corners, points[triangles[patches.triangle]])))  # fmt: skip
    assert (sense > 0).all()
    if not camera.is_distorted:
        assert len(patches) == len(triangles)


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_random_triangles_all_around_are_cut_to_what_is_before_the_camera(camera):
    """Every place on a triangle that projects into the picture is on a piece; no piece is behind."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points, triangles = rng.normal(size=(90, 3)), np.arange(90).reshape(-1, 3)
        patches = patches_in_sight(points, triangles, camera)
        assert len(patches) > 0
        assert patches.corners[..., 2].min() >= NEAR - 1e-9
        total = np.bincount(patches.triangle, area(patches.corners), len(triangles))
        inside = np.zeros(len(triangles))
        weights = rng.dirichlet([1, 1, 1], 4000)
        places = np.einsum("mk,tkc->tmc", weights, points[triangles])
        pixels = camera.project(places)
        rays = camera.rays(pixels[np.isfinite(pixels).all(-1)])
        seen = np.isfinite(pixels).all(-1)
        # A lens model folds back what lies far outside: only rays that come back the same count.
        back = np.full(places.shape, np.nan)
        back[seen] = rays
        same = np.abs(back - places / places[..., 2:]).max(-1) < 1e-3
        seen = (places[..., 2] > NEAR) & same
        seen &= (pixels >= -0.5).all(-1) & (pixels <= [camera.width - 0.5, camera.height - 0.5]).all(-1)
        inside = seen.mean(1) * area(points[triangles])
        assert (total >= inside - 0.03).all()
        assert total.sum() < 4 * inside.sum() + 0.5


@pytest.mark.parametrize("camera", [c for c in CAMERAS.values() if c.is_distorted])
def test_the_lens_bends_no_piece(camera):
    """Anywhere on a piece the picture's own interpolation is right within a fraction of a pixel."""
    rng = np.random.default_rng(1)
    points = np.array([[-0.5, -0.4, 0.8], [0.5, -0.35, 1.1], [0.0, 0.5, 0.9]])
    patches = patches_in_sight(points, np.array([[0, 1, 2]]), camera)
    assert len(patches) > 8
    pixels, z = camera.project(patches.corners), patches.corners[..., 2]
    weights = rng.dirichlet([1, 1, 1], (len(patches), 50))
    places = np.einsum("tmk,tkc->tmc", weights, patches.corners)
    share = weights * z[:, None]
    share /= share.sum(2, keepdims=True)
    straight = np.einsum("tmk,tkc->tmc", share, pixels)
    assert np.linalg.norm(camera.project(places) - straight, axis=-1).max() < 2.5 * BENT


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_no_cracks_open_between_neighbours(camera):
    """A closed ball is drawn without a hole, however its triangles were cut and split."""
    mesh, pose = blob(3, 0.3, 1), at(0.5, (0.2, 0.4, 0))
    patches = patches_in_sight(pose.apply(mesh.vertices), mesh.triangles, camera)
    fine = 4
    pixels = camera.project(patches.corners).reshape(-1, 2) * fine
    corners = np.arange(len(pixels)).reshape(-1, 3)
    height, width = camera.height * fine, camera.width * fine
    hits = rasterize(pixels, patches.corners[..., 2].reshape(-1), corners, height, width)
    drawn = np.zeros(height * width, bool)
    drawn[hits.pixel] = True
    drawn = drawn.reshape(height, width)
    assert drawn.sum() > 10_000
    for line in drawn:
        columns = np.flatnonzero(line)
        if len(columns) > 1 and columns[0] > 0 and columns[-1] < width - 1:
            gaps = np.diff(columns)
            assert (gaps > 1).sum() == 0 or gaps.max() > 4  # the outline's own bays are wide


def test_nothing_before_the_camera_is_no_piece():
    assert len(patches_in_sight(np.eye(3) - [0, 0, 3], np.array([[0, 1, 2]]), CAMERAS["barrel"])) == 0
    assert len(patches_in_sight(np.zeros((0, 3)), np.zeros((0, 3), int), CAMERAS["pinhole"])) == 0
