"""Writes protocol buffers, and graphs of TensorFlow and Caffe with them, for the tests of what reads them."""

from __future__ import annotations

import struct

import numpy as np

DTYPES = {"float32": 1, "int32": 3}


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def body(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def shape(sizes) -> bytes:
    return b"".join(body(2, number(1, n)) for n in sizes)


def tensor(values: np.ndarray) -> bytes:
    return number(1, DTYPES[values.dtype.name]) + body(2, shape(values.shape)) + body(4, values.tobytes())


def attribute(value) -> bytes:
    if isinstance(value, bool):
        return number(5, int(value))
    if isinstance(value, int):
        return number(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, str):
        return body(2, value)
    if isinstance(value, np.ndarray):
        return body(8, tensor(value))
    if isinstance(value, bytes):  # written already
        return value
    return body(1, body(3, b"".join(varint(n) for n in value)))


def node(name: str, kind: str, inputs=(), **attributes) -> bytes:
    data = body(1, name) + body(2, kind) + b"".join(body(3, one) for one in inputs)
    data += b"".join(body(5, body(1, k) + body(2, attribute(v))) for k, v in attributes.items())
    return body(1, data)


def image(channels: int, name: str = "image") -> bytes:
    return node(name, "Placeholder", dtype=number(6, 1), shape=body(7, shape((-1, -1, -1, channels))))


def constant(name: str, values, dtype=np.float32) -> bytes:
    return node(name, "Const", value=np.asarray(values, dtype))


def caffemodel(layers: dict[str, list[np.ndarray]], old: bool = False) -> bytes:
    """A NetParameter; old: as before 2014, with V1 layers and blobs of four sizes."""
    net = b""
    for name, blobs in layers.items():
        layer = body(4 if old else 1, name)
        for blob in blobs:
            if old:
                sizes = (1,) * (4 - blob.ndim) + blob.shape
                where = b"".join(number(k + 1, n) for k, n in enumerate(sizes))
            else:
                where = body(7, body(1, b"".join(varint(n) for n in blob.shape)))
            layer += body(6 if old else 7, where + body(5, blob.astype("<f4").tobytes()))
        net += body(2 if old else 100, layer)
    return net
