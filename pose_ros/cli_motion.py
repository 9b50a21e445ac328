"""The command `pose_ros motion`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_motion(commands: Any) -> None:
    motion = commands.add_parser(
        "motion", help="what people in a source do: joint angles, postures, repetitions; against a reference"
    )
    motion.add_argument("source", help="RGB-D folder, video, webcam index, bag or synthetic:…")
    motion.add_argument("--out", type=Path, required=True, help="folder to write")
    motion.add_argument(
        "--reference", help="source of a reference take: writes how far the movement deviates from it"
    )
    motion.add_argument("--frames", type=int, help="stop after so many")
    motion.add_argument(
        "--up",
        default="0,-1,0",
        help="against gravity in the camera's optical frame (default: %(default)s, a level camera)",
    )
    motion.add_argument("--config", type=Path, help="YAML file of human_pose's options, nested or dotted")
    motion.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one of human_pose's options"
    )
    motion.set_defaults(run=_motion)


def parse_up(text: str) -> Any:
    """(3,) of "x,y,z"; ConfigError for anything else."""
    import numpy as np

    from pose_ros.errors import ConfigError

    try:
        up = np.array([float(part) for part in text.split(",")])
    except ValueError:
        up = np.zeros(0)
    if up.shape != (3,) or not np.isfinite(up).all() or np.linalg.norm(up) < 1e-6:
        raise ConfigError(f"up is {text!r}, must be three numbers x,y,z that are not all 0, like 0,-1,0")
    return up / np.linalg.norm(up)


def _motion(parsed: argparse.Namespace) -> None:
    import itertools

    from tqdm import tqdm

    from pose_ros.apps.posture.study import study, summary, write_comparison, write_study
    from pose_ros.config import load, parse
    from pose_ros.human.pipeline import HumanConfig, HumanPipeline
    from pose_ros.sources.source import open_source

    up = parse_up(parsed.up)
    config = HumanConfig() if parsed.config is None else load(HumanConfig(), parsed.config)
    pipeline = HumanPipeline(parse(config, parsed.set))

    def seen(name: str) -> list:
        pipeline.reset()
        with open_source(name) as source:
            return [
                pipeline(frame)
                for frame in tqdm(itertools.islice(source, parsed.frames), desc=name, unit="frame")
            ]

    everyone = seen(parsed.source)
    studies = study(everyone, up)
    for path in write_study(studies, parsed.out):
        print(path)
    print(summary(studies))
    if parsed.reference is not None:
        found = write_comparison(seen(parsed.reference), everyone, parsed.out, (up, up))
        worst = ", ".join(f"{name} {rms * 57.2958:.0f} deg" for name, rms in found.worst(3))
        print(f"{parsed.out / 'comparison.png'}: {found.score:.0f} of 100, tempo {found.tempo:.2f}; {worst}")
