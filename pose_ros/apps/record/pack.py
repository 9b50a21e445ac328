"""Episodes into few large files: rows into parquet, pictures into mp4; a new one before one is too large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.apps.record import files
from pose_ros.apps.record.errors import needed_for_recording
from pose_ros.apps.record.take import Take
from pose_ros.apps.record.video import join, key_of

with needed_for_recording():
    import pyarrow as pa
    import pyarrow.compute as pc

MB = 1_000_000


@dataclass(frozen=True)
class Packed:
    """Where an episode has come to lie. first_row: its first row or picture in that file."""

    place: dict[str, int]
    first_row: int


@dataclass
class _File:
    """A file in the making: what it holds already, and what comes to it."""

    number: int
    rows: int = 0  # there before
    size: int = 0
    takes: list[Take] = field(default_factory=list)

    def add(self, take: Take, size: int) -> Packed:
        packed = Packed(files.place_of(self.number), self.rows + sum(map(len, self.takes)))
        self.takes.append(take)
        self.size += size
        return packed


def pack_data(
    folder: Path, episodes: list[dict[str, Any]], takes: Sequence[Take], tasks: list[str]
) -> list[Packed]:
    """Append the rows of the takes to the set's parquet files; episodes: those it has."""
    last = _last_file(episodes, "data")
    path = folder / files.DATA.format(**files.place_of(last.number))
    last.size = path.stat().st_size if last.rows else 0
    packed, changed = [], [last]
    for take in takes:
        size = take.records.nbytes
        if changed[-1].size and changed[-1].size + size > files.DATA_MB * MB:
            changed.append(_File(changed[-1].number + 1))
        packed.append(changed[-1].add(take, size))
    index = len(episodes)
    first = episodes[-1]["dataset_to_index"] if episodes else 0
    for file in changed:
        path = folder / files.DATA.format(**files.place_of(file.number))
        parts = []
        if file.rows:
            old = files.read_parquet(path)
            parts.append(old.filter(pc.less(old["episode_index"], len(episodes))))
        for take in file.takes:
            parts.append(rows_table(take, index, first, tasks.index(take.header.task)))
            index, first = index + 1, first + len(take)
        if file.takes:
            files.write_parquet(path, pa.concat_tables(parts))
    return packed


def rows_table(take: Take, episode: int, first: int, task: int) -> pa.Table:
    """The rows of an episode as LeRobot's loader takes them. Unknown values are 0: see `valid`, scores."""
    records, header = take.records, take.header
    columns = {
        feature.name: files.column(_known(records[feature.name]), feature.dtype)
        for feature in header.table.vectors
    }
    columns["valid"] = files.column(records["valid"], "bool")
    columns["stamp_ns"] = pa.array(records["stamp_ns"])
    columns |= {name: pa.array(values) for name, values in counters(take, episode, first, task).items()}
    return pa.table(columns)


def counters(take: Take, episode: int, first: int, task: int) -> dict[str, np.ndarray]:
    """(N,) columns that every LeRobot set has."""
    n = np.arange(len(take), dtype=np.int64)
    return {
        "timestamp": (n / take.header.fps).astype(np.float32),
        "frame_index": n,
        "episode_index": np.full_like(n, episode),
        "index": first + n,
        "task_index": np.full_like(n, task),
    }


def pack_videos(
    folder: Path, episodes: list[dict[str, Any]], takes: Sequence[Take], name: str
) -> list[Packed]:
    """Append the pictures of the feature `name`; nothing is encoded anew."""
    last = _last_file(episodes, f"videos/{name}")
    path = _video(folder, name, last.number)
    key = None
    if last.rows:
        last.size, key = path.stat().st_size, key_of(path)
    packed, changed = [], [last]
    for take in takes:
        size, limit = take.video(name).stat().st_size, files.VIDEO_SECONDS * take.header.fps
        file, own = changed[-1], key_of(take.video(name))
        rows = file.rows + sum(map(len, file.takes))
        full = file.size + size > files.VIDEO_MB * MB or rows + len(take) > limit
        if rows and (full or own != key):
            changed.append(_File(file.number + 1))
        key = own
        packed.append(changed[-1].add(take, size))
    for file in changed:
        if file.takes:
            path = _video(folder, name, file.number)
            path.parent.mkdir(parents=True, exist_ok=True)
            parts = [(path, file.rows)] if file.rows else []
            parts += [(take.video(name), len(take)) for take in file.takes]
            join(parts, path, file.takes[0].header.fps)
    return packed


def _video(folder: Path, name: str, number: int) -> Path:
    return folder / files.VIDEO.format(video_key=name, **files.place_of(number))


def _last_file(episodes: list[dict[str, Any]], prefix: str) -> _File:
    """The file that holds the last episode, and how many rows the set has in it."""
    if not episodes:
        return _File(0)
    keys = [f"{prefix}/chunk_index", f"{prefix}/file_index"]
    place = [episodes[-1][key] for key in keys]
    rows = sum(episode["length"] for episode in episodes if [episode[key] for key in keys] == place)
    return _File(files.number_of(*place), rows)


def _known(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=0.0) if values.dtype.kind == "f" else values
