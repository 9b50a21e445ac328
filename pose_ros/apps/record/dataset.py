"""A LeRobotDataset v3.0 on disk. Takes become episodes of it; between two commits it is always whole.

info.json is written last: what is not counted there does not exist, and is overwritten by the next commit.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.apps.record import files
from pose_ros.apps.record.errors import RecordError, cannot_write, needed_for_recording
from pose_ros.apps.record.feature import Table
from pose_ros.apps.record.pack import Packed, counters, pack_data, pack_videos
from pose_ros.apps.record.stats import NAMES, join_stats, stats_of_vectors
from pose_ros.apps.record.take import Take, TakeHeader
from pose_ros.apps.record.video import about

with needed_for_recording():
    import pyarrow as pa
    import pyarrow.compute as pc

TAKES = ".takes"
LOCK = ".lock"
BESIDE = "pose_ros"  # key of info.json that is ours


class LeRobotSet:
    """The data set in `folder`, new or to be gone on with; nobody else writes it meanwhile.

    A new one takes its table, rate and robot from its first take.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / LOCK).open("w")
        except OSError as error:
            raise cannot_write(folder, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise RecordError(f"{folder} is being written by another process") from error
        self.info = self._read_info()
        self.tasks: list[str] = []
        self.episodes: list[dict[str, Any]] = []
        if self.info:
            self._read_meta()
        for name in self.info.get(BESIDE, {}).get("takes", ()):  # committed, but not yet removed
            shutil.rmtree(folder / TAKES / name, ignore_errors=True)

    def close(self) -> None:
        self._lock.close()  # which unlocks it

    def __enter__(self) -> LeRobotSet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Episodes."""
        return len(self.episodes)

    @property
    def table(self) -> Table | None:
        """None in a set that has no episode yet."""
        return Table.of_json({name: self.info["features"][name] for name in self._own}) if self.info else None

    def take_folder(self, name: str) -> Path:
        """Where a take of that name is to be written; takes are committed in the order of their names."""
        return self.folder / TAKES / name

    def new_take_name(self) -> str:
        taken = [self.info.get("total_episodes", 0) - 1]
        taken += [int(path.name[:6]) for path in self.left_over() if path.name[:6].isdecimal()]
        return f"{max(taken) + 1:06d}"

    def left_over(self) -> list[Path]:
        """Takes that a process which died has left."""
        return sorted(path for path in (self.folder / TAKES).glob("*") if path.is_dir())

    def check(self, header: TakeHeader) -> None:
        """RecordError telling why such a take cannot be an episode of this set."""
        if not self.info:
            return
        if text := self.table.differences(header.table):
            raise RecordError(f"{self.folder} has other features: {text}")
        if header.fps != self.info["fps"]:
            raise RecordError(f"{self.folder} has {self.info['fps']} frames a second, not {header.fps}")

    def recover(self, say: Callable[[str], None] = lambda text: None) -> int:
        """Make episodes of the takes that were left over; how many. What cannot be read stays and is told."""
        good = []
        for folder in self.left_over():
            take = Take(folder)
            try:
                rows = len(take)
                self.check(take.header)
            except RecordError as error:
                say(str(error))
                continue
            if rows:
                good.append(take)
            else:
                say(f"{folder} holds no whole row and is removed")
                shutil.rmtree(folder)
        if good:
            self.commit(good)
        return len(good)

    def commit(self, takes: Sequence[Take]) -> None:
        """Append the takes, in this order, and remove their folders."""
        for take in takes:
            self.check(take.header)
            if not len(take):
                raise RecordError(f"{take.folder} holds no row")
            if not self.info:
                self.info = _new_info(take.header)
        try:
            self._commit(takes)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        for take in takes:
            shutil.rmtree(take.folder)

    def _commit(self, takes: Sequence[Take]) -> None:
        for take in takes:
            if take.header.task not in self.tasks:
                self.tasks.append(take.header.task)
        rows = pack_data(self.folder, self.episodes, takes, self.tasks)
        videos = {
            feature.name: pack_videos(self.folder, self.episodes, takes, feature.name)
            for feature in self.table.videos
        }
        for n, take in enumerate(takes):
            places = {name: packed[n] for name, packed in videos.items()}
            self.episodes.append(_episode(self.episodes, self.tasks, take, rows[n], places))
        columns = list(self.episodes[0])
        files.write_parquet(
            self.folder / files.EPISODES, pa.table({c: [e[c] for e in self.episodes] for c in columns})
        )
        files.write_parquet(self.folder / files.TASKS, files.tasks_table(self.tasks))
        files.write_json(self.folder / files.STATS, self._stats())
        self.info["total_episodes"] = len(self.episodes)
        self.info["total_frames"] = self.episodes[-1]["dataset_to_index"]
        self.info["total_tasks"] = len(self.tasks)
        self.info["splits"] = {"train": f"0:{len(self.episodes)}"}
        ours = [take.folder.name for take in takes if take.folder.parent == self.folder / TAKES]
        self.info[BESIDE] |= {"takes": ours}
        files.write_json(self.folder / files.INFO, self.info)

    def _stats(self) -> dict[str, dict[str, list]]:
        """Of the whole set, from those of its episodes."""
        stats = {}
        for name in self.info["features"]:
            if f"stats/{name}/count" in self.episodes[0]:
                each = [{s: np.array(e[f"stats/{name}/{s}"]) for s in NAMES} for e in self.episodes]
                stats[name] = files.as_lists(join_stats(each))
        return stats

    @property
    def _own(self) -> list[str]:
        return self.info[BESIDE]["features"]

    def _read_info(self) -> dict[str, Any]:
        path = self.folder / files.INFO
        if not path.exists():
            strangers = [p.name for p in self.folder.iterdir() if not p.name.startswith(".")]
            if strangers and not (self.folder / TAKES).exists():
                raise RecordError(
                    f"{self.folder} holds {', '.join(sorted(strangers)[:3])}, but is no data set"
                )
            return {}
        try:
            info = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise RecordError(f"{path} cannot be read: {error}") from error
        if info.get("codebase_version") != files.VERSION or BESIDE not in info:
            raise RecordError(
                f"{self.folder} was written by something else: it is only gone on with if it is ours"
            )
        return info

    def _read_meta(self) -> None:
        try:
            episodes = files.read_parquet(self.folder / files.EPISODES)
            tasks = files.read_parquet(self.folder / files.TASKS)
        except (OSError, pa.ArrowException) as error:
            raise RecordError(f"{self.folder} is broken: {error}") from error
        there = pc.less(episodes["episode_index"], self.info["total_episodes"])
        self.episodes = episodes.filter(there).to_pylist()
        self.tasks = tasks["__index_level_0__"].to_pylist()[: self.info["total_tasks"]]


def _new_info(header: TakeHeader) -> dict[str, Any]:
    features = header.table.as_json()
    for feature in header.table.videos:
        features[feature.name]["info"] |= about(feature.shape, header.fps, header.video)
    features["valid"] = {"dtype": "bool", "shape": [len(header.table)], "names": list(header.table.names)}
    if len(header.table) == 1:
        features["valid"]["names"] = None
    scalars = {
        "stamp_ns": "int64",
        "timestamp": "float32",
        "frame_index": "int64",
        "episode_index": "int64",
        "index": "int64",
        "task_index": "int64",
    }
    features |= {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in scalars.items()}
    return {
        "codebase_version": files.VERSION,
        "robot_type": header.robot or None,
        "total_episodes": 0,
        "total_frames": 0,
        "total_tasks": 0,
        "chunks_size": files.FILES_A_CHUNK,
        "data_files_size_in_mb": files.DATA_MB,
        "video_files_size_in_mb": files.VIDEO_MB,
        "fps": header.fps,
        "splits": {},
        "data_path": files.DATA,
        "video_path": files.VIDEO if header.table.videos else None,
        "features": features,
        BESIDE: {"features": list(header.table.names), "takes": []},
    }


def _episode(
    before: list[dict[str, Any]], tasks: list[str], take: Take, data: Packed, videos: dict[str, Packed]
) -> dict[str, Any]:
    """The row of meta/episodes."""
    index, fps, task = len(before), take.header.fps, take.header.task
    first = before[-1]["dataset_to_index"] if before else 0
    row: dict[str, Any] = {
        "episode_index": index,
        "tasks": [task],
        "length": len(take),
        "dataset_from_index": first,
        "dataset_to_index": first + len(take),
        "data/chunk_index": data.place["chunk_index"],
        "data/file_index": data.place["file_index"],
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }
    for name, packed in videos.items():
        row |= {
            f"videos/{name}/chunk_index": packed.place["chunk_index"],
            f"videos/{name}/file_index": packed.place["file_index"],
            f"videos/{name}/from_timestamp": packed.first_row / fps,
            f"videos/{name}/to_timestamp": (packed.first_row + len(take)) / fps,
        }
    stats = {feature.name: take.stats(feature.name) for feature in take.header.table}
    for name, values in counters(take, index, first, tasks.index(task)).items():
        stats[name] = stats_of_vectors(values[:, None])
    for name, each in stats.items():
        row |= {f"stats/{name}/{statistic}": value for statistic, value in files.as_lists(each).items()}
    return row
