"""How long bags take to become a set: in turn, in processes, with Ray where it is installed. Not a test.

python measure_import.py OUT BAG... [--set NAME=VALUE]
"""

import argparse
import importlib.util
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))


def main() -> None:
    from pose_ros.apps.record.imports import (
        ImportConfig,
        find_bags,
        import_bags,
        in_processes,
        on_ray,
        serially,
    )
    from pose_ros.config import parse

    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("bags", type=Path, nargs="+")
    parser.add_argument("--set", action="append", default=[])
    parsed = parser.parse_args()
    shutil.rmtree(parsed.out, ignore_errors=True)
    config, bags = parse(ImportConfig(), parsed.set), find_bags(parsed.bags)
    runs = {"in turn": serially, "two processes": in_processes(2)}
    if importlib.util.find_spec("ray"):
        runs["ray, local"] = on_ray("local")
    for name, run in runs.items():
        start = time.monotonic()
        results = import_bags(bags, parsed.out / name.replace(" ", "_"), config, run)
        taken, rows = time.monotonic() - start, sum(result.counts.rows for result in results)
        print(f"{name}: {rows} rows in {taken:.1f} s, {rows / config.rate.fps / taken:.1f} times real time")


if __name__ == "__main__":  # processes import this file anew
    main()
