"""package.xml, setup.py and the code say the same."""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from imports import IMPORTS, ROOT, is_ros

import pose_ros

PACKAGE = ElementTree.parse(ROOT / "package.xml").getroot()
# What pip calls, and imports as, what rosdep and apt call python3-NAME.
DEBIAN = {"opencv-python-headless": "python3-opencv", "PyYAML": "python3-yaml"}
MODULE = {
    "cv2": "opencv-python-headless", "yaml": "PyYAML", "PIL": "pillow", "pinocchio": "pin",
    "pink": "pin-pink", "pybullet_data": "pybullet", "pybullet_utils": "pybullet",
}  # fmt: skip


def named(*tags: str) -> set[str]:
    return {element.text for tag in tags for element in PACKAGE.findall(tag)}


@pytest.fixture(scope="module")
def setup(tmp_path_factory) -> dict:
    """What setup.py gives to setup()."""
    program = (
        "import json, setuptools, sys, runpy\n"
        "setuptools.setup = lambda **options: print(json.dumps(options))\n"
        "runpy.run_path('setup.py')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def distributions(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", requirement).group() for requirement in requirements}


def third_party(tops: set[str]) -> set[str]:
    """The distributions that top-level imports come from, without ROS and ourselves."""
    foreign = tops - sys.stdlib_module_names - {"pose_ros"}
    return {MODULE.get(top, top) for top in foreign if not is_ros(top)}


def test_one_name_version_and_licence(setup):
    assert PACKAGE.get("format") == "3"
    assert PACKAGE.findtext("name") == setup["name"] == "pose_ros"
    assert PACKAGE.findtext("version") == setup["version"] == pose_ros.__version__
    assert PACKAGE.findtext("license") == setup["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert PACKAGE.findtext("export/build_type") == "ament_python"
    assert (ROOT / "resource" / "pose_ros").is_file()


def test_every_ros_package_that_is_imported_is_a_dependency_and_the_other_way_round():
    imported = {name.split(".")[0] for names in IMPORTS.values() for name in names if is_ros(name)}
    python_package = {"tf2_ros": "tf2_ros_py"}
    only_for_launch = {"ros2launch", "rviz2", "tf2_ros"}
    declared = {name for name in named("depend", "exec_depend") if not name.startswith("python3-")}
    assert declared - only_for_launch == {python_package.get(name, name) for name in imported}


def test_rosdep_and_pip_are_asked_for_the_same(setup):
    python = {name for name in named("depend", "exec_depend") if name.startswith("python3-")}
    required = distributions(setup["install_requires"])
    assert python == {DEBIAN.get(name, f"python3-{name}") for name in required}


def test_everything_imported_is_required(setup):
    optional = distributions([name for extra in setup["extras_require"].values() for name in extra])
    required = distributions(setup["install_requires"])
    inside = {"environment", "interfaces", "machine", "steps"}  # siblings in ros/wheels
    peers = {"ai_edge_litert", "mediapipe", "open3d"}  # run in an environment of their own
    tops = {name.split(".")[0] for names in IMPORTS.values() for name in names}
    assert third_party(tops - inside - peers) - optional == required


def test_all_files_are_installed_where_ros2_looks(setup):
    places = {file: place for place, files in setup["data_files"] for file in files}
    for folder, place in (("launch", "share/pose_ros"), ("config", "share/pose_ros"), ("scripts", "lib")):
        for file in (ROOT / folder).rglob("*"):
            if file.is_file():
                name = str(file.relative_to(ROOT))
                expected = Path(place, name) if place != "lib" else Path("lib/pose_ros", file.name)
                assert Path(places[name], file.name) == expected
    assert places["package.xml"] == "share/pose_ros"
    assert places["resource/pose_ros"] == "share/ament_index/resource_index/packages"


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_an_executable_runs_a_main_function_that_exists(script):
    assert script.stat().st_mode & 0o111
    first, *rest = script.read_text().splitlines()
    assert first == "#!/usr/bin/env python3"
    module = re.search(r"from (pose_ros\.\S+) import main", "\n".join(rest)).group(1)
    assert module in IMPORTS
    assert "def main(" in Path(ROOT, *module.split(".")).with_suffix(".py").read_text()


def test_pip_installs_the_command(setup):
    (command,) = setup["entry_points"]["console_scripts"]
    assert command == "pose_ros = pose_ros.cli:main"
    assert "def main(" in (ROOT / "pose_ros" / "cli.py").read_text()


def test_every_package_of_ours_is_installed(setup):
    folders = {file.parent for file in (ROOT / "pose_ros").rglob("*.py") if "wheels" not in file.parts}
    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} == set(setup["packages"])
