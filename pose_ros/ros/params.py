"""ROS parameters from config dataclasses: name, type, default, range and meaning live there."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from pose_ros.config import flatten, option_of, update
from pose_ros.errors import ConfigError, unknown

# Parameters every rclpy node may be given besides its own.
COMMON_NAMES = ("use_sim_time", "start_type_description_service")
COMMON_PREFIXES = ("qos_overrides.",)


def check_names(names: Mapping[str, Any], valid: Mapping[str, Any]) -> None:
    """ConfigError naming every given parameter that does not exist, and those that do."""
    common = [name for name in names if name in COMMON_NAMES or name.startswith(COMMON_PREFIXES)]
    strange = [name for name in names if name not in valid and name not in common]
    if strange:
        raise ConfigError(unknown("parameter", ", ".join(strange), valid))


def descriptor(name: str, field: dataclasses.Field, read_only: bool) -> ParameterDescriptor:
    """What `ros2 param describe` shows of a config field."""
    about = field.metadata
    choices = f"one of: {', '.join(about['choices'])}" if about["choices"] else ""
    result = ParameterDescriptor(
        name=name,
        description=f"{about['doc']} [{about['unit']}]" if about["unit"] else about["doc"],
        additional_constraints=choices,
        read_only=read_only,
    )
    if about["range"] and type(field.default) is int:
        low, high = (int(limit) for limit in about["range"])
        result.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif about["range"]:
        low, high = (float(limit) for limit in about["range"])
        result.floating_point_range = [FloatingPointRange(from_value=low, to_value=high, step=0.0)]
    return result


class Parameters:
    """The parameters of a node, declared from its `configs`, whose dotted names must differ.

    Raises ConfigError where the node was started with an unknown name or a bad value. Later changes are
    refused with the reason, as is any change while `why_fixed()` gives one.
    """

    def __init__(
        self, node: Node, *configs: Any, read_only: tuple[str, ...], why_fixed: Callable[[], str | None]
    ) -> None:
        self._configs = list(configs)
        self._why_fixed = why_fixed
        valid = {name: value for config in configs for name, value in flatten(config).items()}
        # rclpy offers what the node was started with (-p, params file) only through this attribute.
        given = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
        check_names(given, valid)
        self._set({name: given[name] for name in valid if name in given})
        for config in self._configs:
            for name, value in flatten(config).items():
                about = descriptor(name, option_of(config, name), name in read_only)
                node.declare_parameter(name, value, about, ignore_override=True)
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def configs(self) -> tuple[Any, ...]:
        """The configs with the present values, in the order given."""
        return tuple(self._configs)

    def _set(self, values: Mapping[str, Any]) -> None:
        self._configs = [
            update(config, {name: value for name, value in values.items() if name in flatten(config)})
            for config in self._configs
        ]

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        own = {p.name: p.value for p in parameters if any(p.name in flatten(c) for c in self._configs)}
        try:
            if own and (reason := self._why_fixed()):
                raise ConfigError(reason)
            self._set(own)
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)
