"""What a bag must know of a topic's type: its class, its definition in words, its offered QoS."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.topic_endpoint_info import TopicEndpointInfo

from pose_ros.apps.record.errors import RecordError

QUEUE = 100
_PRIMITIVES = re.compile(r"(bool|byte|char|float32|float64|u?int(8|16|32|64)|w?string)(<=\d+)?$")
_FIELD = re.compile(r"^\s*([A-Za-z][\w/]*(?:<=\d+)?)(?:\[(?:<=)?\d*\])?\s+[A-Za-z]\w*")
_SEPARATOR = "=" * 80


def class_of(type_name: str) -> Any:
    """sensor_msgs/msg/Image -> its class; RecordError where its package is not installed."""
    package, _, name = type_name.split("/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError) as error:
        raise RecordError(f"{type_name} is not installed: {error}") from error


def reader_of(type_name: str) -> Callable[[bytes], Any]:
    kind = class_of(type_name)
    return lambda data: deserialize_message(data, kind)


@functools.lru_cache
def definition_of(type_name: str) -> str:
    """The .msg of a type, then those of all types in it, each once: MCAP's encoding `ros2msg`."""
    texts, waiting, known = [], [type_name], {type_name}
    while waiting:
        current = waiting.pop(0)
        package, _, name = current.split("/")
        text = _file_of(package, name)
        head = f"{_SEPARATOR}\nMSG: {package}/{name}\n" if texts else ""
        texts.append(head + text.rstrip() + "\n")
        for inner in _types_in(text, package):
            if inner not in known:
                known.add(inner)
                waiting.append(inner)
    return "".join(texts)


def _file_of(package: str, name: str) -> str:
    folder = Path(importlib.import_module(package).__file__).parents[4] / "share" / package / "msg"
    try:
        return (folder / f"{name}.msg").read_text()
    except OSError as error:
        raise RecordError(f"the definition of {package}/{name} cannot be read: {error}") from error


def _types_in(text: str, package: str) -> list[str]:
    found = []
    for line in text.splitlines():
        field = _FIELD.match(line.split("#")[0])
        if field and not _PRIMITIVES.match(field[1]):
            parts = field[1].split("/")
            owner = parts[0] if len(parts) > 1 else package
            found.append(f"{owner}/msg/{parts[-1]}")
    return found


def qos_for(offers: list[TopicEndpointInfo]) -> QoSProfile:
    """The most that all who publish offer: reliable and latched only if every one of them is."""
    profiles = [offer.qos_profile for offer in offers]
    reliable = all(profile.reliability == ReliabilityPolicy.RELIABLE for profile in profiles)
    latched = all(profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for profile in profiles)
    return QoSProfile(
        depth=QUEUE,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def qos_text(offers: list[TopicEndpointInfo]) -> str:
    """The offers as rosbag2 keeps them."""
    forever = {"sec": 9223372036, "nsec": 854775807}
    return yaml.safe_dump(
        [
            {
                "history": "keep_last",
                "depth": max(int(offer.qos_profile.depth), 1),
                "reliability": offer.qos_profile.reliability.name.lower(),
                "durability": offer.qos_profile.durability.name.lower(),
                "deadline": forever,
                "lifespan": forever,
                "liveliness": "automatic",
                "liveliness_lease_duration": forever,
                "avoid_ros_namespace_conventions": False,
            }
            for offer in offers
        ],
        sort_keys=False,
    )
