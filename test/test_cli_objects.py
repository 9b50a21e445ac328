"""The commands about objects as a user types them."""

import csv
import json

import cv2
import pytest

from pose_ros.cli import main


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("objects")
    options = ("models=2", "objects=1", "width=320", "height=240", "off_centre=0.0")
    settings = [part for option in options for part in ("--set", option)]
    assert (
        main(
            [
                "synth",
                "objects",
                "--out",
                str(out),
                "--seed",
                "3",
                "--frames",
                "2",
                "--scene",
                "single",
                *settings,
            ]
        )
        == 0
    )
    return out


def test_synth_objects_leaves_a_data_set(written, capsys):
    scene = written / "test" / "000000"
    for name in ("scene_camera.json", "scene_gt.json", "scene_gt_info.json"):
        assert set(json.loads((scene / name).read_text())) == {"0", "1"}
    assert len(list((scene / "rgb").glob("*.png"))) == len(list((scene / "depth").glob("*.png"))) == 2
    assert set(json.loads((written / "models" / "models_info.json").read_text())) == {"1", "2"}
    targets = json.loads((written / "test_targets_bop19.json").read_text())
    assert [one["im_id"] for one in targets] == [0, 1]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["synth", "objects", "--out", "{tmp}", "--scene", "moon"], "single, table, clutter"),
        (["synth", "objects", "--out", "{tmp}", "--set", "occlusion=2"], "must lie in"),
        (["synth", "objects", "--out", "{tmp}", "--meshes", "/nowhere"], "no folder"),
        (["objects", "/nowhere", "--models", "/nowhere", "--out", "{tmp}"], "BOP scene"),
        (["eval", "objects", "{tmp}", "--models", "{tmp}"], "no scene in BOP"),
        (["eval", "objects", "{tmp}", "--models", "{tmp}", "--masks", "guessed"], "given, unnamed, own"),
        (["eval", "objects", "{written}", "--models", "/nowhere"], "/nowhere"),
        (["eval", "objects", "{written}", "--models", "{models}", "--set", "speed=1"], "threads"),
    ],
)
def test_errors_say_what_is_valid(command, message, written, tmp_path, capsys):
    places = {"tmp": tmp_path, "written": written, "models": written / "models"}
    assert main([part.format(**places) for part in command]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pose_ros: ")
    assert message in error


def test_objects_leave_pictures_json_and_poses(written, tmp_path):
    models = str(written / "models")
    assert main(["objects", str(written), "--models", models, "--out", str(tmp_path), "--no-track"]) == 0
    document = json.loads((tmp_path / "objects.json").read_text())
    assert list(document["frames"]) == ["000000", "000001"]
    for frame in document["frames"].values():
        found = {one["label"] for one in frame["objects"]}
        assert found | set(frame["reasons"]) == {"obj_000001", "obj_000002"}, "found, or a reason why not"
    assert cv2.imread(str(tmp_path / "000001.jpg")).shape == (240, 320, 3)
    count = sum(len(frame["objects"]) for frame in document["frames"].values())
    assert len(list(csv.reader((tmp_path / "poses.csv").open()))) == 1 + count


def test_eval_objects_of_the_real_pipeline(written, tmp_path):
    command = ["eval", "objects", str(written), "--models", str(written / "models"), "--masks", "given"]
    assert main([*command, "--json", str(tmp_path / "f.json"), "--csv", str(tmp_path / "f.csv")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["targets"] == 2
    assert figures["s_per_object"] > 0
    assert figures["recall"] == 1 or figures["missing"]
    assert (tmp_path / "f.csv").exists()
    assert main([*command, "--track", "--json", str(tmp_path / "t.json")]) == 0
    assert json.loads((tmp_path / "t.json").read_text())["pictures"] == 2


def test_grasps_are_written_for_what_fits_the_hand_and_told_of_for_what_does_not(tmp_path, capsys):
    trimesh = pytest.importorskip("trimesh")
    (tmp_path / "models").mkdir()
    trimesh.creation.box((0.05, 0.06, 0.1)).export(tmp_path / "models" / "brick.stl")
    trimesh.creation.box((0.2, 0.2, 0.2)).export(tmp_path / "models" / "crate.stl")
    assert main(["grasps", "--models", str(tmp_path / "models"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "crate: none" in told
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["brick.yaml"]
    assert (tmp_path / "out" / "brick.yaml").read_text().startswith("format: isaac_grasp")
