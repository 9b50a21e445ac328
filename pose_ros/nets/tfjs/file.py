"""Reads a TensorFlow.js graph model: model.json, a GraphDef as JSON, and the shards that hold its weights.

The attributes are those of tensorflow/core/framework/attr_value.proto in protocol buffers' JSON. The weights
of a group lie one after the other in its shards, as the manifest lists them, little-endian.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pose_ros.errors import GraphError
from pose_ros.nets.graphdef.file import GraphDefFile, Node
from pose_ros.nets.tfjs.weights import read_weights

# DataType of tensorflow/core/framework/types.proto
DATA_TYPES = {"DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_STRING": 7, "DT_INT64": 9, "DT_BOOL": 10}
BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)


def read_tfjs(path: Path) -> GraphDefFile:
    """Raises GraphError for a file that is missing, broken, or no graph model."""
    path = Path(path)
    try:
        model = json.loads(path.read_bytes())
    except OSError as error:
        raise GraphError(f"cannot read the network {path}: {error}") from error
    except ValueError as error:
        raise GraphError(f"{path} is no TensorFlow.js model, or broken ({error}); get it again") from error
    if isinstance(model, dict) and model.get("format") == "layers-model":
        raise GraphError(f"{path} is a layers model of TensorFlow.js; only graph models are supported")
    try:
        nodes = model["modelTopology"]["node"]
        weights = read_weights(path, model["weightsManifest"])
        nodes = [_node(node, weights) for node in nodes]
    except BROKEN as error:
        raise GraphError(
            f"{path} is no graph model of TensorFlow.js, or broken "
            f"({type(error).__name__}: {error}); get it again"
        ) from error
    return GraphDefFile.of(path, nodes)


def _node(node: Mapping, weights: Mapping[str, np.ndarray]) -> Node:
    name, kind = node["name"], node["op"]
    if not isinstance(name, str) or not isinstance(kind, str):
        raise ValueError("a node whose name is no text")
    inputs = [text.removesuffix(":0") for text in node.get("input", ()) if not text.startswith("^")]
    attributes = {key: _attribute(value) for key, value in node.get("attr", {}).items()}
    if kind == "Const":
        attributes["value"] = weights[name]
    return Node(name, kind, tuple(inputs), attributes)


def _attribute(value: Mapping) -> object:
    """A list, text, whole number, float, truth, type or shape; None for others, such as tensors."""
    for kind, content in value.items():
        if kind == "list":
            lists = [[_scalar(key, one) for one in several] for key, several in content.items()]
            return tuple(lists[0]) if lists else ()
        if kind == "shape":
            return tuple(int(dim.get("size", 0)) for dim in content.get("dim", ()))
        return _scalar(kind, content)
    return None


def _scalar(kind: str, value: object) -> object:
    if kind == "s":
        return base64.b64decode(value).decode("latin-1")
    if kind == "i":  # written as text
        return int(value)
    if kind == "f":
        return float(value)
    if kind == "b":
        return bool(value)
    if kind == "type":
        return DATA_TYPES.get(value, 0)
    return None
