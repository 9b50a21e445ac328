"""Reads a frozen TensorFlow graph (.pb): protocol buffers to plain Python objects, nothing computed.

The layout is tensorflow/core/framework/{graph,node_def,attr_value,tensor,tensor_shape}.proto; the numbers
below are field numbers of its messages.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_ros.errors import GraphError
from pose_ros.nets.protobuf import fields, packed, signed

# DataType -> numpy, and the field of TensorProto that holds values of it one by one.
DTYPES = {1: ("<f4", 5), 2: ("<f8", 6), 3: ("<i4", 7), 9: ("<i8", 10), 10: ("?", 11)}


@dataclass(frozen=True)
class Node:
    """inputs: names of nodes, "name:1" for a second output. attributes: scalars, tuples, shapes, arrays."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    attributes: dict[str, object]

    def attribute(self, name: str, default: object = None) -> object:
        value = self.attributes.get(name, default)
        if value is None:
            raise GraphError(f"{self.kind} {self.name!r} has no attribute {name!r}")
        return value


def source_of(name: str) -> str:
    """The node of an input "node" or "node:1"."""
    return name.partition(":")[0]


@dataclass(frozen=True)
class GraphDefFile:
    path: Path
    nodes: dict[str, Node]  # in the file's order, which need not be one of execution

    @classmethod
    def of(cls, path: Path, nodes: Sequence[Node]) -> GraphDefFile:
        """Raises GraphError for a graph that has holes."""
        named = {node.name: node for node in nodes}
        if not nodes or len(named) < len(nodes):
            raise GraphError(f"{path} is no TensorFlow graph, or broken: no nodes, or two of one name")
        read = {source_of(name) for node in nodes for name in node.inputs}
        missing = sorted(read - named.keys())
        if missing:
            raise GraphError(f"{path} is broken: it lacks the nodes {', '.join(missing[:5])}; get it again")
        return cls(path, named)

    def starting_at(self, name: str, channels: int) -> GraphDefFile:
        """The graph that takes what this node gives, images (N,H,W,channels) of any size, as its input."""
        if name not in self.nodes:
            raise GraphError(f"{self.path.name} has no node {name!r} to start at")
        before, waiting = set(), [name]
        while waiting:
            sources = {source_of(text) for text in self.nodes[waiting.pop()].inputs} - before
            before |= sources
            waiting += sources
        kept = [
            node for node in self.nodes.values() if node.name not in before | {name} or node.kind == "Const"
        ]
        start = Node(name, "Placeholder", (), {"shape": (-1, -1, -1, channels)})
        return GraphDefFile.of(self.path, [start, *kept])


def read_graphdef(path: Path) -> GraphDefFile:
    """Raises GraphError for a file that is missing, broken, or no graph."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise GraphError(f"cannot read the network {path}: {error}") from error
    try:
        nodes = [_node(body) for number, body in fields(data) if number == 1]
    except (struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        raise GraphError(f"{path} is no TensorFlow graph, or broken ({error}); get it again") from error
    return GraphDefFile.of(Path(path), nodes)


def _text(value: memoryview) -> str:
    return bytes(value).decode()


def _node(body: memoryview) -> Node:
    name, kind, inputs, attributes = "", "", [], {}
    for number, value in fields(body):
        if number == 1:
            name = _text(value)
        elif number == 2:
            kind = _text(value)
        elif number == 3:
            text = _text(value)
            if not text.startswith("^"):  # what only has to run before
                inputs.append(text.removesuffix(":0"))
        elif number == 5:
            entry = dict(fields(value))
            attributes[_text(entry[1])] = _attribute(entry.get(2, memoryview(b"")))
    return Node(name, kind, tuple(inputs), attributes)


def _attribute(body: memoryview) -> object:
    """AttrValue: a list, text, whole number, float, truth, type, shape or tensor; None for others."""
    for number, value in fields(body):
        if number == 1:
            return _list(value)
        if number == 2:
            return bytes(value).decode("latin-1")
        if number in (3, 6):
            return signed(value)
        if number == 4:
            return struct.unpack("<f", value)[0]
        if number == 5:
            return bool(value)
        if number == 7:
            return _shape(value)
        if number == 8:
            return _tensor(value)
    return None


def _list(body: memoryview) -> tuple:
    """Whole numbers, packed or one by one; lists of other things are not read."""
    found: list[int] = []
    for number, value in fields(body):
        if number == 3:
            found.extend(packed(value) if isinstance(value, memoryview) else [signed(value)])
    return tuple(found)


def _shape(body: memoryview) -> tuple[int, ...]:
    """-1 where a size is free."""
    dims = (dict(fields(value)) for number, value in fields(body) if number == 2)
    return tuple(signed(dim.get(1, 0)) for dim in dims)


def _tensor(body: memoryview) -> np.ndarray | None:
    """None for types that networks here do not compute with, such as text."""
    known = list(fields(body))
    last = dict(known)
    shape = _shape(last.get(2, memoryview(b"")))
    if last.get(1) not in DTYPES:
        return None
    dtype, field = DTYPES[last[1]]
    if 4 in last:
        return np.frombuffer(last[4], dtype).reshape(shape)
    values: list = []
    for number, value in known:
        if number != field:
            continue
        if not isinstance(value, memoryview):
            values.append(signed(value))
        elif dtype in ("<f4", "<f8"):
            values.extend(np.frombuffer(value, dtype).tolist())
        else:
            values.extend(packed(value))
    # Of equal values at the end only the first is written.
    missing = math.prod(shape) - len(values)
    if missing < 0 or math.prod(shape) > len(body) * 4096:
        raise ValueError(f"a tensor {shape} of {len(values)} values")
    return np.array(values + (values[-1:] or [0]) * missing, dtype).reshape(shape)
