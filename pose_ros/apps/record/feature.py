"""The declared table: each column has a name, type, named elements, unit, source and way of resampling."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pose_ros.apps.record.errors import RecordError
from pose_ros.errors import ShapeError, unknown

# How a value between two samples is found; none looks further than `max_gap`, and none past the last sample.
LINEAR = "linear"  # on the line between the two
POSES = "poses"  # groups of x y z qx qy qz qw: positions on the line, rotations on the great circle
ROTATIONS = "rotations"  # groups of qx qy qz qw
NEAREST = "nearest"  # whichever of the two is nearer
HOLD = "hold"  # the earlier one: a command holds until the next
VIDEO = "video"  # the nearest picture
WAYS = (LINEAR, POSES, ROTATIONS, NEAREST, HOLD, VIDEO)

GROUP = {POSES: 7, ROTATIONS: 4}
DTYPES = ("float32", "int64", "bool", "video")


@dataclass(frozen=True)
class Feature:
    """One column. names: of its elements, or height, width, channels of a video. source: topic or formula."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...]
    unit: str
    source: str
    way: str

    def __post_init__(self) -> None:
        if "/" in self.name or not self.name:
            raise RecordError(f"a feature's name has no '/' and is not empty, got {self.name!r}")
        if self.dtype not in DTYPES:
            raise RecordError(unknown(f"dtype of {self.name}", self.dtype, DTYPES))
        if self.way not in WAYS:
            raise RecordError(unknown(f"way to resample {self.name}", self.way, WAYS))
        if self.is_video:
            if len(self.shape) != 3 or self.shape[2] != 3:
                raise ShapeError(f"{self.name} is a video of shape {self.shape}, expected (height, width, 3)")
        elif self.shape != (len(self.names),) or not self.names:
            raise ShapeError(f"{self.name} has shape {self.shape} and {len(self.names)} names")
        elif len(self.names) % GROUP.get(self.way, 1):
            raise ShapeError(
                f"{self.name} has {len(self.names)} elements, {self.way} come in {GROUP[self.way]}"
            )

    @property
    def is_video(self) -> bool:
        return self.dtype == "video"

    @classmethod
    def vector(
        cls,
        name: str,
        names: Iterable[str],
        unit: str,
        source: str,
        way: str = LINEAR,
        dtype: str = "float32",
    ) -> Feature:
        names = tuple(names)
        return cls(name, dtype, (len(names),), names, unit, source, way)

    @classmethod
    def video(cls, name: str, height: int, width: int, source: str) -> Feature:
        axes = ("height", "width", "channels")
        return cls(name, "video", (int(height), int(width), 3), axes, "", source, VIDEO)

    def as_json(self) -> dict[str, Any]:
        """As LeRobot's info.json has it; what it has no field for lies in `info`."""
        return {
            "dtype": self.dtype,
            "shape": list(self.shape),
            "names": list(self.names),
            "info": {"unit": self.unit, "source": self.source, "resampled": self.way},
        }

    @classmethod
    def of_json(cls, name: str, entry: dict[str, Any]) -> Feature:
        about = entry["info"]
        return cls(
            name,
            entry["dtype"],
            tuple(entry["shape"]),
            tuple(entry["names"]),
            about["unit"],
            about["source"],
            about["resampled"],
        )


@dataclass(frozen=True)
class Table:
    """The columns that are sampled, in order."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = [feature.name for feature in self.features]
        if not names:
            raise RecordError("a table needs at least one feature")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise RecordError(f"feature {', '.join(twice)} is declared twice")

    def __iter__(self):
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def videos(self) -> tuple[Feature, ...]:
        return tuple(feature for feature in self.features if feature.is_video)

    @property
    def vectors(self) -> tuple[Feature, ...]:
        return tuple(feature for feature in self.features if not feature.is_video)

    def __getitem__(self, name: str) -> Feature:
        for feature in self.features:
            if feature.name == name:
                return feature
        raise RecordError(unknown("feature", name, self.names))

    @property
    def row(self) -> np.dtype:
        """One row on disk: the instant, which features were there, the vectors in their own precision.

        Unknown floats are NaN here, so that they cannot be taken for zeros before statistics are made.
        """
        vectors = [(feature.name, _DISK[feature.dtype], feature.shape) for feature in self.vectors]
        return np.dtype([("stamp_ns", "<i8"), ("valid", "?", (len(self),)), *vectors])

    def as_json(self) -> dict[str, Any]:
        return {feature.name: feature.as_json() for feature in self.features}

    @classmethod
    def of_json(cls, entries: dict[str, Any]) -> Table:
        return cls(tuple(Feature.of_json(name, entry) for name, entry in entries.items()))

    def differences(self, other: Table) -> str:
        """What a set of this table cannot take of `other`; empty where they are the same."""
        texts = [f"{name} is missing" for name in self.names if name not in other.names]
        texts += [f"{name} is new" for name in other.names if name not in self.names]
        for mine in self.features:
            if mine.name in other.names and (theirs := other[mine.name]) != mine:
                fields = ("dtype", "shape", "names", "unit", "way")
                changed = [name for name in fields if getattr(mine, name) != getattr(theirs, name)]
                texts += [
                    f"{name} of {mine.name} was {getattr(mine, name)}, is {getattr(theirs, name)}"
                    for name in changed
                ]
        return "; ".join(texts)


_DISK = {"float32": "<f4", "int64": "<i8", "bool": "?"}
