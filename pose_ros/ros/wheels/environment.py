"""Builds the Python environment of the Makefile's targets; ROS 2 comes from wheels unless one is sourced.

    python3 pose_ros/ros/wheels/environment.py --venv .venv --distro jazzy

Incremental: a step runs again only when something it depends on has changed. Standard library only.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
import venv
from importlib import metadata
from pathlib import Path

import interfaces
import machine
from steps import Shell, Step, StepError, Steps

ROOT = Path(__file__).resolve().parents[3]
DISTROS = ("jazzy", "kilted")

BUILDERS = ("setuptools>=64", "wheel")  # of our own package
RUNTIME = (
    "rclpy[fastrtps]",
    "diagnostic-msgs",
    "geometry-msgs",
    "sensor-msgs",
    "shape-msgs",
    "std-srvs",
    "trajectory-msgs",
    "visualization-msgs",
)
GENERATORS = (
    "ament-cmake",
    "ament-cmake-gmock",
    "ament-cmake-gtest",
    "ament-cmake-include-directories",
    "ament-cmake-pytest",
    "ament-cmake-ros",
    "ament-package",
    "rosidl-core-generators",
    "rosidl-default-generators",
)
ONLY_IN = {"jazzy": ("ros-jazzy-python-cmake-module",), "kilted": ("ros-ament-cmake-ros-core",)}


def ros_wheels(distro: str) -> list[str]:
    """What pip installs for a ROS 2 that generates interfaces and runs nodes."""
    wheels = [f"ros-{distro}-{name}" for name in (*RUNTIME, *GENERATORS)]
    return [*wheels, *ONLY_IN[distro], "catkin_pkg", "cmake>=3.19,<4", "numpy"]


def build(folder: Path, distro: str) -> None:
    """Make or refresh the environment; StepError or MachineError says what went wrong."""
    ros = machine.sourced_ros()
    if ros is None:
        if distro not in DISTROS:
            raise machine.MachineError(f"no ROS 2 {distro!r} as wheels; valid: {', '.join(DISTROS)}")
        machine.check_wheels()
    if missing := machine.missing_packages(compiles=ros is None):
        machine.install(missing)

    pip = [folder / "bin" / "python", "-m", "pip", "install", "--no-compile"]
    extras = "all,test" if ros else "all,test,litert"

    def make_venv(shell: Shell) -> None:
        venv.create(folder, system_site_packages=ros is not None, symlinks=True, with_pip=True)
        shell([*pip, *BUILDERS])

    def install_ros(shell: Shell) -> None:
        shell([*pip, *ros_wheels(distro)])

    def install_package(shell: Shell) -> None:
        limits = folder / "constraints.txt"
        limits.write_text(constraints(ros))
        shell([*pip, "-c", limits, "--no-build-isolation", "-e", f"{ROOT}[{extras}]"])

    def generate(shell: Shell) -> None:
        for package in interfaces.packages():
            interfaces.generate(package, folder, folder / "interfaces", shell)

    ours = (ROOT / "setup.py").read_text() + constraints(ros) + extras
    steps, todo = Steps(folder / "steps"), []
    todo.append(Step("environment", f"{sys.version} {ros} {folder} {BUILDERS}", make_venv))
    if ros is None:
        todo.append(Step(f"ros 2 {distro}", " ".join(ros_wheels(distro)), install_ros))
    todo.append(Step("python packages", ours, install_package))
    if ros is None:
        todo.append(Step("interfaces", distro + interfaces.fingerprint(), generate))

    if not steps.is_done(todo[0]) and folder.exists():
        shutil.rmtree(folder)
    for step in todo:
        steps.run(step)


def constraints(ros: Path | None) -> str:
    """Versions pip must keep to: ours, or the numpy that a sourced ROS is built for."""
    if ros is None:
        return (ROOT / "constraints.txt").read_text()
    found = importlib.util.find_spec("numpy")
    return f"numpy=={metadata.version('numpy')}\n" if found else "numpy<2\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", type=Path, required=True, help="folder of the environment")
    parser.add_argument("--distro", default="jazzy", help=f"ROS 2 as wheels: {', '.join(DISTROS)}")
    arguments = parser.parse_args()
    try:
        build(arguments.venv.absolute(), arguments.distro)
    except (StepError, machine.MachineError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # what was done stays done
    return 0


if __name__ == "__main__":
    sys.exit(main())
