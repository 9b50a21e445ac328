"""Bags whose writer was killed: what can be read of them, and the index they lack."""

from __future__ import annotations

import fcntl
import struct
from collections.abc import Iterator
from pathlib import Path

from pose_ros.apps.record.bag import BagTopic, Extent, notes_of, register, start_file, write_metadata
from pose_ros.apps.record.errors import RecordError, cannot_write, needed_for_recording

with needed_for_recording():
    import zstandard
    from mcap.exceptions import McapError
    from mcap.records import Channel, Footer, Message, Schema
    from mcap.stream_reader import StreamReader

MAGIC = b"\x89MCAP0\r\n"  # at both ends of a file
_CUT = (McapError, EOFError, zstandard.ZstdError)  # what reading past the cut raises


def is_finished(path: Path) -> bool:
    """The file has its index: it ends as a whole one does."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size < 2 * len(MAGIC):
            return False
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC


def is_being_written(path: Path) -> bool:
    """By a BagWriter that is alive."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def records_of(path: Path) -> Iterator[Schema | Channel | Message]:
    """All that can be read of a file, up to where it was cut off."""
    with path.open("rb") as file:
        records = StreamReader(file, validate_crcs=True).records
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except (*_CUT, struct.error, ValueError, RuntimeError, OSError):
                return
            if isinstance(record, Footer):
                return
            if isinstance(record, (Schema, Channel, Message)):
                yield record


def repair(path: Path, compression: str = "lz4") -> int | None:
    """Give an unfinished bag (its folder or its file) its index; how many messages it has. None: it is whole.

    The new file takes the old one's place when it is complete.
    """
    file = path
    if path.is_dir():
        candidates = sorted(path.glob("*.mcap"))
        if not candidates:
            raise RecordError(f"{path} has no .mcap file")
        file = candidates[-1]
    if is_finished(file):
        return None
    with file.open("rb") as stream:
        magic = stream.read(len(MAGIC))
    if magic != MAGIC:
        raise RecordError(f"{file} is no MCAP file")
    if is_being_written(file):
        raise RecordError(f"{file} is being written")
    extent, schemas, channels = Extent(), {}, {}
    unfinished = file.with_suffix(".part")
    try:
        with unfinished.open("wb") as output:
            writer = start_file(output, compression)
            for record in records_of(file):
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    schema = schemas[record.schema_id]
                    topic = BagTopic(
                        record.topic,
                        schema.name,
                        schema.data.decode(),
                        record.metadata.get("offered_qos_profiles", ""),
                    )
                    if record.id not in channels:
                        channels[record.id] = register(writer, topic)
                        extent.topics[channels[record.id]] = topic
                else:
                    channel = channels[record.channel_id]
                    writer.add_message(
                        channel, record.log_time, record.data, record.publish_time, record.sequence
                    )
                    extent.add(channel, record.log_time)
            writer.finish()
        unfinished.replace(file)
        if file.name == f"{file.parent.name}_0.mcap":
            write_metadata(file.parent, extent, notes_of(file.parent))
    except OSError as error:
        raise cannot_write(file, error) from error
    return sum(topic.count for topic in extent.topics.values())
