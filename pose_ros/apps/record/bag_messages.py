"""The messages of a bag that sources want, without ROS, through `rosbags`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pose_ros.apps.record.bag_repair import repair
from pose_ros.apps.record.errors import RecordError, needed_for_recording
from pose_ros.apps.record.messages import stamp_of
from pose_ros.apps.record.sources import COMPRESSED, IMAGE, INFO, TEXT, Skeletons, TopicSource

with needed_for_recording():
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import Connection
    from rosbags.typesys import Stores, get_typestore

    from pose_ros.sources.bag import _BROKEN


class BagMessages:
    """The messages of one bag that sources want. An unfinished file is repaired first."""

    def __init__(self, path: Path, sources: Sequence[TopicSource]) -> None:
        self.path, self.sources = path, sources
        try:
            if path.suffix == ".mcap" or list(path.glob("*.mcap")):
                repair(path)
            self._reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY))
            self._reader.open()
        except _BROKEN as error:
            raise RecordError(f"{path} is no bag that can be read: {error}") from error
        self._connections = {c.topic: c for c in self._reader.connections if c.msgcount}
        self._source_of: dict[str, TopicSource] = {}
        for source in sources:
            if connection := self._connection(source.topic, source.kinds):
                self._source_of[connection.topic] = source

    def __enter__(self) -> BagMessages:
        return self

    def __exit__(self, *exception: object) -> None:
        self._reader.close()

    def __len__(self) -> int:
        return sum(self._connections[topic].msgcount for topic in self._source_of)

    def __iter__(self) -> Iterator[tuple[TopicSource, Any, int]]:
        """(source, message, when it was received), in that order."""
        chosen = [self._connections[topic] for topic in self._source_of]
        for connection, received, data in self._read(chosen):
            yield self._source_of[connection.topic], self._message(connection, data), received

    def declare(self) -> dict[str, int]:
        """Let the sources learn what they are from the first messages; topic -> first stamp in ns."""
        stamps = {}
        for source in self.sources:
            if isinstance(source, Skeletons) and (info := self._connection(INFO, (TEXT,))):
                for connection, _, data in self._read([info]):
                    source.hear_info(self._message(connection, data).data)
                    break
        for topic, source in self._source_of.items():
            for connection, received, data in self._read([self._connections[topic]]):
                message = self._message(connection, data)
                stamps.setdefault(source.topic, stamp_of(message) or received)
                if source.features is None:
                    source.declare(message)
                break
        return stamps

    def _connection(self, wanted: str, kinds: tuple[str, ...]) -> Connection | None:
        """The topic of that name, or below some namespace; for pictures also as the transport sends it."""
        name = "/" + wanted.strip("/")
        names = [name, f"{name}/compressed"] if {IMAGE, COMPRESSED} & set(kinds) else [name]
        for name in names:
            fits = [
                c
                for topic, c in sorted(self._connections.items())
                if topic.endswith(name) and c.msgtype in kinds
            ]
            exact = [c for c in fits if c.topic == name]
            if exact or fits:
                return (exact or fits)[0]
        return None

    def _read(self, connections: list[Connection]) -> Iterator[tuple[Connection, int, bytes]]:
        try:
            yield from self._reader.messages(connections)
        except _BROKEN as error:
            raise RecordError(f"{self.path} is broken: {type(error).__name__} {error}") from error

    def _message(self, connection: Connection, data: bytes) -> Any:
        try:
            return self._reader.deserialize(data, connection.msgtype)
        except _BROKEN as error:
            raise RecordError(f"{self.path}: {connection.topic} cannot be read: {error}") from error
