"""Scenes in BOP's layout: what is read, and what is said of a broken one."""

import json
import shutil

import cv2
import numpy as np
import pytest

from pose_ros.config import update
from pose_ros.errors import ConfigError, SourceError
from pose_ros.sources.bop import BOPScene, find_scenes, models_folder, open_bop
from pose_ros.sources.bop_models import load_bop_models, number_of, symmetries_document, symmetries_of
from pose_ros.sources.source import open_source
from pose_ros.sources.synthetic.objects.scene import ObjectSceneConfig, write_objects
from pose_ros.types import Symmetries


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("bop")
    config = {
        "scene": "table",
        "frames": 2,
        "models": 3,
        "objects": 2,
        "width": 240,
        "height": 180,
        "seed": 3,
    }
    write_objects(root, update(ObjectSceneConfig(), config), progress=False)
    return root


@pytest.fixture
def root(written, tmp_path):
    shutil.copytree(written, tmp_path / "set")
    return tmp_path / "set"


@pytest.fixture
def scene(root):
    return root / "test" / "000000"


def change(file, edit):
    document = json.loads(file.read_text())
    edit(document)
    file.write_text(json.dumps(document))


def test_depth_is_in_metres_whatever_the_scale(scene):
    key = "000000"
    before = BOPScene(scene).frame(key).depth
    file = scene / "depth" / "000000.png"
    stored = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(file), (stored // 10).astype(np.uint16))
    change(scene / "scene_camera.json", lambda d: d["0"].update(depth_scale=1.0))
    np.testing.assert_allclose(BOPScene(scene).frame(key).depth, before, atol=1.01e-3)


def test_frames_have_their_own_cameras_and_go_on_at_30_hz(scene):
    change(scene / "scene_camera.json", lambda d: d["1"]["cam_K"].__setitem__(0, 321.0))
    first, second = BOPScene(scene)
    assert first.camera.fx != 321.0
    assert second.camera.fx == 321.0
    assert second.stamp_ns - first.stamp_ns == pytest.approx(1e9 / 30, abs=1)


def test_scenes_are_found_from_the_root_and_from_themselves(root, scene):
    assert find_scenes(root) == find_scenes(scene) == find_scenes(root / "test") == [scene]
    assert find_scenes(root / "models") == []
    assert models_folder(scene) == root / "models"
    assert len(open_bop(root)) == len(open_source(str(scene))) == 2
    shutil.copytree(scene, root / "test" / "000001")
    with pytest.raises(SourceError, match="000001"):
        open_bop(root)
    with pytest.raises(SourceError, match="takes no options"):
        open_source(f"{scene}:fov=3")


def test_masks_come_from_labels_too_and_are_drawn_where_there_are_none(scene):
    reader = BOPScene(scene)
    key, given = "000001", BOPScene(scene).masks("000001")
    shutil.rmtree(scene / "mask_visib")
    drawn = reader.masks(key)
    overlap = (drawn & given).sum((1, 2)) / (drawn | given).sum((1, 2))
    assert overlap.min() > 0.85
    (scene / "label").mkdir()
    ids = [truth.obj_id for truth in reader.truth(key)]
    label = sum(number * mask for number, mask in zip(ids, given, strict=True)).astype(np.uint8)
    cv2.imwrite(str(scene / "label" / "000001.png"), label)
    np.testing.assert_array_equal(reader.masks(key), given)


def test_labels_cannot_tell_two_instances_apart(scene):
    shutil.rmtree(scene / "mask_visib")
    (scene / "label").mkdir()
    cv2.imwrite(str(scene / "label" / "000000.png"), np.zeros((180, 240), np.uint8))
    change(scene / "scene_gt.json", lambda d: [entry.update(obj_id=1) for entry in d["0"]])
    with pytest.raises(SourceError, match="two instances of object 1"):
        BOPScene(scene).masks("000000")


def test_without_truth_there_are_frames_alone(scene):
    (scene / "scene_gt.json").unlink()
    reader = BOPScene(scene)
    assert not reader.has_truth
    assert reader.truth("000000") == ()
    assert reader.masks("000000").shape == (0, 180, 240)
    assert len(list(reader)) == 2


def test_without_info_visible_shares_are_unknown(scene):
    (scene / "scene_gt_info.json").unlink()
    assert all(np.isnan(truth.visible) for truth in BOPScene(scene).truth("000000"))


def camera(**values):
    return lambda scene: change(scene / "scene_camera.json", lambda d: d["0"].update(values))


def pose(**values):
    return lambda scene: change(scene / "scene_gt.json", lambda d: d["0"][0].update(values))


BROKEN = {
    "no camera": (lambda s: (s / "scene_camera.json").unlink(), "scene_camera.json"),
    "camera cut": (lambda s: (s / "scene_camera.json").write_text('{"0": {"cam_K"'), "cannot be read"),
    "camera list": (lambda s: (s / "scene_camera.json").write_text("[]"), "must hold an object"),
    "camera K": (camera(cam_K=[1, 2]), "nine numbers"),
    "camera zero": (camera(cam_K=[0] * 9), "focal"),
    "scale": (camera(depth_scale=0), "depth_scale"),
    "key": (lambda s: change(s / "scene_camera.json", lambda d: d.update(first=d["0"])), "numbers of frames"),
    "no pictures": (lambda s: shutil.rmtree(s / "rgb"), "no picture"),
    "no depth": (lambda s: (s / "depth" / "000001.png").unlink(), "lack depth"),
    "nan pose": (pose(cam_t_m2c=[float("nan"), 0, 1]), "not finite"),
    "no rotation": (pose(cam_R_m2c=[2] * 9), "rotation matrix"),
    "no id": (lambda s: change(s / "scene_gt.json", lambda d: d["0"][0].pop("obj_id")), "obj_id"),
    "info short": (lambda s: change(s / "scene_gt_info.json", lambda d: d["0"].pop()), "scene_gt_info"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_scenes_are_refused_by_name(name, scene):
    spoil, message = BROKEN[name]
    spoil(scene)
    with pytest.raises(SourceError, match=message):
        BOPScene(scene)


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: cut(s / "rgb" / "000001.png"), "truncated"),
        (lambda s: cut(s / "depth" / "000001.png"), "truncated"),
        (lambda s: cv2.imwrite(str(s / "depth" / "000001.png"), np.zeros((180, 240), np.uint8)), "16-bit"),
        (
            lambda s: cv2.imwrite(str(s / "depth" / "000001.png"), np.zeros((90, 120), np.uint16)),
            "registered",
        ),
    ],
)
def test_broken_pictures_are_refused_when_they_are_read(spoil, message, scene):
    spoil(scene)
    reader = BOPScene(scene)
    reader.frame("000000")
    with pytest.raises(SourceError, match=message):
        reader.frame("000001")


