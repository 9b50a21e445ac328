"""Configuration as dataclasses: one default, one place, with its meaning, range and unit.

Every config field is made by `option`. A nested config is a field whose default is a config.
Dotted names ("lift.patch") address nested fields, in files and as ROS parameters alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from pose_ros.errors import ConfigError, unknown

Config = TypeVar("Config")


def option(
    default: Any,
    doc: str,
    *,
    unit: str = "",
    range: tuple[float, float] | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A dataclass field with its meaning (`doc`), `unit`, inclusive `range` or valid `choices`."""
    metadata = {"doc": doc, "unit": unit, "range": range, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


def flatten(config: Any, prefix: str = "") -> dict[str, Any]:
    """{dotted name: value} of a config and its nested configs."""
    flat = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        nested = dataclasses.is_dataclass(value)
        flat |= flatten(value, f"{prefix}{field.name}.") if nested else {prefix + field.name: value}
    return flat


def option_of(config: Any, name: str) -> dataclasses.Field:
    """The field a dotted name addresses, with its metadata; ConfigError lists the valid names."""
    *path, last = name.split(".")
    owner = config
    for part in path:
        owner = getattr(owner, part, None)
    fields = {f.name: f for f in dataclasses.fields(owner)} if dataclasses.is_dataclass(owner) else {}
    if last not in fields or dataclasses.is_dataclass(getattr(owner, last)):
        raise ConfigError(unknown("option", name, flatten(config)))
    return fields[last]


def update(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy with dotted names set; unknown names, wrong types and values out of range raise ConfigError."""
    for name, value in values.items():
        field = option_of(config, name)
        config = _replace(config, name.split("."), _checked(name, field, value))
    return config


def _replace(config: Any, path: list[str], value: Any) -> Any:
    head, *rest = path
    value = _replace(getattr(config, head), rest, value) if rest else value
    return dataclasses.replace(config, **{head: value})


def _checked(name: str, field: dataclasses.Field, value: Any) -> Any:
    kind = type(field.default)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise ConfigError(f"{name} takes {kind.__name__}, got {type(value).__name__} {value!r}")
    limits, choices = field.metadata["range"], field.metadata["choices"]
    if limits and not limits[0] <= value <= limits[1]:
        unit = field.metadata["unit"]
        raise ConfigError(f"{name} is {value}, must lie in [{limits[0]}, {limits[1]}] {unit}".rstrip())
    if choices and value not in choices:
        raise ConfigError(unknown(name, value, choices))
    return value


def load(config: Config, path: Path) -> Config:
    """A copy with the options of a YAML file, nested or dotted; ConfigError names file and option."""
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, Mapping):
        raise ConfigError(f"{path} holds a {type(values).__name__}, not options by name")
    try:
        return update(config, _dotted(values))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse(config: Config, settings: Iterable[str]) -> Config:
    """A copy with settings written as NAME=VALUE."""
    values = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError(f"{setting!r} is not NAME=VALUE")
        values[name] = yaml.safe_load(value)
    return update(config, values)


def _dotted(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in values.items():
        nested = isinstance(value, Mapping)
        flat |= _dotted(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": value}
    return flat
