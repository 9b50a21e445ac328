"""Bags into a LeRobot set: each bag an episode; side by side in processes or on a Ray cluster, if wished."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from pose_ros.apps.record.bag import END, METADATA, TASK, notes_of
from pose_ros.apps.record.bag_messages import BagMessages
from pose_ros.apps.record.dataset import LeRobotSet
from pose_ros.apps.record.episode import Episode, EpisodeCounts
from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.feature import Table
from pose_ros.apps.record.resample import RateConfig
from pose_ros.apps.record.sources import FeatureConfig, sources_of, table_of
from pose_ros.apps.record.take import Take, TakeHeader
from pose_ros.apps.record.video import VideoConfig
from pose_ros.config import option
from pose_ros.errors import PoseError

SUFFIXES = (".mcap", ".db3")
NO_TASK = "unknown"
UNFINISHED = ".imports"  # not among the takes: half an import is no episode to be recovered


@dataclass(frozen=True)
class ImportConfig:
    task: str = option("", "what is done, for every bag; empty: as the bag says")
    robot: str = option("", "the robot's name")
    rate: RateConfig = field(default_factory=RateConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    video: VideoConfig = field(default_factory=VideoConfig)


@dataclass(frozen=True)
class Imported:
    """What became of a bag: `counts`, or `error`."""

    bag: Path
    counts: EpisodeCounts | None
    error: str = ""

    def __str__(self) -> str:
        return f"{self.bag}: {self.error or self.counts}"


def find_bags(paths: Iterable[Path]) -> list[Path]:
    """The bags at or below these paths, in the order of their names. RecordError where there is none."""
    bags: list[Path] = []
    for path in paths:
        found = bags_below(path)
        if not found:
            where = "holds no bag" if path.is_dir() else "is no bag: neither a folder nor a file"
            raise RecordError(f"{path} {where} ({', '.join(SUFFIXES)})")
        bags += found
    return list(dict.fromkeys(bags))


def bags_below(path: Path) -> list[Path]:
    """The path itself if it is a bag, else all below it: folders with their metadata, or single files."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.suffix in SUFFIXES]
    return sorted({file.parent if (file.parent / METADATA).exists() else file for file in files})


def table_of_bag(bag: Path, config: ImportConfig) -> Table:
    """The columns a bag gives; RecordError where it has none of them."""
    sources = sources_of(config.features)
    with BagMessages(bag, sources) as messages:
        messages.declare()
        try:
            return table_of(sources, config.features.columns)
        except RecordError as error:
            raise RecordError(f"{bag}: {error}") from error


def import_bag(
    bag: Path, folder: Path, table: Table, config: ImportConfig, bar: bool = False
) -> EpisodeCounts:
    """Write a bag as a take into `folder`."""
    sources = sources_of(config.features)
    notes = notes_of(bag)
    task = config.task or notes.get(TASK) or NO_TASK
    header = TakeHeader(table, config.rate.fps, task, config.robot, config.video)
    with BagMessages(bag, sources) as messages:
        first = messages.declare()
        clock = (table.videos or table.features)[0]
        start = first.get(clock.source, min(first.values(), default=0))
        episode = Episode(folder, header, config.rate, start)
        if notes.get(END, "").isdecimal():
            episode.end(int(notes[END]))
        for source, message, received in tqdm(
            messages, total=len(messages), unit="message", leave=False, disable=not bar
        ):
            episode.hear(source, message, received)
        return episode.finish()


def _import(job: tuple[Path, Path, Table, ImportConfig, bool]) -> Imported:
    """For another process: what goes wrong with one bag is told, and is no end to the others."""
    bag, *rest = job
    try:
        return Imported(bag, import_bag(bag, *rest))
    except PoseError as error:
        return Imported(bag, None, str(error))


Run = Callable[[list[tuple]], Iterator[Imported]]


def serially(jobs: list[tuple]) -> Iterator[Imported]:
    for job in jobs:
        yield _import((*job, True))


def in_processes(count: int) -> Run:
    """Bags side by side, each in one thread of one process."""

    def run(jobs: list[tuple]) -> Iterator[Imported]:
        context = multiprocessing.get_context("spawn")  # encoders have threads, which a fork would lose
        with concurrent.futures.ProcessPoolExecutor(count, context) as pool:
            yield from pool.map(_import, [(*job, False) for job in jobs])

    return run


def on_ray(address: str) -> Run:
    """On a Ray cluster (`local`: of this machine alone) whose nodes see the same folders and this package."""

    def run(jobs: list[tuple]) -> Iterator[Imported]:
        try:
            import ray
        except ImportError as error:
            raise RecordError("the option --ray needs the package ray: pip install ray") from error
        ray.init(
            address=None if address == "local" else address, include_dashboard=False, log_to_driver=False
        )
        try:
            task = ray.remote(_import)
            for reference in [task.remote((*job, False)) for job in jobs]:
                yield ray.get(reference)
        finally:
            ray.shutdown()

    return run


def import_bags(
    bags: Sequence[Path], out: Path, config: ImportConfig, run: Run | None = None
) -> list[Imported]:
    """Append the bags as episodes to the set in `out`, in their order, however they are run.

    The first good bag says which columns a new set has. A bag that cannot be read is left out and told of.
    """
    run = run or (serially if len(bags) == 1 else in_processes(min(len(bags), os.cpu_count() or 1)))
    with LeRobotSet(out) as dataset:
        dataset.recover(print)
        table = dataset.table or _first_table(bags, config)
        place = out / UNFINISHED
        shutil.rmtree(place, ignore_errors=True)
        folders = [place / f"{n:06d}" for n in range(len(bags))]
        jobs = [(bag, folder, table, config) for bag, folder in zip(bags, folders, strict=True)]
        results, takes = [], []
        for folder, imported in zip(
            folders, tqdm(run(jobs), total=len(jobs), unit="episode", disable=len(jobs) == 1), strict=True
        ):
            take = Take(folder)
            if imported.counts is not None and not len(take):
                imported = Imported(imported.bag, None, "no row: no sample of any feature came")
            results.append(imported)
            if imported.counts is not None:
                takes.append(take)
        if takes:
            dataset.commit(takes)
        shutil.rmtree(place, ignore_errors=True)
    return results


def _first_table(bags: Sequence[Path], config: ImportConfig) -> Table:
    errors = []
    for bag in bags:
        try:
            return table_of_bag(bag, config)
        except PoseError as error:
            errors.append(str(error))
    raise RecordError("; ".join(errors))
