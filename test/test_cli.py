"""The command as a user types it: help, errors with an exit status, and commands that leave files."""

import json

import cv2
import pytest

from pose_ros.cli import main


@pytest.mark.parametrize("command", [[], ["eval"], ["weights"], ["dance"]])
def test_usage_errors(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(command)
    assert stopped.value.code == 2
    assert "usage: pose_ros" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["people", "/nowhere", "--out", "{tmp}"], "synthetic"),
        (["people", "0", "--out", "{tmp}", "--estimator", "telepathy"], "valid: blazepose, "),
        (["people", "0", "--out", "{tmp}", "--set", "lift.patch=1"], "lift.patch_radius"),
        (["people", "0", "--out", "{tmp}", "--format", "fbx"], "bvh"),
        (["run", "--no-people"], "need --objects"),
        (["run", "--set", "objects.models=x"], "need --objects"),
        (["eval", "people", "{tmp}"], "camera.json"),
        (["weights", "get", "nothing"], "blazepose_full"),
        (["synth", "people", "--out", "{tmp}", "--people", "9"], "must lie in"),
    ],
)
def test_errors_say_what_is_valid(command, message, tmp_path, capsys):
    assert main([part.format(tmp=tmp_path) for part in command]) == 1
    error = capsys.readouterr().err
    assert error.startswith("pose_ros: ")
    assert message in error


def test_weights_where_and_list(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    assert main(["weights", "where"]) == 0
    assert str(tmp_path) in capsys.readouterr().out
    assert main(["weights", "list"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_doctor_names_what_is_missing(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    assert main(["doctor"]) == 1
    assert "pose_ros weights get blazepose_full" in capsys.readouterr().out


def test_people_of_a_folder_leave_pictures_and_json(data, weights_of, tmp_path):
    for name in ("blazepose_full", "movenet_multipose", "face_landmarks"):
        weights_of(name)
    folder = ["people", str(data / "human_rgbd"), "--out", str(tmp_path), "--frames", "3"]
    assert main([*folder, "--format", "bvh"]) == 0
    assert len(list(tmp_path.rglob("*.bvh"))) == 2  # one a person
    frames = json.loads((tmp_path / "people.json").read_text())["frames"]
    assert [len(frame["people"]) for frame in frames.values()] == [2, 2, 2]
    person = frames["00002"]["people"][0]
    assert person["state"] == "tracked"
    assert person["origin"]["left_shoulder"] == "measured"
    assert 2 < person["joints"]["nose"][2] < 3
    assert cv2.imread(str(tmp_path / "00002.jpg")).shape == (480, 640, 3)
