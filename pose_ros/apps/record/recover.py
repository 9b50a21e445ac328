"""What a killed process has left, made whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pose_ros.apps.record import files
from pose_ros.apps.record.bag_repair import repair
from pose_ros.apps.record.dataset import TAKES, LeRobotSet
from pose_ros.apps.record.errors import RecordError


def recover(path: Path) -> Iterator[str]:
    """Repair the bags at or below a path, and finish the sets there; what was done, in words.

    RecordError where there is neither.
    """
    bags = [path] if path.suffix == ".mcap" else sorted(path.rglob("*.mcap"))
    sets = [folder for folder in (path, *sorted(path.glob("*/"))) if _is_set(folder)]
    if not path.exists() or not bags + sets:
        raise RecordError(f"{path} holds neither bags (.mcap) nor a LeRobot set")
    for bag in bags:
        count = repair(bag)
        yield f"{bag}: whole" if count is None else f"{bag}: {count} messages, now with their index"
    for folder in sets:
        said: list[str] = []
        with LeRobotSet(folder) as dataset:
            count = dataset.recover(said.append)
            yield from said
            yield f"{folder}: {count} episodes recovered, {len(dataset)} in all"


def _is_set(folder: Path) -> bool:
    return (folder / files.INFO).exists() or (folder / TAKES).is_dir()
