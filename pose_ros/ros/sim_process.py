"""Nodes as processes of their own, for demos that are no source's."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pose_ros.errors import PoseError


@contextlib.contextmanager
def node_process(
    module: str,
    log: Path,
    parameters: Mapping[str, Any] | None = None,
    remaps: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen]:
    """A node of ours, `pose_ros.ros.<module>`, as a process; what it says goes to `log`."""
    words = [w for name, value in (parameters or {}).items() for w in ("-p", f"{name}:={json.dumps(value)}")]
    words += [word for old, new in (remaps or {}).items() for word in ("-r", f"{old}:={new}")]
    command = [sys.executable, "-m", f"pose_ros.ros.{module}", "--ros-args", *words]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def check_alive(processes: Mapping[str, subprocess.Popen], folder: Path) -> None:
    """PoseError with the end of its log if a process has ended."""
    for name, process in processes.items():
        if process.poll() is not None:
            last = "\n".join((folder / f"{name}.log").read_text().splitlines()[-10:])
            raise PoseError(f"{name} has ended:\n{last}")
