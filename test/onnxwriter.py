"""Writes ONNX files for the tests of what runs them, with the protocol buffers of protowriter."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from protowriter import body, number, varint

FLOAT, INT64 = 1, 7


def tensor(name: str, values) -> bytes:
    values = np.asarray(values)
    kind, dtype = (INT64, "<i8") if values.dtype.kind == "i" else (FLOAT, "<f4")
    dims = b"".join(number(1, n) for n in values.shape)
    return dims + number(2, kind) + body(8, name) + body(9, values.astype(dtype).tobytes())


def attribute(name: str, value) -> bytes:
    data = body(1, name)
    if isinstance(value, int):
        return data + number(3, value) + number(20, 2)
    if isinstance(value, float):
        return data + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    return data + b"".join(number(8, one) for one in value) + number(20, 7)


def node(kind: str, inputs, output: str, **attributes) -> bytes:
    data = b"".join(body(1, one) for one in inputs) + body(2, output) + body(4, kind)
    return data + b"".join(body(5, attribute(k, v)) for k, v in attributes.items())


def port(name: str, shape) -> bytes:
    """shape: whole numbers, or names of sizes that are free."""
    dims = b"".join(body(1, body(2, n) if isinstance(n, str) else number(1, n)) for n in shape)
    return body(1, name) + body(2, body(1, number(1, FLOAT) + body(2, dims)))


def save(path: Path, nodes, constants: dict, inputs: dict, outputs: dict) -> Path:
    graph = b"".join(body(1, one) for one in nodes) + body(2, "net")
    graph += b"".join(body(5, tensor(*constant)) for constant in constants.items())
    graph += b"".join(body(11, port(*one)) for one in inputs.items())
    graph += b"".join(body(12, port(*one)) for one in outputs.items())
    model = number(1, 8) + body(7, graph) + body(8, body(1, "") + number(2, 13))
    path.write_bytes(model)
    return path
