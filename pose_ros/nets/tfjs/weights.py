"""The weights of a TensorFlow.js model: shards one after the other, and how their numbers were made small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pose_ros.errors import GraphError, unknown

DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "uint8": "u1"}
QUANTISED = {"uint8": "u1", "uint16": "<u2", "float16": "<f2"}


def read_weights(model: Path, manifest: Sequence[Mapping]) -> dict[str, np.ndarray]:
    """Name -> values, from the shards beside model.json. GraphError names a shard that is missing or cut."""
    weights: dict[str, np.ndarray] = {}
    for group in manifest:
        data, at = _shards(model, group["paths"]), 0
        for entry in group["weights"]:
            size = _size(entry)
            if at + size > len(data):
                raise GraphError(
                    f"{model}: its shards {', '.join(group['paths'])} are truncated: {len(data)} bytes, "
                    f"{entry['name']} ends at {at + size}; get them again"
                )
            weights[entry["name"]] = _values(entry, data[at : at + size])
            at += size
        if at != len(data):
            raise GraphError(
                f"{model}: its shards {', '.join(group['paths'])} are not of this model: {len(data)} bytes, "
                f"not {at}"
            )
    return weights


def _shards(model: Path, paths: Sequence[str]) -> bytes:
    parts = []
    for path in paths:
        try:
            parts.append((model.parent / path).read_bytes())
        except OSError as error:
            raise GraphError(f"{model}: its shard {path} cannot be read: {error}") from error
    return b"".join(parts)


def _stored(entry: Mapping) -> np.dtype:
    """The type of the numbers in the shard."""
    quantization = entry.get("quantization")
    names, kind = (DTYPES, entry["dtype"]) if quantization is None else (QUANTISED, quantization["dtype"])
    if kind not in names:
        raise GraphError(f"{entry['name']}: {unknown('type of weights', kind, names)}")
    return np.dtype(names[kind])


def _size(entry: Mapping) -> int:
    """In bytes."""
    if any(not isinstance(n, int) or n < 0 for n in entry["shape"]):
        raise ValueError(f"{entry['name']} has the shape {entry['shape']}")
    return math.prod(entry["shape"]) * _stored(entry).itemsize


def _values(entry: Mapping, data: bytes) -> np.ndarray:
    """Whole numbers in a shard stand for `scale * number + min`."""
    values = np.frombuffer(data, _stored(entry)).reshape(entry["shape"])
    quantization, dtype = entry.get("quantization"), np.dtype(DTYPES[entry["dtype"]])
    if quantization is not None and quantization["dtype"] != "float16":
        values = values * np.float32(quantization["scale"]) + np.float32(quantization["min"])
        if dtype.kind == "i":
            values = np.round(values)
    return values.astype(dtype)
