"""The command `pose_ros export`: what was recorded, or is seen in a source, in the files of others."""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path
from typing import Any


def add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="bags to a LeRobotDataset, motion to BVH, recordings of a killed process made whole",
    )
    export.add_argument(
        "sources", nargs="*", metavar="SOURCE", help="bags or folders of bags; with --bvh one bag or source"
    )
    export.add_argument(
        "--lerobot", type=Path, metavar="OUT", help="LeRobotDataset v3.0, made or gone on with"
    )
    export.add_argument("--bvh", type=Path, metavar="OUT", help="folder for a BVH file of each person")
    export.add_argument(
        "--recover",
        type=Path,
        metavar="DIR",
        help="finish what a killed process has left: bags, set, or both",
    )
    export.add_argument("--fps", type=int, help="rows a second (default: 30)")
    export.add_argument("--task", help="what is done, in words (default: as the bag says)")
    export.add_argument("--frames", type=int, help="with --bvh: stop after so many")
    export.add_argument("--jobs", type=int, help="bags that are read at once (default: one a core)")
    export.add_argument("--ray", metavar="ADDRESS", help="on a Ray cluster: its address, auto, or local")
    export.add_argument("--config", type=Path, help="YAML file of options, nested or dotted")
    export.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one option, e.g. features.cameras=front=/camera/image_raw (with --bvh: of the pipeline)",
    )
    export.set_defaults(run=_export)


def _export(parsed: argparse.Namespace) -> int:
    from pose_ros.errors import ConfigError

    wanted = [name for name in ("lerobot", "bvh", "recover") if getattr(parsed, name) is not None]
    if len(wanted) != 1:
        raise ConfigError("export takes one of --lerobot OUT, --bvh OUT and --recover DIR")
    if not parsed.sources and not parsed.recover:
        raise ConfigError(f"--{wanted[0]} needs something to export")
    return {"lerobot": _lerobot, "bvh": _bvh, "recover": _recover}[wanted[0]](parsed)


def _lerobot(parsed: argparse.Namespace) -> int:
    from pose_ros.apps.record.imports import (
        ImportConfig,
        find_bags,
        import_bags,
        in_processes,
        on_ray,
        serially,
    )
    from pose_ros.config import load, parse, update
    from pose_ros.errors import ConfigError

    config = ImportConfig() if parsed.config is None else load(ImportConfig(), parsed.config)
    given = {"rate.fps": parsed.fps, "task": parsed.task}
    config = update(config, {name: value for name, value in given.items() if value is not None})
    config = parse(config, parsed.set)
    if parsed.jobs is not None and parsed.jobs < 1:
        raise ConfigError(f"--jobs is {parsed.jobs}, must be at least 1")
    run = None
    if parsed.ray is not None:
        run = on_ray(parsed.ray)
    elif parsed.jobs is not None:
        run = serially if parsed.jobs == 1 else in_processes(parsed.jobs)
    bags = find_bags(Path(source).expanduser() for source in parsed.sources)
    results = import_bags(bags, parsed.lerobot, config, run)
    for imported in results:
        print(imported)
    good = sum(not imported.error for imported in results)
    print(f"{parsed.lerobot}: {good} episodes more, {len(results) - good} bags left out")
    return int(good < len(results))


def _bvh(parsed: argparse.Namespace) -> int:
    from tqdm import tqdm

    from pose_ros.errors import ConfigError
    from pose_ros.human.formats import write_formats

    if len(parsed.sources) != 1:
        raise ConfigError(f"--bvh takes one source, got {len(parsed.sources)}")
    people = _recorded_people(parsed.sources[0])
    if people is not None:
        frames = itertools.islice(people, parsed.frames)
        total = min(len(people), parsed.frames or len(people))
        everyone = list(tqdm(frames, total=total, unit="frame"))
    else:
        everyone = _seen_people(parsed)
    written = write_formats(everyone, "bvh", parsed.bvh)
    for each in written:
        print(each)
    if not written:
        print(f"{parsed.bvh}: nobody was tracked in {len(everyone)} frames")
    return int(not written)


def _recorded_people(source: str) -> Any:
    """The people in a bag, or in the one bag of a folder, if it has recorded any."""
    path = Path(source).expanduser()
    if not path.exists():
        return None
    from pose_ros.apps.record.bag_people import BagPeople
    from pose_ros.apps.record.imports import bags_below
    from pose_ros.errors import ConfigError

    bags = bags_below(path)
    if len(bags) > 1:
        raise ConfigError(f"--bvh takes one bag, {source} holds {', '.join(bag.name for bag in bags)}")
    people = BagPeople(bags[0]) if bags else ()
    return people if len(people) else None  # pictures, then


def _seen_people(parsed: argparse.Namespace) -> list[Any]:
    """The pipeline over a source."""
    from tqdm import tqdm

    from pose_ros.config import load, parse
    from pose_ros.human.pipeline import HumanConfig, HumanPipeline
    from pose_ros.sources.source import open_source

    config = HumanConfig() if parsed.config is None else load(HumanConfig(), parsed.config)
    pipeline = HumanPipeline(parse(config, parsed.set))
    with open_source(parsed.sources[0]) as source:
        try:
            total = min(len(source), parsed.frames or len(source))
        except TypeError:
            total = parsed.frames
        frames = itertools.islice(source, parsed.frames)
        return [pipeline(frame) for frame in tqdm(frames, total=total, unit="frame")]


def _recover(parsed: argparse.Namespace) -> int:
    from pose_ros.apps.record.recover import recover

    for text in recover(parsed.recover.expanduser()):
        print(text)
    return 0
