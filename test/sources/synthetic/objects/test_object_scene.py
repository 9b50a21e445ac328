"""Rendered scenes: exact where they claim to be, the same from the same seed, and what was asked for."""

import numpy as np
import pytest

from pose_ros.config import update
from pose_ros.errors import ConfigError, SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.raster import rasterize
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.bop import BOPScene
from pose_ros.sources.bop_models import load_bop_models
from pose_ros.sources.source import open_source
from pose_ros.sources.synthetic.objects import build, render, stage
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, SyntheticObjects, write_objects
from pose_ros.sources.synthetic.solids import View
from pose_ros.sources.synthetic.textures import plain

SMALL = {"width": 320, "height": 240, "models": 6}


def scene(**values):
    return SyntheticObjects(update(ObjectSceneConfig(), SMALL | values))


@pytest.fixture(scope="module")
def table():
    return list(scene(seed=5, frames=2, noise=False).shots())


def test_exact_depth_is_that_of_the_meshes_at_the_true_poses(table):
    source = scene(seed=5, frames=2)
    models = source.bop_models()
    for shot in table:
        camera = shot.frame.camera
        for truth, mask in zip(shot.truth, shot.mask, strict=True):
            mesh = models[truth.obj_id].mesh
            points = truth.camera_from_object.apply(mesh.vertices)
            hits = rasterize(
                camera.project(points), points[:, 2], mesh.triangles, camera.height, camera.width
            )
            depth = np.full(mask.size, np.nan)
            depth[hits.pixel] = hits.depth
            seen = np.flatnonzero(mask)
            assert len(seen)
            # Rounding may turn one pixel at a triangle's rim.
            off = np.abs(depth[seen] - shot.frame.depth.ravel()[seen])
            assert np.mean(~(off < 1e-4)) < 0.01
            assert len(seen) <= len(hits.pixel) + 5


def test_visible_shares_are_those_of_the_masks(table):
    for shot in table:
        shares = shot.mask.sum((1, 2)) / shot.outline
        np.testing.assert_allclose([truth.visible for truth in shot.truth], shares)
        assert (shot.mask.sum(0) <= 1).all()


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(table):
    again = next(scene(seed=5, frames=2, noise=False).shots())
    assert again.frame.rgb.tobytes() == table[0].frame.rgb.tobytes()
    other = next(scene(seed=6, frames=1, noise=False).shots())
    assert other.frame.rgb.tobytes() != table[0].frame.rgb.tobytes()
    assert other.frame.camera != table[0].frame.camera


def test_layouts_differ_from_frame_to_frame(table):
    first, second = (
        [truth.camera_from_object.translation.tolist() for truth in shot.truth] for shot in table
    )
    assert first != second


@pytest.mark.parametrize("occlusion", [0.3, 0.5])
def test_occlusion_is_what_was_asked_for(occlusion):
    for shot in scene(scene="single", frames=3, occlusion=occlusion).shots():
        assert [truth.visible for truth in shot.truth] == pytest.approx([1 - occlusion], abs=0.06)


def test_a_bin_holds_equal_parts_that_hide_each_other():
    shot = next(scene(scene="bin", objects=7, frames=1, seed=2).shots())
    assert [truth.obj_id for truth in shot.truth] == [1] * 7
    assert min(truth.visible for truth in shot.truth) < 0.9


def test_noise_is_small_on_what_is_seen_and_loses_some():
    exact = next(scene(seed=5, frames=1, noise=False).shots())
    noisy = next(scene(seed=5, frames=1).shots())
    mask = exact.mask.any(0)
    error = np.abs(noisy.frame.depth - exact.frame.depth)[mask]
    assert 1e-4 < np.nanmedian(error) < 0.003
    assert 0 < np.isnan(error).mean() < 0.3


def test_a_static_scene_differs_by_noise_alone():
    first, second = scene(scene="static", frames=2, seed=3).shots()
    for a, b in zip(first.truth, second.truth, strict=True):
        np.testing.assert_array_equal(a.camera_from_object.translation, b.camera_from_object.translation)
    np.testing.assert_array_equal(first.mask, second.mask)
    assert not np.array_equal(first.frame.depth, second.frame.depth, equal_nan=True)


@pytest.mark.parametrize(("kind", "off_centre"), [("video", 0.0), ("hand_held", 0.0), ("hand_held", 1.0)])
def test_videos_move_smoothly(kind, off_centre):
    source = scene(scene=kind, frames=6, seed=4, off_centre=off_centre)
    shots, models = list(source.shots()), source.bop_models()
    places = np.array(
        [
            [t.camera_from_object.apply(models[t.obj_id].mesh.bounds.mean(0)) for t in shot.truth]
            for shot in shots
        ]
    )
    steps = np.diff(places, axis=0)
    assert np.linalg.norm(steps, axis=-1).max() < 0.03, "faster than 0.9 m/s"
    assert np.linalg.norm(steps, axis=-1)[0].max() > 1e-5
    assert np.linalg.norm(np.diff(steps, axis=0), axis=-1).max() < 0.004
    stamps = np.diff([shot.frame.stamp_ns for shot in shots])
    np.testing.assert_allclose(stamps, 1e9 / 30, atol=1)


def test_a_hand_hides_some_of_what_it_holds():
    shots = list(scene(scene="hand_held", frames=1, seed=4, objects=1).shots())
    assert 0.4 < shots[0].truth[0].visible < 0.99


