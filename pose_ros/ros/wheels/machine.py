"""What the machine itself must have: Debian packages, a Python, or a ROS 2 that is sourced already.

Standard library only.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

WHEEL_PYTHONS = ((3, 10), (3, 13))
"""First and last Python that the ROS wheels are built for."""


class MachineError(Exception):
    """The machine lacks something; the message says how to get it."""


def sourced_ros() -> Path | None:
    """Where rclpy is if a ROS 2 is sourced, else None; MachineError if this Python cannot import it."""
    prefix = os.environ.get("AMENT_PREFIX_PATH")
    if not prefix:
        return None
    program = "import rclpy; print(rclpy.__path__[0])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        raise MachineError(
            f"a ROS 2 is sourced ({prefix}) that {sys.executable} cannot import: name its Python with "
            f"`make PYTHON=/usr/bin/python3`, or use a shell where none is sourced.\n{done.stderr[-500:]}"
        )
    return Path(done.stdout.strip())


def check_wheels() -> None:
    """MachineError unless the ROS wheels run here."""
    machine, (first, last) = f"{platform.system()} {platform.machine()}", WHEEL_PYTHONS
    if machine != "Linux x86_64":
        raise MachineError(f"ROS 2 wheels are for Linux x86_64, this is {machine}: source a ROS 2 first")
    if not first <= sys.version_info[:2] <= last:
        versions = " to ".join(f"{major}.{minor}" for major, minor in WHEEL_PYTHONS)
        raise MachineError(
            f"ROS 2 comes as wheels for Python {versions}, {sys.executable} is {platform.python_version()}: "
            "name another with `make PYTHON=…`"
        )


def missing_packages(compiles: bool) -> list[str]:
    """Debian packages that are not here; `compiles`: interface packages are to be generated."""
    present = {"python3-venv": importlib.util.find_spec("ensurepip")}
    if compiles:
        present["g++"] = shutil.which("g++")
        present["python3-dev"] = Path(sysconfig.get_path("include"), "Python.h").is_file()
    return sorted(package for package, found in present.items() if not found)


def install(packages: list[str]) -> None:
    """Install Debian packages as root or in CI; else MachineError with the line that does it."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    root, in_ci = os.geteuid() == 0, os.environ.get("CI") == "true" and shutil.which("sudo")
    if not shutil.which("apt-get") or not (root or in_ci):
        raise MachineError(f"Debian packages are missing. Run:\n\n    sudo {' '.join(command)}\n")
    print(f"  installing {' '.join(packages)}", flush=True)
    prefix = [] if root else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["apt-get", "update"], command):
        done = subprocess.run([*prefix, *words], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise MachineError(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
