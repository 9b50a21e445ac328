"""Models from folders and YAML files, and the cache of what was computed of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import trimesh
from known import BOX, known
from posed import box_mesh, l_mesh

from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import Mesh
from pose_ros.objects import model as module
from pose_ros.objects.model import load_model, load_models, onboard
from pose_ros.types import Symmetries


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty folder where models are kept."""
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path / "cache"))
    return tmp_path / "cache" / "objects"


@pytest.fixture(autouse=True)
def computed(monkeypatch) -> list[str]:
    """Labels of the models that were computed, and not read from the cache."""
    labels, compute = [], module.onboard

    def counting(label, mesh, symmetries=None, path=None):
        """What others have computed of this shape, as it takes seconds."""
        labels.append(label)
        for model in map(known, ("box", "bracket")):
            if np.allclose(model.bounds, mesh.bounds, atol=1e-6):
                symmetries = symmetries or model.symmetries
                return replace(model, label=label, mesh=mesh, path=path, symmetries=symmetries)
        return compute(label, mesh, symmetries, path)

    monkeypatch.setattr(module, "onboard", counting)
    return labels


@pytest.fixture
def folder(tmp_path):
    cad = tmp_path / "cad"
    cad.mkdir()
    write(cad / "brick.ply", box_mesh(BOX))
    return cad


def write(path, mesh: Mesh, scale: float = 1.0) -> None:
    trimesh.Trimesh(mesh.vertices * scale, mesh.triangles, process=False).export(path)


def test_a_folder_names_models_by_their_files(folder):
    write(folder / "bracket.STL", l_mesh())
    (folder / "notes.txt").write_text("no mesh")
    models = load_models(folder)
    assert list(models) == ["bracket", "brick"]
    assert [model.label for model in models.values()] == list(models)
    assert models["brick"].diameter == pytest.approx(np.linalg.norm(BOX), rel=1e-3)
    assert (len(models["brick"].symmetries), len(models["bracket"].symmetries)) == (4, 1)
    assert models["brick"].path == folder / "brick.ply"


