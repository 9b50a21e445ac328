"""What may be asked of ~/detect and ~/add_model, and how detect's answer is worded."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.errors import ConfigError, FrameError, unknown
from pose_ros.geometry.mesh import UNITS, Z_FROM_UP
from pose_ros.types import Objects, RGBDFrame, TrackState

DETECT_OPTIONS = ("classes", "roi", "timeout")
TIMEOUT = 10.0  # s
LONGEST = 600.0  # s
LABEL = r"\w[\w.-]*"
MODEL_OPTIONS = {"unit": ("m", UNITS), "up": ("z", Z_FROM_UP)}  # suffix: default, valid


@dataclass(frozen=True, eq=False)
class DetectRequest:
    """labels: what to look for, None for all models. roi: x0, y0, x1, y1 px, None for the whole image."""

    labels: tuple[str, ...] | None = None
    roi: tuple[int, int, int, int] | None = None
    timeout: float = TIMEOUT
    made: float = field(default_factory=time.perf_counter)

    @classmethod
    def parse(cls, values: Mapping[str, Any], models: Collection[str]) -> DetectRequest:
        """From the parameters of a request; ConfigError names what is wrong and what is valid."""
        if strange := [name for name in values if name not in DETECT_OPTIONS]:
            raise ConfigError(unknown("parameter of detect", ", ".join(strange), DETECT_OPTIONS))
        if not models:
            raise ConfigError("there are no models: set the parameter models, or call add_model")
        given = {}
        if "classes" in values:
            given["labels"] = _labels(values["classes"], models)
        if "roi" in values:
            given["roi"] = _roi(values["roi"])
        if "timeout" in values:
            timeout = values["timeout"]
            if type(timeout) not in (int, float) or not 0 < timeout <= LONGEST:
                raise ConfigError(f"timeout is {timeout!r}, must be seconds in (0, {LONGEST:g}]")
            given["timeout"] = float(timeout)
        return cls(**given)

    def roi_within(self, frame: RGBDFrame) -> tuple[int, int, int, int] | None:
        """The part of the region that lies in the image; FrameError where there is none."""
        if self.roi is None:
            return None
        width, height = frame.camera.width, frame.camera.height
        x0, y0, x1, y1 = self.roi
        if x0 >= width or y0 >= height:
            raise FrameError(f"roi {list(self.roi)} lies outside the image of {width}x{height}")
        return max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)

    def verdict(self, objects: Objects, models: Collection[str]) -> tuple[bool, str]:
        """Whether anything that was asked for is there; what is, and of what is not, why."""
        wanted = self.labels or tuple(sorted(models))
        inside = [
            one
            for n, one in enumerate(objects, 1)
            if one.label in wanted and self._holds(objects.label_image == n)
        ]
        found = [one for one in inside if one.state is TrackState.TRACKED]
        unsure = {one.label for one in inside if one.state is TrackState.TENTATIVE}
        parts = []
        if found:
            parts.append("found " + ", ".join(f"{one.id} ({one.score:.2f})" for one in found))
        for label in wanted:
            if label not in {one.label for one in found}:
                why = "seen, but not confirmed yet" if label in unsure else "it is not in sight"
                parts.append(f"no {label}: {objects.reasons.get(label, why)}")
        return bool(found), "; ".join(parts)

    def _holds(self, mask: np.ndarray) -> bool:
        if self.roi is None:
            return True
        x0, y0, x1, y1 = self.roi
        return bool(mask[max(y0, 0) : y1, max(x0, 0) : x1].any())


def _labels(classes: Any, models: Collection[str]) -> tuple[str, ...] | None:
    classes = [classes] if isinstance(classes, str) else classes
    if not isinstance(classes, (list, tuple)) or not all(isinstance(name, str) for name in classes):
        raise ConfigError(f"classes is {classes!r}, must be names of models")
    if strange := [name for name in classes if name not in models]:
        raise ConfigError(unknown("class", ", ".join(strange), sorted(models)))
    return tuple(classes) or None


def _roi(values: Any) -> tuple[int, int, int, int]:
    try:
        x0, y0, x1, y1 = (int(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"roi is {values!r}, must be four whole numbers x0, y0, x1, y1 in px") from error
    if not (x0 < x1 and y0 < y1 and x1 > 0 and y1 > 0):
        raise ConfigError(f"roi {[x0, y0, x1, y1]} is empty: x0 < x1 and y0 < y1 must hold, in the image")
    return x0, y0, x1, y1


def model_requests(
    values: Mapping[str, Any],
) -> tuple[dict[str, tuple[Path, str, str]], dict[str, str]]:
    """Of `label`, `label.unit`, `label.up`: {label: (path, unit, up)}, and {name: why it is refused}."""
    wanted, refused = {}, {}
    labels = [name for name in values if name.rpartition(".")[2] not in MODEL_OPTIONS or "." not in name]
    for name, value in values.items():
        label, _, option = name.rpartition(".")
        if name not in labels and label not in labels:
            refused[name] = f"there is no {label!r} in this request that {option} could be of"
        elif name not in labels and value not in MODEL_OPTIONS[option][1]:
            refused[label] = refused[name] = unknown(option, value, MODEL_OPTIONS[option][1])
    for label in labels:
        if not re.fullmatch(LABEL, label):
            refused[label] = f"label {label!r} cannot name a frame: letters, digits, _ - . are valid"
        elif not isinstance(values[label], str) or not values[label]:
            refused[label] = f"{label} is {values[label]!r}, must be the path of a mesh"
        if label not in refused:
            unit, up = (
                values.get(f"{label}.{name}", default) for name, (default, _) in MODEL_OPTIONS.items()
            )
            wanted[label] = Path(values[label]).expanduser(), unit, up
    return wanted, refused