def test_a_frame_that_is_not_there_is_said(scene):
    with pytest.raises(SourceError, match="000000 to 000001"):
        BOPScene(scene).frame("000007")


def test_models_are_in_metres_and_named(root):
    models = load_bop_models(root / "models")
    assert list(models) == ["obj_000001", "obj_000002", "obj_000003"]
    assert all(0.03 < model.diameter < 0.3 for model in models.values())
    assert number_of("obj_000003") == 3
    assert number_of("drill") is None


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: (m / "models_info.json").write_text("{"), "models_info"),
        (lambda m: (m / "models_info.json").write_text('{"one": {}}'), "models_info"),
        (lambda m: [file.unlink() for file in m.glob("obj_*")], "no mesh"),
    ],
)
def test_broken_models_are_refused(spoil, message, root):
    spoil(root / "models")
    with pytest.raises(SourceError, match=message):
        load_bop_models(root / "models")


def test_symmetries_of_models_info():
    turn = [1.0, 0, 0, 0, 0, -1, 0, -2, 0, 0, -1, 16, 0, 0, 0, 1]
    entry = {
        "symmetries_discrete": [turn],
        "symmetries_continuous": [{"axis": [0, 0, 2], "offset": [10, 0, 0]}],
    }
    symmetries = symmetries_of(entry)
    assert len(symmetries) == 2
    np.testing.assert_allclose(symmetries.discrete.translation[1], [0, -0.002, 0.016])
    np.testing.assert_allclose(symmetries.axis, [0, 0, 1])
    np.testing.assert_allclose(symmetries.center, [0.01, 0, 0])
    assert symmetries_of(symmetries_document(symmetries)).discrete.translation == pytest.approx(
        symmetries.discrete.translation
    )
    assert symmetries_document(Symmetries.none()) == {}
    axes = [{"axis": list(axis)} for axis in np.eye(3)]
    assert symmetries_of({"symmetries_continuous": axes}).is_sphere


def test_the_real_scene(data):
    """YCB-Video: labels as pictures, poses in mm, three objects in every frame."""
    reader = open_source(str(data / "ycbv"))
    assert len(reader) == 10
    models = load_bop_models(data / "ycbv" / "models")
    assert len(models["obj_000021"].symmetries) == 4
    for key in (reader.keys()[0], reader.keys()[-1]):
        frame, truths, masks = reader.frame(key), reader.truth(key), reader.masks(key)
        assert [truth.obj_id for truth in truths] == [8, 14, 21]
        for truth, mask in zip(truths, masks, strict=True):
            middle = np.nanmedian(frame.depth[mask])
            assert abs(middle - truth.camera_from_object.translation[2]) < 0.08


def test_config_errors_of_objects_name_what_is_valid():
    with pytest.raises(ConfigError, match="occlusion"):
        update(ObjectSceneConfig(), {"occlusio": 0.1})
