"""Synthetic people as training pictures: between the generator, which knows no estimators, and training."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from pose_ros.device import use_threads
from pose_ros.errors import ConfigError
from pose_ros.human.training.pictures import Shards, TrainingPicture, read_shards, write_shard
from pose_ros.skeleton import COCO_17

# Seeds from here on are for measuring (`pose_ros synth people` has the same): nothing is trained on them.
KEPT_APART = 50_000_000
# Of processes that have a core each: threads beyond it would only wait for each other.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def make_pictures(
    folder: Path | str,
    pictures: int,
    seed: int = 1,
    backgrounds: Path | str | None = None,
    processes: int = 1,
    progress: bool = True,
) -> Shards:
    """At least so many pictures in `folder`, one shard a seed from `seed` on; shards that are there stay.

    backgrounds: a folder of photos.
    """
    from pose_ros.sources.synthetic.crowd.backdrops import read_photos
    from pose_ros.sources.synthetic.crowd.crowd import PICTURES

    seeds = range(seed, seed + -(-pictures // PICTURES))
    if seed < 0 or seeds[-1] >= KEPT_APART:
        raise ConfigError(f"seeds {seeds[0]} to {seeds[-1]} are not all in [0, {KEPT_APART})")
    read_photos(backgrounds)  # what is wrong with them is said before anything starts
    missing = [room for room in seeds if not _path(folder, room).exists()]
    make = partial(_make_room, folder, backgrounds, PICTURES)
    bar = tqdm(total=len(missing), desc=f"pictures to {folder}", unit="room", disable=not progress)
    with bar, _mapping(min(processes, len(missing))) as mapping:
        for _ in mapping(make, missing):
            bar.update()
    return read_shards(folder)


def _make_room(folder: Path | str, backgrounds: Path | str | None, count: int, seed: int) -> None:
    from pose_ros.sources.synthetic.crowd.backdrops import read_photos
    from pose_ros.sources.synthetic.crowd.crowd import snapshots

    taken = snapshots(seed, read_photos(backgrounds), count)
    write_shard(_path(folder, seed), [TrainingPicture.of(**vars(snapshot)) for snapshot in taken])


@contextmanager
def _mapping(processes: int) -> Iterator[Callable]:
    """A `map` over so many processes. SIGTERM ends them, too, each after the room it is at."""
    if processes <= 1:
        yield map
        return
    # Libraries read these when they are loaded, which is before any code of ours runs there.
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    pool = ProcessPoolExecutor(processes, get_context("spawn"), initializer=_one_thread)
    try:
        previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    except ValueError:  # not the main thread: nobody hears signals here
        previous = None
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


def _one_thread() -> None:
    """Of a process among many: each has one core. Ctrl-C is for the first process to hear."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
    use_threads(1)


def plain_pictures(seeds: Iterable[int]) -> Iterator[TrainingPicture]:
    """The first picture of scenes of `pose_ros synth people`, 640 x 480, one to four people by turns."""
    from pose_ros.sources.synthetic.crowd.crowd import LEAST
    from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource

    for seed in seeds:
        source = SyntheticSource(SyntheticConfig(seed=seed, frames=1, people=1 + seed % 4))
        ((_, drawn),) = source.pictures()
        (frame,) = source
        (people,) = source.truth.frames.values()
        xyz = np.array([[person.joints[name] for name in COCO_17.joints] for person in people])
        visible = np.array([[person.visible[name] for name in COCO_17.joints] for person in people])
        owner = (drawn.owner + 1).astype(np.uint8)
        picture = TrainingPicture.of(frame.rgb, source.camera.project(xyz), visible, owner)
        yield picture.select([n for n, mask in enumerate(picture.mask) if mask.sum() >= LEAST])


def _path(folder: Path | str, seed: int) -> Path:
    return Path(folder) / f"{seed:08d}.npz"
