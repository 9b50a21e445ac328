"""Grasps lifted in physics over random tables, with estimated poses beside true ones; no ROS.

python bench/grasping.py --seed 9000 --tables 100 --json figures.json [--meshes PYBULLET_DATA]
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from pose_ros.eval import report
from pose_ros.eval.grasping import figures, run_tables, table_of
from pose_ros.sim.table import TableConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tables", type=int, default=10)
    parser.add_argument("--meshes", default="", help="folder of meshes that every other set uses, too")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        configs = [TableConfig()] + ([TableConfig(meshes=chosen.meshes)] if chosen.meshes else [])
        tries = run_tables(Path(folder), chosen.seed, chosen.tables, configs)
    found = figures(tries)
    print(f"\n{table_of(found)}")
    if chosen.json:
        report.write_json(chosen.json, found | {"tries": [asdict(one) for one in tries]})


if __name__ == "__main__":
    main()
