"""An episode while it is recorded: a folder that can be read up to the moment at which the process died.

take.json          what is recorded: table, rate, task
rows.bin           fixed-size records, each written whole as soon as it is made
<feature>.mp4      fragmented
<feature>.looks    histograms for the statistics
end                rows past this stamp do not count; absent while nobody has ended the episode
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pose_ros.apps.record.errors import RecordError, cannot_write
from pose_ros.apps.record.feature import Table
from pose_ros.apps.record.resample import Row
from pose_ros.apps.record.stats import LOOK_EVERY, Stats, look_at, stats_of_pictures, stats_of_vectors
from pose_ros.apps.record.video import VideoConfig, VideoWriter, frames_of

DESCRIPTION = "take.json"
ROWS = "rows.bin"
END = "end"
_LOOK = np.dtype(("<u4", (3, 256)))


@dataclass(frozen=True)
class TakeHeader:
    table: Table
    fps: int
    task: str
    robot: str
    video: VideoConfig

    def as_json(self) -> dict[str, Any]:
        return {
            "features": self.table.as_json(),
            "fps": self.fps,
            "task": self.task,
            "robot": self.robot,
            "video": asdict(self.video),
        }

    @classmethod
    def of_json(cls, entries: dict[str, Any]) -> TakeHeader:
        table, video = Table.of_json(entries["features"]), VideoConfig(**entries["video"])
        return cls(table, entries["fps"], entries["task"], entries["robot"], video)


class TakeWriter:
    """Writes rows as they come. Raises RecordError where the disk does not take them."""

    def __init__(self, folder: Path, header: TakeHeader) -> None:
        self.folder, self.header, self.rows = folder, header, 0
        self._videos: dict[str, VideoWriter] = {}
        self._looks: dict[str, BinaryIO] = {}
        try:
            folder.mkdir(parents=True)
            (folder / DESCRIPTION).write_text(json.dumps(header.as_json(), indent=1))
            self._rows = (folder / ROWS).open("wb", buffering=0)
            for feature in header.table.videos:
                path = folder / f"{feature.name}.mp4"
                height, width, _ = feature.shape
                self._videos[feature.name] = VideoWriter(path, height, width, header.fps, header.video)
                self._looks[feature.name] = path.with_suffix(".looks").open("wb", buffering=0)
        except OSError as error:
            raise cannot_write(folder, error) from error

    def add(self, row: Row) -> None:
        table = self.header.table
        record = np.zeros(1, table.row)
        record["stamp_ns"] = row.stamp_ns
        record["valid"] = [name in row.values for name in table.names]
        for feature in table.vectors:
            unknown = np.nan if feature.dtype == "float32" else 0
            record[feature.name] = row.values.get(feature.name, unknown)
        try:
            for feature in table.videos:
                self._add_picture(feature.name, row.values.get(feature.name))
            self._rows.write(record.tobytes())
        except OSError as error:  # av's errors are OSErrors, too
            raise cannot_write(self.folder, error) from error
        self.rows += 1

    def end(self, stamp_ns: int) -> None:
        """Rows past that instant do not count."""
        try:
            (self.folder / END).write_text(str(stamp_ns))
        except OSError as error:
            raise cannot_write(self.folder, error) from error

    def close(self) -> None:
        try:
            for video in self._videos.values():
                video.close()
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        finally:
            for file in (self._rows, *self._looks.values()):
                file.close()

    def _add_picture(self, name: str, rgb: np.ndarray | None) -> None:
        writer = self._videos[name]
        is_there = rgb is not None
        rgb = rgb if is_there else np.zeros(writer.shape, np.uint8)
        if is_there and self.rows % LOOK_EVERY == 0:
            self._looks[name].write(look_at(rgb).tobytes())
        writer.add(rgb)


@dataclass(frozen=True)
class Take:
    """What lies in the folder of an episode, finished or not."""

    folder: Path

    @cached_property
    def header(self) -> TakeHeader:
        try:
            return TakeHeader.of_json(json.loads((self.folder / DESCRIPTION).read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"{self.folder} is no episode that can be read: {error}") from error

    @cached_property
    def records(self) -> np.ndarray:
        """(N,) of the table's row; those whose pictures were not all written yet are left out."""
        kind = self.header.table.row
        data = (self.folder / ROWS).read_bytes() if (self.folder / ROWS).exists() else b""
        records = np.frombuffer(data[: len(data) // kind.itemsize * kind.itemsize], kind)
        whole = [frames_of(self.video(feature.name)) for feature in self.header.table.videos]
        records = records[: min([len(records), *whole])]
        end = (self.folder / END).read_text() if (self.folder / END).exists() else ""
        return records[records["stamp_ns"] <= int(end)] if end.isdecimal() else records

    def __len__(self) -> int:
        return len(self.records)

    def video(self, name: str) -> Path:
        return self.folder / f"{name}.mp4"

    def stats(self, name: str) -> Stats:
        """Statistics of one column."""
        if self.header.table[name].is_video:
            data = (self.folder / f"{name}.looks").read_bytes()
            return stats_of_pictures(
                np.frombuffer(data[: len(data) // _LOOK.itemsize * _LOOK.itemsize], _LOOK)
            )
        return stats_of_vectors(self.records[name])