def test_too_many_objects_are_refused_with_a_remedy(monkeypatch):
    monkeypatch.setattr("pose_ros.sources.synthetic.objects.scene.TRIES", 1)
    with pytest.raises(SourceError, match="fewer"):
        next(scene(scene="table", objects=30, models=30, frames=1).shots())


def test_unknown_scenes_and_missing_meshes_are_refused():
    with pytest.raises(ConfigError, match="clutter"):
        update(ObjectSceneConfig(), {"scene": "moon"})
    with pytest.raises(SourceError, match="no folder"):
        scene(meshes="/nowhere")


def test_an_empty_folder_of_meshes_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"\.obj"):
        scene(meshes=str(tmp_path))


def test_meshes_of_a_folder_take_part(tmp_path):
    import trimesh

    trimesh.Trimesh(*_octahedron(400.0), process=False).export(tmp_path / "gem.stl")
    names = [model.shape.name for model in scene(meshes=str(tmp_path), models=3, off_centre=0.0).models]
    assert "gem" in names
    assert all(0.03 < model.mesh.diameter < 0.3 for model in scene(meshes=str(tmp_path), models=3).models)


def _octahedron(size):
    vertices = size * np.array([(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)], float)
    faces = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    return vertices, faces


def test_written_and_read_again(tmp_path):
    config = update(ObjectSceneConfig(), SMALL | {"seed": 5, "frames": 2})
    folder = write_objects(tmp_path, config, progress=False)
    assert folder == tmp_path / "test" / "000000"
    read, shots = BOPScene(folder), list(SyntheticObjects(config).shots())
    assert len(read) == len(open_source(str(tmp_path))) == 2
    for key, shot in zip(read.keys(), shots, strict=True):
        frame = read.frame(key)
        np.testing.assert_array_equal(frame.rgb, shot.frame.rgb)
        np.testing.assert_allclose(frame.depth, shot.frame.depth, atol=6e-5)
        np.testing.assert_array_equal(read.masks(key), shot.mask)
        for mine, theirs in zip(read.truth(key), shot.truth, strict=True):
            assert mine.label == theirs.label
            assert mine.visible == pytest.approx(theirs.visible, abs=1e-5)
            pose, other = mine.camera_from_object, theirs.camera_from_object
            np.testing.assert_allclose(pose.translation, other.translation, atol=1e-9)
            np.testing.assert_allclose(pose.rotation, other.rotation, atol=1e-12)
    again = load_bop_models(tmp_path / "models")
    for number, model in SyntheticObjects(config).bop_models().items():
        mesh = again[f"obj_{number:06d}"]
        assert mesh.name == model.name
        assert mesh.diameter == pytest.approx(model.diameter, rel=1e-4)
        assert mesh.mesh.has_color == model.mesh.has_color
        assert len(mesh.symmetries) == len(model.symmetries)
        assert (mesh.symmetries.axis is None) == (model.symmetries.axis is None)


def test_a_source_by_name():
    source = open_source("objects:scene=single,frames=1,width=160,height=120,models=2,noise=false")
    frame = next(iter(source))
    assert frame.rgb.shape == (120, 160, 3)
    with pytest.raises(ConfigError, match="bool"):
        open_source("objects:noise=perhaps")


CAMERA = PinholeCamera(300, 300, 79.5, 59.5, 160, 120)
DOWN = View(CAMERA, RigidTransform(np.diag([1.0, -1, -1]), np.array([0, 0, 1.0])))
FLOOR = stage.solid("box", (0, 0, -0.05), (1, 1, 0.05), 0, plain((0.5, 0.5, 0.5)))


def test_rendering_shades_shadows_and_exact_depth():
    lamps = ((np.array([0.3, 0.0, 1.2]), np.ones(3)),)
    box = render.Item(build.box((0.1, 0.1, 0.1)), RigidTransform(np.eye(3), np.array([0, 0, 0.05])))
    set_up = render.Stage((FLOOR,), lamps, np.full(3, 0.2))
    with_box, without = render.draw(set_up, [box], DOWN), render.draw(set_up, [], DOWN)
    assert with_box.depth[60, 80] == pytest.approx(0.9, abs=1e-6)
    assert without.depth[60, 80] == pytest.approx(1.0, abs=1e-6)
    assert (with_box.owner == 0).sum() == pytest.approx((300 * 0.1 / 0.9) ** 2, rel=0.05)
    # The lamp stands to the right: the shadow falls to the left.
    left, right = with_box.linear[60, 58], with_box.linear[60, 101]
    assert left.mean() < 0.6 * without.linear[60, 58].mean()
    assert right.mean() == pytest.approx(without.linear[60, 101].mean(), rel=0.02)


def test_an_open_mesh_is_seen_from_behind():
    sheet = build.box((0.1, 0.1, 0.1))
    lid = type(sheet).plain(sheet.vertices, sheet.triangles[sheet.normals[:, 2] < -0.9])
    item = render.Item(lid, RigidTransform(np.eye(3), np.array([0, 0, 0.05])))
    assert len(render.silhouette(item, DOWN).pixel) > 500


def test_an_outline_goes_on_beyond_the_picture():
    item = render.Item(build.box((0.1, 0.1, 0.1)), RigidTransform(np.eye(3), np.array([0.24, 0, 0.05])))
    seen = render.silhouette(item, DOWN)
    assert 0 < seen.inside.sum() < 0.7 * len(seen.pixel)
    assert len(seen.pixel) == pytest.approx((300 * 0.1 / 0.9) ** 2, rel=0.25)
