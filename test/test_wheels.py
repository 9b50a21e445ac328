"""The builder of the environment: what it does once, what it asks for, what it says when it fails."""

import os
import re
import sys
from types import SimpleNamespace

import numpy
import pytest
from imports import ROOT

sys.path.insert(0, str(ROOT / "pose_ros" / "ros" / "wheels"))  # it runs as a script, before pose_ros is there
import environment
import interfaces
import machine
from steps import Step, StepError, Steps

PYTHON = sys.executable


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path / "steps")


def test_a_step_runs_once_for_the_same_inputs(steps):
    ran = []
    for inputs in ("a", "a", "b", "b", "a"):
        steps.run(Step("count", inputs, lambda shell, inputs=inputs: ran.append(inputs)))
    assert ran == ["a", "b", "a"]


def test_a_failure_shows_the_end_of_its_log_and_runs_again(steps):
    failing = Step(
        "fails", "", lambda shell: shell([PYTHON, "-c", "print('it broke here'); raise SystemExit(3)"])
    )
    for _ in range(2):
        with pytest.raises(StepError, match=r"fails failed: .*status 3(.|\n)*it broke here(.|\n)*fails\.log"):
            steps.run(failing)
    assert not steps.is_done(failing)


def test_a_step_that_failed_after_it_had_passed_is_not_done(steps):
    steps.run(Step("one", "old", lambda shell: None))
    with pytest.raises(StepError):
        steps.run(Step("one", "new", lambda shell: shell([PYTHON, "-c", "raise SystemExit(1)"])))
    assert not steps.is_done(Step("one", "old", print))


def test_missing_packages_are_named_in_one_line_to_run(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(machine.MachineError, match=r"sudo apt-get install -y .*g\+\+ python3-venv"):
        machine.install(["g++", "python3-venv"])


@pytest.mark.parametrize(("user", "ci", "prefix"), [(0, None, []), (1000, "true", ["sudo", "-n"])])
def test_missing_packages_are_installed_as_root_and_in_ci(monkeypatch, user, ci, prefix):
    commands = []

    def run(words, **_):
        commands.append(words)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(machine.subprocess, "run", run)
    monkeypatch.setenv("CI", ci or "")
    machine.install(["g++"])
    update, install = commands
    assert update == [*prefix, "apt-get", "update"]
    assert install[: len(prefix) + 2] == [*prefix, "apt-get", "install"]
    assert install[-1] == "g++"


def test_a_compiler_is_asked_for_only_where_something_is_compiled(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: None)
    assert "g++" in machine.missing_packages(compiles=True)
    assert "g++" not in machine.missing_packages(compiles=False)


@pytest.mark.parametrize("version", [(3, 9, 1), (3, 14, 0)])
def test_a_python_without_wheels_is_refused(monkeypatch, version):
    monkeypatch.setattr(machine.sys, "version_info", version)
    with pytest.raises(machine.MachineError, match=r"3\.10 to 3\.13"):
        machine.check_wheels()


def test_no_ros_is_sourced_without_its_environment(monkeypatch):
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    assert machine.sourced_ros() is None


def test_a_ros_of_another_python_is_refused(monkeypatch, tmp_path):
    (tmp_path / "rclpy.py").write_text("raise ImportError('built for another Python')")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(machine.MachineError, match=r"make PYTHON=(.|\n)*another Python"):
        machine.sourced_ros()


def test_a_distribution_without_wheels_is_refused_with_those_there_are(monkeypatch, tmp_path):
    monkeypatch.delenv("AMENT_PREFIX_PATH", raising=False)
    with pytest.raises(machine.MachineError, match=r"'noetic'.*valid: jazzy, kilted"):
        environment.build(tmp_path / "venv", "noetic")
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("distro", environment.DISTROS)
def test_wheels_are_of_one_distribution(distro):
    other = next(name for name in environment.DISTROS if name != distro)
    wheels = environment.ros_wheels(distro)
    assert f"ros-{distro}-rclpy[fastrtps]" in wheels
    assert not [wheel for wheel in wheels if other in wheel]


def test_the_numpy_of_a_sourced_ros_is_kept(tmp_path):
    assert environment.constraints(tmp_path) == f"numpy=={numpy.__version__}\n"
    assert "torch==" in environment.constraints(None)


def test_interfaces_are_generated_again_when_a_field_changes(monkeypatch, tmp_path):
    monkeypatch.setattr(interfaces, "SOURCES", tmp_path)
    file = tmp_path / "some_msgs" / "msg" / "Some.msg"
    file.parent.mkdir(parents=True)
    file.write_text("float64 x\n")
    before = interfaces.fingerprint()
    file.write_text("float32 x\n")
    assert interfaces.packages() == ["some_msgs"]
    assert interfaces.fingerprint() != before


def test_packages_come_after_those_their_fields_are_from():
    ordered = interfaces.packages()
    assert sorted(ordered) == sorted(folder.name for folder in interfaces.SOURCES.iterdir())
    assert "object_recognition_msgs" in interfaces.depends("moveit_msgs")
    for n, package in enumerate(ordered):
        ours = {needed for needed in interfaces.depends(package) if (interfaces.SOURCES / needed).is_dir()}
        assert ours <= set(ordered[:n])


def test_every_type_in_a_field_is_known():
    """Of ROS itself, of the package itself, or of a package that is declared."""
    primitive = r"bool|byte|char|float32|float64|u?int(8|16|32|64)|w?string"
    own = {f"{file.parents[1].name}/{file.stem}" for file in interfaces.SOURCES.glob("*/msg/*.msg")}
    for file in interfaces.SOURCES.glob("*/msg/*.msg"):
        for line in file.read_text().splitlines():
            kind = line.split()[0].split("[")[0]
            package = kind.split("/")[0]
            assert re.fullmatch(primitive, kind) or kind in own or package in interfaces.DEPENDS, (file, line)
            assert "#" not in line
