"""Reads a .tflite file: FlatBuffers tables to plain Python objects, nothing computed.

The layout is tensorflow/lite/schema/schema.fbs, version 3; the numbers below are field numbers of its tables.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_ros.errors import GraphError
from pose_ros.nets.tflite.builtins import BUILTINS

# TensorType -> numpy. Strings, complex and 4-bit numbers are left out and refused by the tensor's name.
DTYPES = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    3: np.uint8,
    4: np.int64,
    6: np.bool_,
    7: np.int16,
    9: np.int8,
    10: np.float64,
}


@dataclass(frozen=True)
class Sparsity:
    """How DENSIFY lays non-zero values out: for each dimension (dense size, None) or (segments, indices)."""

    traversal_order: tuple[int, ...]
    block_map: tuple[int, ...]
    dimensions: tuple[tuple, ...]


@dataclass(frozen=True)
class Tensor:
    """shape: as in the file (1 where it is free). data: the constant's values, None for what is computed."""

    name: str
    shape: tuple[int, ...]
    dtype: type
    data: np.ndarray | None
    sparsity: Sparsity | None


@dataclass(frozen=True)
class Operator:
    """kind: builtin name, "CUSTOM:<name>" for the others. inputs: tensor numbers, -1 = left out."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


@dataclass(frozen=True)
class TFLiteFile:
    path: Path
    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class Table:
    """A FlatBuffers table: `get(field, format)` for scalars, the other methods for references."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._at = position
        self._vtable = position - struct.unpack_from("<i", data, position)[0]
        if self._vtable < 0:
            raise ValueError("a table's layout lies before the file")
        self._fields = struct.unpack_from("<H", data, self._vtable)[0] // 2 - 2

    def _position(self, field: int) -> int | None:
        if field >= self._fields:
            return None
        offset = struct.unpack_from("<H", self._data, self._vtable + 4 + 2 * field)[0]
        return self._at + offset if offset else None

    def _target(self, position: int) -> int:
        return position + struct.unpack_from("<I", self._data, position)[0]

    def get(self, field: int, kind: str, default: float = 0):
        """A scalar; kind: a struct format character."""
        at = self._position(field)
        return default if at is None else struct.unpack_from("<" + kind, self._data, at)[0]

    def table(self, field: int) -> Table | None:
        at = self._position(field)
        return None if at is None else Table(self._data, self._target(at))

    def array(self, field: int, dtype: type) -> np.ndarray | None:
        """A vector of scalars, a view of the file."""
        at = self._position(field)
        if at is None:
            return None
        at = self._target(at)
        return np.frombuffer(self._data, dtype, struct.unpack_from("<I", self._data, at)[0], at + 4)

    def ints(self, field: int) -> tuple[int, ...]:
        values = self.array(field, np.dtype("<i4"))
        return () if values is None else tuple(values.tolist())

    def text(self, field: int) -> str:
        values = self.array(field, np.uint8)
        return "" if values is None else values.tobytes().decode()

    def tables(self, field: int) -> list[Table]:
        at = self._position(field)
        if at is None:
            return []
        at = self._target(at)
        count = struct.unpack_from("<I", self._data, at)[0]
        if count > len(self._data) // 4:
            raise ValueError("a list is longer than the file")
        return [Table(self._data, self._target(at + 4 + 4 * i)) for i in range(count)]


def read_tflite(path: Path) -> TFLiteFile:
    """Raises GraphError for a file that is missing, broken, or of several subgraphs."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise GraphError(f"cannot read the network {path}: {error}") from error
    if data[4:8] != b"TFL3":
        raise GraphError(f"{path} is no TFLite file: it starts with {data[:8]!r}")
    try:
        return _read_model(Path(path), data)
    except (struct.error, ValueError, LookupError, AttributeError, TypeError) as error:
        raise GraphError(f"{path} is broken ({error}); get it again") from error


def _read_model(path: Path, data: bytes) -> TFLiteFile:
    model = Table(data, struct.unpack_from("<I", data)[0])
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise GraphError(f"{path} has {len(subgraphs)} subgraphs; only files with one are supported")
    graph = subgraphs[0]
    buffers = model.tables(4)
    kinds = [_kind(code) for code in model.tables(1)]
    tensors = tuple(_tensor(table, buffers, path) for table in graph.tables(0))
    operators = tuple(
        Operator(kinds[table.get(0, "I")], table.ints(1), table.ints(2), table.table(4))
        for table in graph.tables(3)
    )
    used = [-1, *(i for op in operators for i in op.inputs)]
    made = [0, *(i for op in operators for i in op.outputs), *graph.ints(1), *graph.ints(2)]
    if min(used) < -1 or min(made) < 0 or max(*used, *made) >= len(tensors):
        raise ValueError("an operator names a tensor that does not exist")
    return TFLiteFile(path, tensors, operators, graph.ints(1), graph.ints(2))


def _kind(code: Table) -> str:
    # Codes above 127 live in the second field; old files only have the first.
    number = max(code.get(0, "b"), code.get(3, "i"))
    name = BUILTINS[number] if number < len(BUILTINS) else f"operator {number}"
    return f"CUSTOM:{code.text(1)}" if name == "CUSTOM" else name


def _tensor(table: Table, buffers: list[Table], path: Path) -> Tensor:
    name, shape = table.text(3), table.ints(0)
    dtype = DTYPES.get(table.get(1, "b"))
    if dtype is None:
        raise GraphError(f"{path}: tensor {name!r} has a type that is not supported")
    sparsity = table.table(6)
    data = buffers[table.get(2, "I")].array(0, np.uint8)
    if data is not None and len(data):
        data = data.view(dtype)
        if sparsity is None:
            data = data.reshape(shape)
    else:
        data = None
    return Tensor(name, shape, dtype, data, None if sparsity is None else _sparsity(sparsity))


def _sparsity(table: Table) -> Sparsity:
    vectors = {1: np.dtype("<i4"), 2: np.dtype("<u2"), 3: np.dtype("u1")}

    def dimension(meta: Table) -> tuple:
        if meta.get(0, "b") == 0:
            return meta.get(1, "i"), None
        return tuple(meta.table(f + 1).array(0, vectors[meta.get(f, "B")]) for f in (2, 4))

    return Sparsity(table.ints(0), table.ints(1), tuple(dimension(d) for d in table.tables(2)))
