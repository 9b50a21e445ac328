"""Messages of an episode in, rows on disk out: the same live and from a bag."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pose_ros.apps.record.errors import RecordError
from pose_ros.apps.record.resample import RateConfig, Resampler, Row
from pose_ros.apps.record.sources import Picture, TopicSource
from pose_ros.apps.record.take import TakeHeader, TakeWriter
from pose_ros.errors import PoseError


@dataclass
class EpisodeCounts:
    rows: int = 0
    late: int = 0  # samples that came when their rows had been written
    refused: int = 0  # messages that could not be right
    why_refused: str = ""  # the first of them
    invalid: dict[str, int] = field(default_factory=dict)  # feature -> rows without it
    pictures: dict[str, int] = field(default_factory=dict)  # video -> pictures that came while recording
    used: dict[str, int] = field(default_factory=dict)  # video -> those of them that are in a row

    def __str__(self) -> str:
        gaps = ", ".join(f"{name} {count}" for name, count in self.invalid.items() if count)
        texts = [f"{self.rows} rows", *([f"rows without: {gaps}"] if gaps else [])]
        texts += [f"{self.late} samples too late"] if self.late else []
        texts += [f"{self.refused} messages refused ({self.why_refused})"] if self.refused else []
        return "; ".join(texts)


class Episode:
    """Rows into a take, as soon as they are due. `refuse` is told why a message or picture is left out."""

    def __init__(
        self,
        folder: Path,
        header: TakeHeader,
        rate: RateConfig,
        start_ns: int,
        refuse: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._header, self._refuse = header, refuse
        self._resampler = Resampler(header.table, replace(rate, fps=header.fps), start_ns)
        self._take = TakeWriter(folder, header)
        self._last_picture: dict[str, Picture] = {}
        videos = [feature.name for feature in header.table.videos]
        self.counts = EpisodeCounts(pictures=dict.fromkeys(videos, 0), used=dict.fromkeys(videos, 0))

    @property
    def folder(self) -> Path:
        return self._take.folder

    def hear(self, source: TopicSource, message: Any, received_ns: int) -> None:
        """A message of a topic, in the order in which they came."""
        try:
            samples = source.samples(message, received_ns)
        except PoseError as error:
            self._left_out(f"{source.topic}: {error}")
            return
        self.push((sample.feature, sample.stamp_ns, sample.value) for sample in samples)

    def push(self, samples: Iterable[tuple[str, int, Any]]) -> None:
        for name, stamp_ns, value in samples:
            if name in self._header.table.names:
                if name in self.counts.pictures and stamp_ns >= self._resampler.start_ns:
                    self.counts.pictures[name] += 1
                self._resampler.push(name, stamp_ns, value)
        self._write(self._resampler.rows())

    def end(self, end_ns: int) -> None:
        """Nothing past that instant belongs to it, even if it is written already."""
        self._resampler.end_ns = end_ns
        self._take.end(end_ns)

    def finish(self) -> EpisodeCounts:
        """All rows that are left."""
        self._write(self._resampler.rows(final=True))
        self.close()
        return self.counts

    def close(self) -> None:
        """Leave what was written as it is."""
        self._take.close()

    def _write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._take.add(Row(row.stamp_ns, self._decoded(row.values)))
        self.counts.rows = self._take.rows
        self.counts.late, self.counts.invalid = self._resampler.late, self._resampler.invalid

    def _decoded(self, values: dict[str, Any]) -> dict[str, Any]:
        decoded = {}
        for name, value in values.items():
            if not isinstance(value, Picture):
                decoded[name] = value
                continue
            if value is not self._last_picture.get(name):
                self.counts.used[name] += 1
                self._last_picture[name] = value
            try:
                decoded[name] = self._fitting(name, value)
            except PoseError as error:
                self._resampler.invalid[name] += 1
                self._left_out(str(error))
        return decoded

    def _fitting(self, name: str, picture: Picture):
        rgb = picture.rgb()
        height, width, _ = self._header.table[name].shape
        if (rgb.shape[0] // 2 * 2, rgb.shape[1] // 2 * 2) != (height, width):
            raise RecordError(f"{name} is {rgb.shape[1]}x{rgb.shape[0]}, the set has {width}x{height}")
        return rgb[:height, :width]

    def _left_out(self, why: str) -> None:
        self.counts.refused += 1
        self.counts.why_refused = self.counts.why_refused or why
        self._refuse(why)
