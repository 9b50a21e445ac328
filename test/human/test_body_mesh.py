"""Figures to be shown: a closed enough surface of each person, where the person is."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="the figure is anny's")

from body_scene import scene

from pose_ros.geometry.raster import rasterize
from pose_ros.human.body_fit import spread_vertices
from pose_ros.human.body_mesh import COARSE, BodyMesher, coarse_triangles
from pose_ros.types import Person, TrackState


@pytest.fixture(scope="module")
def mesher():
    return BodyMesher()


def persons(seen, sigma: float = 0.03) -> list[Person]:
    rough = seen.rough(sigma)
    return [
        Person(f"p{n + 1}", TrackState.TRACKED, 5, seen.keypoints.select([n]), rough.select([n]), {})
        for n in range(len(seen.joints))
    ]


def test_everybody_is_covered_by_their_own_figure(mesher):
    seen = scene([(2.3, 0.4), (2.7, -0.5)])
    meshes = mesher(seen.frame, persons(seen))
    assert [mesh.id for mesh in meshes] == ["p1", "p2"]
    height, width = seen.owner.shape
    for n, mesh in enumerate(meshes):
        assert mesh.surface_error < 0.012
        pixels = seen.frame.camera.project(mesh.vertices)
        hits = rasterize(pixels, mesh.vertices[:, 2], mesh.triangles, height, width)
        drawn, mine = np.zeros(height * width, bool), (seen.owner == n).ravel()
        drawn[hits.pixel] = True
        assert (drawn & mine).sum() > 0.85 * (drawn | mine).sum()
        on_me = mine[hits.pixel]
        apart = np.abs(hits.depth - seen.frame.depth.ravel()[hits.pixel])[on_me]
        assert np.median(apart) < 0.02


def test_the_coarse_surface_keeps_its_sense():
    chosen, triangles = coarse_triangles(COARSE)
    assert np.isin(chosen, spread_vertices()).all()
    assert len(np.unique(chosen)) == len(chosen)
    assert 800 < len(triangles) < 3000
    assert triangles.max() == len(chosen) - 1
    # Most edges are shared by two triangles that run through them in opposite ways.
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    there = {tuple(edge) for edge in edges.tolist()}
    assert np.mean([(b, a) in there for a, b in there]) > 0.9


def test_nobody_gives_nothing(mesher):
    seen = scene([(2.3, 0.0)])
    assert mesher(seen.frame, []) == []
    lost = seen.rough(0.0)
    lost.xyz[:] = np.nan
    lost.origin[:] = 0
    person = Person("p1", TrackState.TRACKED, 5, seen.keypoints, lost, {})
    assert mesher(seen.frame, [person]) == []
