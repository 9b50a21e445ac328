"""Demos with simulated robots: `pose_ros demo-mimicry`, `pose_ros demo-grasp`."""

from __future__ import annotations

import argparse
from pathlib import Path

ROBOTS = ("panda", "iiwa", "xarm6")


def add_demos(commands: argparse._SubParsersAction) -> None:
    mimicry = commands.add_parser("demo-mimicry", help="a synthetic person leads a simulated robot arm")
    mimicry.add_argument("--out", type=Path, default=Path("demo_output/mimicry"), help="folder to write")
    mimicry.add_argument("--robot", default="panda", choices=ROBOTS)
    mimicry.add_argument("--motion", default="reach_forward", help="of the synthetic person")
    mimicry.add_argument("--seed", type=int, default=1)
    mimicry.add_argument("--seconds", type=float, default=11.0, help="of the motion")
    mimicry.set_defaults(run=_mimicry)

    grasp = commands.add_parser("demo-grasp", help="a simulated arm picks what the nodes find on a table")
    grasp.add_argument("--out", type=Path, default=Path("demo_output/grasp"), help="folder to write")
    grasp.add_argument("--scenes", type=int, default=5, help="tables that are picked from")
    grasp.add_argument("--seed", type=int, default=1)
    grasp.set_defaults(run=_grasp)


def _mimicry(parsed: argparse.Namespace) -> int:
    from pose_ros.ros.demo_mimicry import demo_mimicry

    return demo_mimicry(parsed.out, parsed.robot, parsed.motion, parsed.seed, parsed.seconds)


def _grasp(parsed: argparse.Namespace) -> int:
    from pose_ros.ros.demo_grasp import demo_grasp

    return demo_grasp(parsed.out, parsed.scenes, parsed.seed)
