"""Synthetic people as training pictures: between the generator, which knows no estimators, and training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pose_ros.errors import ConfigError
from pose_ros.human.training.pictures import Shards, TrainingPicture, read_shards, write_shard
from pose_ros.skeleton import COCO_17

# Seeds from here on are for measuring (`pose_ros synth people` has the same): nothing is trained on them.
KEPT_APART = 50_000_000


def make_pictures(
    folder: Path | str,
    pictures: int,
    seed: int = 1,
    backgrounds: Path | str | None = None,
    part: tuple[int, int] = (0, 1),
    progress: bool = True,
) -> Shards:
    """At least so many pictures in `folder`, one shard a seed from `seed` on; shards that are there stay.

    part (k, n): of n processes that share the work this is the k-th. backgrounds: a folder of photos.
    """
    from pose_ros.sources.synthetic.crowd.backdrops import read_photos
    from pose_ros.sources.synthetic.crowd.crowd import PICTURES, snapshots

    seeds = range(seed, seed + -(-pictures // PICTURES))
    if seed < 0 or seeds[-1] >= KEPT_APART:
        raise ConfigError(f"seeds {seeds[0]} to {seeds[-1]} are not all in [0, {KEPT_APART})")
    photos = read_photos(backgrounds)
    mine = [room for room in seeds[part[0] :: part[1]] if not _path(folder, room).exists()]
    for room in tqdm(mine, desc=str(folder), unit="room", disable=not progress):
        taken = [TrainingPicture.of(**vars(snapshot)) for snapshot in snapshots(room, photos)]
        write_shard(_path(folder, room), taken)
    return read_shards(folder)


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
