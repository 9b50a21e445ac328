"""What a call costs, measured in alternation, and where it was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")
# A parallel loop's threads spin for a while before they sleep: they must not spin into the next one's time.
PAUSE = 0.003  # s


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one call: on the clock, and of CPU over all threads of the process."""

    wall_ms: float
    cpu_ms: float


def measure(call: Callable[..., Result], *arguments: Any) -> tuple[Result, Cost]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = call(*arguments)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return result, Cost(1e3 * wall, 1e3 * cpu)


def alternate(
    contestants: dict[str, Callable[[Any], Cost]], inputs: Iterable[Any], warm_up: int = 10
) -> dict[str, list[Cost]]:
    """Let every contestant do each input in turn, A B A B …; the first `warm_up` rounds do not count."""
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for n, item in enumerate(inputs):
        for name, call in contestants.items():
            cost = call(item)
            time.sleep(PAUSE)
            if n >= warm_up:
                costs[name].append(cost)
    return costs


def summary(costs: list[Cost]) -> dict[str, float]:
    """Median, 95th percentile and mean of the wall and CPU milliseconds, and how many calls there were."""
    figures: dict[str, float] = {"calls": len(costs)}
    for kind in ("wall_ms", "cpu_ms"):
        values = [getattr(cost, kind) for cost in costs] or [np.nan]
        figures[kind] = float(np.median(values))
        figures[f"{kind}_p95"] = float(np.percentile(values, 95))
        figures[f"{kind}_mean"] = float(np.mean(values))
    return figures


def machine() -> dict[str, Any]:
    """The processor and its cores, as the kernel tells them."""
    info = Path("/proc/cpuinfo")
    models = re.findall(r"^model name\s*:\s*(.+)$", info.read_text(), re.M) if info.exists() else []
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
    }


def machine_slug() -> str:
    """The machine as the name of a folder."""
    here = machine()
    return re.sub(r"[^a-z0-9]+", "-", f"{here['cpu']} {here['cores']} cores".lower()).strip("-")


def circumstances() -> dict[str, Any]:
    """Machine, versions, commit and date of a measurement made now."""
    names = ("torch", "numpy", "opencv-python-headless", "opencv-python", "opencv-contrib-python", "scipy")
    return {
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {name: found for name in names if (found := _version(name))},
        "commit": commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }


def commit() -> str:
    """The checkout's commit, "-dirty" where it has been changed since; "unknown" outside a checkout."""
    here = Path(__file__).parent
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
