"""rosbag2 folders (MCAP) that lose at most `flush` seconds when their writer is killed.

A chunk is closed and handed to the system every so often, however little is in it; what lies there outlives
the process. Only the index at the end is missing then: `bag_repair` writes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pose_ros.apps.record.errors import cannot_write, needed_for_recording
from pose_ros.config import option

with needed_for_recording():
    from mcap.writer import CompressionType, Writer

METADATA = "metadata.yaml"
METADATA_VERSION, DISTRO = 9, "jazzy"
LIBRARY = "pose_ros"
TASK, END = "task", "end_ns"  # notes in custom_data; past its end a bag holds what was on the way
CHUNK = 4_000_000  # bytes
_COMPRESSION = {"none": CompressionType.NONE, "lz4": CompressionType.LZ4, "zstd": CompressionType.ZSTD}


@dataclass(frozen=True)
class BagConfig:
    compression: str = option("lz4", "of the chunks", choices=tuple(_COMPRESSION))
    flush: float = option(0.25, "a chunk is closed after this at the latest", unit="s", range=(0.01, 1.0))


@dataclass
class BagTopic:
    """A topic of a bag. definition: the type's fields and those of all types in it, as `ros2msg` has them."""

    name: str
    type: str
    definition: str
    qos: str = ""  # offered, YAML
    count: int = 0


@dataclass
class Extent:
    first_ns: int | None = None
    last_ns: int = 0
    topics: dict[int, BagTopic] = field(default_factory=dict)

    def add(self, channel: int, time_ns: int) -> None:
        self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)
        self.last_ns = max(self.last_ns, time_ns)
        self.topics[channel].count += 1


class BagWriter:
    """`folder`/`folder`_0.mcap and metadata.yaml, which is there from the start and renewed every second."""

    def __init__(
        self,
        folder: Path,
        config: BagConfig = BagConfig(),
        notes: dict[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self._config, self._notes, self._clock = folder, config, dict(notes or {}), clock
        self._extent = Extent()
        self._flushed = self._described = clock()
        try:
            folder.mkdir(parents=True)
            self._file = (folder / f"{folder.name}_0.mcap").open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of by whatever ends the process
        except OSError as error:
            raise cannot_write(folder, error) from error
        self._writer = start_file(self._file, config.compression)
        self._try(self._file.flush)  # from the first moment on it can be repaired
        self._try(self._describe)

    def note(self, key: str, text: str) -> None:
        """Into custom_data, beside the notes it began with."""
        self._notes[key] = text
        self._try(self._describe)

    @property
    def messages(self) -> int:
        return sum(topic.count for topic in self._extent.topics.values())

    def add_topic(self, topic: BagTopic) -> int:
        """A number to write its messages with."""
        channel = register(self._writer, topic)
        self._extent.topics[channel] = topic
        return channel

    def write(self, channel: int, received_ns: int, data: bytes, sequence: int = 0) -> None:
        """One serialized message (CDR)."""
        self._try(lambda: self._writer.add_message(channel, received_ns, data, received_ns, sequence % 2**32))
        self._extent.add(channel, received_ns)
        self.tick()

    def tick(self) -> None:
        """Hand over what is due; to be called now and then even when nothing is written."""
        now = self._clock()
        if now - self._flushed >= self._config.flush:
            self._try(self._writer.flush)
            self._flushed = now
        if now - self._described >= 1.0:
            self._try(self._describe)
            self._described = now

    def close(self) -> None:
        def finish() -> None:
            try:
                self._writer.finish()
            finally:
                self._file.close()
            self._describe()

        self._try(finish)

    def abandon(self) -> None:
        """Close the file as it is, after an error."""
        with contextlib.suppress(OSError):  # what it cannot flush is lost; the rest can be repaired
            self._file.close()

    def _describe(self) -> None:
        write_metadata(self.folder, self._extent, self._notes)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except OSError as error:
            raise cannot_write(self.folder, error) from error


def start_file(file: Any, compression: str) -> Writer:
    writer = Writer(file, chunk_size=CHUNK, compression=_COMPRESSION[compression])
    writer.start(profile="ros2", library=LIBRARY)
    return writer


def register(writer: Writer, topic: BagTopic) -> int:
    schema = writer.register_schema(topic.type, "ros2msg", topic.definition.encode())
    return writer.register_channel(topic.name, "cdr", schema, {"offered_qos_profiles": topic.qos})


def write_metadata(folder: Path, extent: Extent, notes: dict[str, str]) -> None:
    """notes: custom_data, such as the task."""
    first = extent.first_ns or 0
    count = sum(topic.count for topic in extent.topics.values())
    span = {
        "starting_time": {"nanoseconds_since_epoch": first},
        "duration": {"nanoseconds": extent.last_ns - first if count else 0},
        "message_count": count,
    }
    topics = [
        {
            "topic_metadata": {
                "name": topic.name,
                "type": topic.type,
                "serialization_format": "cdr",
                "offered_qos_profiles": yaml.safe_load(topic.qos or "[]"),
                "type_description_hash": "",
            },
            "message_count": topic.count,
        }
        for topic in extent.topics.values()
    ]
    name = f"{folder.name}_0.mcap"
    content = {
        "version": METADATA_VERSION,
        "storage_identifier": "mcap",
        **span,
        "topics_with_message_count": topics,
        "compression_format": "",
        "compression_mode": "",
        "relative_file_paths": [name],
        "files": [{"path": name, **span}],
        "custom_data": notes or None,
        "ros_distro": DISTRO,
    }
    unfinished = folder / f"{METADATA}.part"
    unfinished.write_text(yaml.safe_dump({"rosbag2_bagfile_information": content}, sort_keys=False))
    unfinished.replace(folder / METADATA)


def notes_of(folder: Path) -> dict[str, str]:
    """custom_data of a bag; nothing where there is none."""
    try:
        content = yaml.safe_load((folder / METADATA).read_text())
        return content["rosbag2_bagfile_information"]["custom_data"] or {}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}
