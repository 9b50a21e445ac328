"""`pose_ros export` as a user types it."""

import argparse
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("mcap")
from record_scene import write_bag

from pose_ros.apps.record import files
from pose_ros.cli_export import add_export
from pose_ros.errors import PoseError


def export(*arguments) -> int:
    parser = argparse.ArgumentParser()
    add_export(parser.add_subparsers(required=True))
    parsed = parser.parse_args(["export", *map(str, arguments)])
    return parsed.run(parsed) or 0


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bags")
    return [write_bag(folder / name, 0.5, task="pick", offset=n) for n, name in enumerate("ab")]


@pytest.mark.parametrize("jobs", [1, 2])
def test_bags_become_a_set(bags, tmp_path, capfd, jobs):
    assert export(bags[0].parent, "--lerobot", tmp_path / "set", "--fps", 20, "--jobs", jobs) == 0
    info = files.read_parquet(tmp_path / "set" / files.EPISODES).to_pylist()
    assert [row["length"] for row in info] == [11, 11]
    assert [row["tasks"] for row in info] == [["pick"]] * 2
    told = capfd.readouterr().out
    assert "2 episodes more, 0 bags left out" in told
    assert "11 rows" in told


def test_options_reach_the_set(bags, tmp_path):
    settings = ("features.columns=observation.state", "robot=arm")
    parts = [part for setting in settings for part in ("--set", setting)]
    assert export(bags[0], "--lerobot", tmp_path, "--task", "other", *parts) == 0
    rows = files.read_parquet(tmp_path / "data/chunk-000/file-000.parquet")
    assert "observation.state" in rows.column_names
    assert not (tmp_path / "videos").exists()
    assert files.read_parquet(tmp_path / files.EPISODES).to_pylist()[0]["tasks"] == ["other"]


def test_a_bag_left_out_is_a_failure(bags, tmp_path, capfd):
    (tmp_path / "broken.mcap").write_bytes(b"x" * 100)
    assert export(bags[0], tmp_path / "broken.mcap", "--lerobot", tmp_path / "set") == 1
    assert "1 episodes more, 1 bags left out" in capfd.readouterr().out


def test_recorded_people_become_bvh(bags, tmp_path, capfd):
    assert export(bags[0], "--bvh", tmp_path, "--frames", 10) == 0
    text = (tmp_path / "p1.bvh").read_text()
    assert text.startswith("HIERARCHY")
    assert "Frames: 10" in text
    assert "p1.bvh: 10 frames" in capfd.readouterr().out


def test_a_folder_of_one_bag_is_that_bag(bags, tmp_path):
    shutil.copytree(bags[0], tmp_path / "bags" / "a")
    assert export(tmp_path / "bags", "--bvh", tmp_path / "out") == 0
    with pytest.raises(PoseError, match="holds a, b"):
        export(bags[0].parent, "--bvh", tmp_path / "out")


def test_people_in_a_source_become_bvh(tmp_path, weights_of):
    pytest.importorskip("anny")
    for name in ("blazepose_full", "movenet_multipose"):
        weights_of(name)
    source = "synthetic:seed=1,frames=3,people=1,width=320,height=240"
    assert export(source, "--bvh", tmp_path, "--set", "joints=kinematic", "--set", "faces=false") == 0
    assert "HIERARCHY" in next(tmp_path.glob("*.bvh")).read_text()


def test_nobody_is_said(tmp_path, capfd):
    bag = write_bag(tmp_path / "nobody", 0.2, with_people=False)
    with pytest.raises(PoseError):  # neither people nor depth
        export(bag, "--bvh", tmp_path / "out")


def test_what_was_killed_is_made_whole(bags, tmp_path, capfd):
    bag = tmp_path / "a"
    shutil.copytree(bags[0], bag)
    file = bag / "a_0.mcap"
    file.write_bytes(file.read_bytes()[:-200])
    assert export("--recover", tmp_path) == 0
    assert "now with their index" in capfd.readouterr().out
    assert export("--recover", tmp_path) == 0
    assert "whole" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of --lerobot"),
        (("x", "--lerobot", "a", "--bvh", "b"), "one of --lerobot"),
        (("--lerobot", "a"), "needs something"),
        (("a", "b", "--bvh", "c"), "one source"),
        (("/nowhere", "--lerobot", "a"), "/nowhere is no bag"),
        (("/nowhere", "--bvh", "a"), "/nowhere"),
        (("--recover", "/nowhere"), "neither bags"),
        (("/nowhere", "--lerobot", "a", "--fps", "0"), "must lie in"),
        (("/nowhere", "--lerobot", "a", "--jobs", "0"), "at least 1"),
        (("/nowhere", "--lerobot", "a", "--set", "speed=1"), "features.cameras"),
    ],
)
def test_what_cannot_be_is_said(arguments, message):
    with pytest.raises(PoseError, match=message):
        export(*arguments)


@pytest.mark.parametrize("package", ["av", "mcap"])
def test_a_package_that_is_missing_is_named(package, tmp_path):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from pose_ros.cli import main\n"
        f"sys.exit(main(['export', {str(tmp_path)!r}, '--lerobot', {str(tmp_path / 'set')!r}]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 1
    assert f"recording needs {package}" in told.stderr
    assert "pose_ros[record]" in told.stderr
    assert "Traceback" not in told.stderr
