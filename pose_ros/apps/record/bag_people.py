"""The people a bag has recorded on `skeletons/points`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pose_ros.apps.record.bag_messages import BagMessages
from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.sources import INFO, FeatureConfig, Skeletons
from pose_ros.types import People


class BagPeople:
    """People of every instant, in order; RecordError where nothing names their joints."""

    def __init__(self, bag: Path, topic: str = FeatureConfig().people) -> None:
        self._source = Skeletons(topic, "")
        self._messages = BagMessages(bag, [self._source])
        self._messages.declare()
        if len(self) and self._source.info is None:
            raise RecordError(f"{bag} has people on {topic}, but not {INFO}, which names their joints")

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[People]:
        for _, message, _ in self._messages:
            yield self._source.people(message)