def test_a_yaml_file_tells_unit_up_and_symmetries(folder, tmp_path):
    write(folder / "large.ply", box_mesh(BOX), 1000)
    file = tmp_path / "models.yaml"
    file.write_text(
        "plain: cad/brick.ply\n"
        "other: {mesh: cad/large.ply, unit: mm, up: y, symmetries: none}\n"
        f"7: {{mesh: {folder / 'brick.ply'}, symmetries: auto}}\n"
    )
    models = load_models(str(file))
    assert list(models) == ["plain", "other", "7"]
    np.testing.assert_allclose(np.ptp(models["plain"].bounds, axis=0), BOX, atol=1e-6)
    assert np.ptp(models["other"].bounds, axis=0)[2] == pytest.approx(0.08, abs=1e-6)  # its y is up
    assert [len(model.symmetries) for model in models.values()] == [4, 1, 4]
    assert len(models["other"].shape_symmetries) == 4  # depth has no opinion


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must name models"),
        ("[1, 2]", "must name models"),
        ("a: {unit: mm}", "a must have a mesh"),
        ("a: 5", "a must have a mesh"),
        ("a: {mesh: cad/brick.ply, units: mm}", "units.*mesh, unit, up, symmetries"),
        ("a: {mesh: cad/brick.ply, unit: yard}", "yard.*m, cm, mm|yard"),
        ("a: {mesh: cad/brick.ply, up: w}", "w"),
        ("a: {mesh: cad/brick.ply, symmetries: many}", "many.*auto, none"),
        ("a: {mesh: cad/absent.ply}", "absent.ply does not exist"),
        ("a: {mesh: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_yaml_file_says_what_is_wrong(folder, tmp_path, text, message):
    (tmp_path / "models.yaml").write_text(text)
    with pytest.raises(MeshError, match=message):
        load_models(tmp_path / "models.yaml")


def test_a_wrong_folder_says_so(tmp_path, folder):
    with pytest.raises(MeshError, match="neither a folder of CAD files nor a YAML file"):
        load_models(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeshError, match=r"no CAD file; valid: .*\.obj"):
        load_models(tmp_path / "empty")
    (folder / "broken.ply").write_text("this is no mesh")
    with pytest.raises(MeshError, match=r"broken\.ply"):
        load_models(folder)


def test_a_bop_folder_is_in_millimetres_and_tells_symmetries(tmp_path):
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[:3, 3] = 0, 20, 0  # mm: a half turn about an axis 10 mm beside the origin
    info = {
        "1": {"diameter": 1, "symmetries_discrete": [turn.ravel().tolist()]},
        "2": {"symmetries_continuous": [{"axis": (3 * np.eye(3)[1]).tolist(), "offset": [0, 0, 5]}]},
        "3": {"diameter": 1},
    }
    for number in info:
        write(tmp_path / f"obj_{int(number):06d}.ply", box_mesh(BOX), 1000)
    (tmp_path / "models_info.json").write_text(json.dumps(info))
    first, second, third = load_models(tmp_path).values()
    assert first.label == "obj_000001"
    assert first.diameter == pytest.approx(np.linalg.norm(BOX), abs=1e-5)
    np.testing.assert_allclose(first.symmetries.discrete.translation, [[0, 0, 0], [0, 0.02, 0]])
    np.testing.assert_allclose(second.symmetries.axis, [0, 1, 0])
    np.testing.assert_allclose(second.symmetries.center, [0, 0, 0.005])
    assert len(third.symmetries) == 4  # the file says nothing: found


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_broken_models_info_is_named(folder, text):
    (folder / "models_info.json").write_text(text)
    with pytest.raises(MeshError, match=r"models_info\.json"):
        load_models(folder)


def test_what_was_computed_is_kept(folder, computed, cache):
    first = load_model("brick", folder / "brick.ply")
    second = load_model("stone", folder / "brick.ply")
    assert computed == ["brick"]
    assert second.label == "stone"
    assert len(list(cache.iterdir())) == 1
    for part in ("surface", "field"):
        for name, value in vars(getattr(first, part)).items():
            np.testing.assert_array_equal(getattr(getattr(second, part), name), value)
    for kind in ("symmetries", "shape_symmetries"):
        np.testing.assert_array_equal(
            getattr(second, kind).discrete.rotation, getattr(first, kind).discrete.rotation
        )
    assert second.diameter == first.diameter


def test_another_file_or_another_word_of_it_is_computed_anew(folder, computed):
    load_model("brick", folder / "brick.ply")
    load_model("brick", folder / "brick.ply", up="y")
    write(folder / "brick.ply", l_mesh())
    changed = load_model("brick", folder / "brick.ply")
    assert computed == ["brick"] * 3
    np.testing.assert_allclose(changed.bounds, l_mesh().bounds, atol=1e-6)
    assert len(changed.symmetries) == 1


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "incomplete", "bits"])
def test_a_broken_cache_is_computed_anew(folder, computed, cache, damage):
    load_model("brick", folder / "brick.ply")
    (file,) = cache.iterdir()
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        file.write_bytes(b"this is no cache")
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "bits":
        file.write_bytes(content[:2000] + bytes(500) + content[2500:])
    else:
        with np.load(file) as kept:
            np.savez(file, **{name: kept[name] for name in kept.files if name != "field.voxel"})
    again = load_model("brick", folder / "brick.ply")
    assert computed == ["brick", "brick"]
    assert again.field.voxel > 0
    load_model("brick", folder / "brick.ply")
    assert len(computed) == 2  # and is whole again


def test_where_nothing_can_be_kept_models_are_used_all_the_same(folder, cache):
    cache.parent.parent.mkdir(exist_ok=True)
    cache.parent.write_text("a file where the folder should be")
    assert load_model("brick", folder / "brick.ply").diameter > 0.1


def test_symmetries_that_are_given_are_taken():
    model = onboard("box", box_mesh(BOX), Symmetries.none())
    assert (len(model.symmetries), len(model.shape_symmetries)) == (1, 4)
