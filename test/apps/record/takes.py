"""Synthetic episodes for the tests of recording: what is written is known in closed form."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pose_ros.apps.record.feature import HOLD, Feature, Table
from pose_ros.apps.record.resample import Row
from pose_ros.apps.record.take import Take, TakeHeader, TakeWriter
from pose_ros.apps.record.video import VideoConfig

HEIGHT, WIDTH = 64, 96
FPS = 30
TABLE = Table(
    (
        Feature.vector("observation.state", ("a", "b", "c"), "rad", "joint_states"),
        Feature.vector("observation.solo", ("x",), "m", "somewhere"),
        Feature.video("observation.images.front", HEIGHT, WIDTH, "image"),
        Feature.video("observation.images.wrist", HEIGHT, WIDTH, "wrist/image"),
        Feature.vector("action", ("a", "b", "c"), "rad", "commands", HOLD),
    )
)
CODEC_ERROR = 6.0  # mean of grey levels, of the pictures below


def picture(number: int) -> np.ndarray:
    """Smooth, and of another brightness than its neighbours: a picture that is one off is noticed."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    level = 40 + 20 * (number % 8)
    return np.stack([level + x, level + y, np.full_like(x, level + 30)], -1).clip(0, 255).astype(np.uint8)


def values(episode: int, n: int) -> dict[str, np.ndarray]:
    return {
        "observation.state": np.array([episode, n, np.sin(n)]),
        "observation.solo": np.array([n / 2]),
        "observation.images.front": picture(n + episode),
        "observation.images.wrist": picture(2 * n),
        "action": np.array([n, -n, episode]),
    }


def stamp(n: int) -> int:
    return 1_700_000_000 * 10**9 + round(n * 1e9 / FPS)


def write_take(
    folder: Path,
    episode: int,
    rows: int,
    task: str = "pick",
    table: Table = TABLE,
    without: tuple[int, str] = (-1, ""),
    close: bool = True,
) -> Take:
    """without: a row and the feature it lacks."""
    writer = TakeWriter(folder, TakeHeader(table, FPS, task, "arm", VideoConfig()))
    for n in range(rows):
        row = values(episode, n)
        if n == without[0]:
            row.pop(without[1])
        writer.add(Row(stamp(n), {name: row[name] for name in table.names if name in row}))
    if close:
        writer.close()
    return Take(folder)
