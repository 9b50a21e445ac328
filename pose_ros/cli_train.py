"""The command `pose_ros train`."""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from pathlib import Path
from typing import Any

# Name -> module below human.training, class, and what differs from TrainConfig's defaults.
OBJECTIVES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "deeppose": ("deeppose", "DeepPoseObjective", {"batch": 18, "rate": 4e-4}),
    "keypoint_rcnn": ("keypoint_rcnn", "KeypointRCNNObjective", {"batch": 8, "clip": 20.0}),
}
SYNTHETIC = "synth"
PICTURES = 10_000  # enough for an hour or two of training on a CPU


def add_train(commands: Any) -> None:
    train = commands.add_parser("train", help="train our own estimator on synthetic people; can be resumed")
    train.add_argument("name", choices=OBJECTIVES, help="what to train")
    train.add_argument(
        "--data", default=SYNTHETIC, help="'synth' makes pictures in OUT/data; or a folder of shards"
    )
    train.add_argument("--out", type=Path, required=True, help="folder of checkpoint, curves, weights, card")
    budget = train.add_mutually_exclusive_group()
    budget.add_argument("--minutes", type=float, help="budget of time (default: 30)")
    budget.add_argument("--steps", type=int, help="budget of steps")
    train.add_argument("--seed", type=int, default=1, help="of pictures, order and augmentation")
    train.add_argument("--device", default="auto", help="auto, cpu or cuda")
    train.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos to paste behind people")
    train.add_argument(
        "--pictures", type=int, default=PICTURES, help="how many to make (default: %(default)s)"
    )
    train.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="an option of TrainConfig"
    )
    train.set_defaults(run=_train)


def _train(parsed: argparse.Namespace) -> int:
    import torch

    from pose_ros.config import parse, update
    from pose_ros.errors import ConfigError
    from pose_ros.human.training.loop import TrainConfig, train
    from pose_ros.human.training.pictures import read_shards
    from pose_ros.people_pictures import make_pictures

    module, kind, defaults = OBJECTIVES[parsed.name]
    given = {name: getattr(parsed, name) for name in ("minutes", "steps", "seed", "device")}
    given = {name: value for name, value in given.items() if value is not None}
    config = parse(update(TrainConfig(), defaults | given), parsed.set)
    if parsed.data == SYNTHETIC:
        if parsed.pictures < 5:
            raise ConfigError(f"{parsed.pictures} pictures are too few to train on: 5 at least")
        # Seeds of pictures far apart, so that another seed is another set.
        first = parsed.seed * 100_000 % 40_000_000
        cores = len(os.sched_getaffinity(0))
        pictures = make_pictures(parsed.out / "data", parsed.pictures, first, parsed.backgrounds, cores)
        data = f"Synthetic people rendered by this project (`--data synth`, seeds from {first:,} on)"
        data += f", with photos of {parsed.backgrounds.name} behind some." if parsed.backgrounds else "."
    else:
        if parsed.backgrounds:
            raise ConfigError("--backgrounds goes with --data synth; pictures of a folder are made already")
        pictures = read_shards(parsed.data)
        data = f"They are those of the folder {Path(parsed.data).name}."
    torch.manual_seed(config.seed)  # what the network starts from
    objective = getattr(import_module(f"pose_ros.human.training.{module}"), kind)()
    done = train(objective, pictures, parsed.out, config, data)
    for name, value in done.figures.items():
        print(f"{name}: {value:.4g}")
    if done.is_finished:
        print(f"{done.weights}: {done.steps} steps, its card beside it")
        return 0
    print(f"stopped after {done.steps} steps; the same command goes on")
    return 130
