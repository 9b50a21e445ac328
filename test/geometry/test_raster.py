"""The rasteriser and the boxes against plain loops, and against each other."""

import numpy as np
import pytest

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.solids import Solid, View, cast

HEIGHT, WIDTH = 30, 40


def rasterize_loop(pixels, depth, triangles):
    """Every pixel of every triangle, by signed areas."""

    def area(p, q, r):
        return (q[1] - p[1]) * (r[0] - p[0]) - (q[0] - p[0]) * (r[1] - p[1])

    nearest, winner = np.full((HEIGHT, WIDTH), np.inf), np.full((HEIGHT, WIDTH), -1)
    for index, corners in enumerate(triangles):
        a, b, c = pixels[corners]
        whole = area(a, b, c)
        if whole <= 0:
            continue
        for v in range(HEIGHT):
            for u in range(WIDTH):
                p = np.array([u, v])
                weights = np.array([area(p, b, c), area(a, p, c), area(a, b, p)]) / whole
                if (weights >= 0).all():
                    z = 1 / (weights / depth[corners]).sum()
                    if z < nearest[v, u]:
                        nearest[v, u], winner[v, u] = z, index
    return nearest, winner


def test_against_loop():
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-10, 50, (30, 2))
    depth, triangles = rng.uniform(1, 5, 30), rng.permutation(30).reshape(10, 3)
    triangles = np.concatenate([triangles, triangles[:, ::-1]])  # one of each pair faces us
    hits = rasterize(pixels, depth, triangles, HEIGHT, WIDTH)
    nearest, winner = rasterize_loop(pixels, depth, triangles)
    have, owner = np.full(HEIGHT * WIDTH, np.inf), np.full(HEIGHT * WIDTH, -1)
    have[hits.pixel], owner[hits.pixel] = hits.depth, hits.triangle
    assert (winner >= 0).mean() > 0.3
    np.testing.assert_allclose(have.reshape(HEIGHT, WIDTH), nearest, rtol=1e-4)
    assert (owner.reshape(HEIGHT, WIDTH) == winner).mean() > 0.999
    np.testing.assert_allclose(hits.weights.sum(1), 1, atol=1e-5)


def test_large_slivers_and_steps_are_looked_for_where_they_are():
    """Of a large triangle only a part of each row is looked at: thin, flat, steep and on whole pixels."""
    for seed in range(25):
        rng = np.random.default_rng(seed)
        corners = rng.uniform(-20, 60, (12, 3, 2))
        thin = rng.normal(scale=10.0 ** -rng.integers(0, 5, (12, 1)), size=(12, 2))
        corners[:, 2] = (corners[:, 0] + corners[:, 1]) / 2 + thin
        corners[:4, 1, seed % 2] = corners[:4, 0, seed % 2]  # level or upright edges
        corners[6:] = np.round(corners[6:] * 2) / 2
        pixels, depth = corners.reshape(-1, 2), rng.uniform(1, 5, 36)
        triangles = np.arange(36).reshape(12, 3)
        triangles = np.concatenate([triangles, triangles[:, ::-1]])
        hits = rasterize(pixels, depth, triangles, HEIGHT, WIDTH)
        nearest, _ = rasterize_loop(pixels, depth, triangles)
        have = np.full(HEIGHT * WIDTH, np.inf)
        have[hits.pixel] = hits.depth
        have = have.reshape(HEIGHT, WIDTH)
        # In single precision a pixel on an edge may fall to either side.
        assert (np.isfinite(have) != np.isfinite(nearest)).sum() <= 6
        both = np.isfinite(have) & np.isfinite(nearest)
        assert np.isclose(have[both], nearest[both], rtol=1e-3).mean() > 0.97


def test_what_lies_behind_is_not_drawn():
    pixels, triangles = np.array([[0.0, 0], [0, 20], [20, 0]]), np.array([[0, 1, 2], [0, 2, 1]])
    assert len(rasterize(pixels, np.ones(3), triangles, HEIGHT, WIDTH).pixel) > 100
    assert len(rasterize(pixels, np.array([1.0, 1, -1]), triangles, HEIGHT, WIDTH).pixel) == 0


BOX_TRIANGLES = np.array(
    [[0, 2, 1], [1, 2, 3], [4, 5, 6], [5, 7, 6], [0, 1, 4], [1, 5, 4],
     [2, 6, 3], [3, 6, 7], [0, 4, 2], [2, 4, 6], [1, 3, 5], [3, 7, 5]]
)  # fmt: skip


@pytest.fixture
def view():
    camera = PinholeCamera(40, 41, 19.3, 14.8, WIDTH, HEIGHT)
    return View(camera, RigidTransform(rotation_exp(np.array([-1.4, 0.2, 0.1])), np.array([0.1, -3.0, 0.5])))


def test_a_cast_box_is_a_rasterised_box(view):
    box = Solid("box", np.array([0.0, 0.3, 0.2]), np.array([0.6, 0.4, 0.3]), 0.7, None)
    depth, normals, owner = cast([box], view)
    order = np.lexsort(((box.corners - box.centre) @ box.rotation).round(6).T)  # by z, then y, then x
    hits = rasterize(*view.project(box.corners[order]), BOX_TRIANGLES, HEIGHT, WIDTH)
    drawn = np.full(HEIGHT * WIDTH, np.inf)
    drawn[hits.pixel] = hits.depth
    both = np.isfinite(drawn) & np.isfinite(depth.ravel())
    assert both.sum() > 50
    assert (np.isfinite(drawn) == np.isfinite(depth.ravel())).mean() > 0.995
    np.testing.assert_allclose(drawn[both], depth.ravel()[both], rtol=1e-4)
    assert ((owner >= 0) == np.isfinite(depth)).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=0)[owner >= 0], 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["ellipsoid", "cylinder", "box"])
def test_hits_lie_on_the_surface_and_face_the_ray(view, kind):
    solid = Solid(kind, np.array([0.0, 0.3, 0.2]), np.array([0.5, 0.5, 0.4]), 0.4, None)
    depth, normals, owner = cast([solid], view)
    hit = owner >= 0
    assert hit.sum() > 50
    rays = view.rays()[:, hit]
    local = np.abs(
        ((view.origin[:, None] + rays * depth[hit]).T - solid.centre) @ solid.rotation / solid.size
    )
    radius = np.hypot(local[:, 0], local[:, 1])
    size = {"ellipsoid": np.hypot(radius, local[:, 2]), "cylinder": np.maximum(radius, local[:, 2]),
            "box": local.max(1)}[kind]  # fmt: skip
    np.testing.assert_allclose(size, 1, atol=1e-4)
    assert ((normals[:, hit] * rays).sum(0) < 1e-6).all()
