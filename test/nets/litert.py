"""The oracle: LiteRT runs a .tflite file; and a writer of small files to try single operators."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

interpreter = pytest.importorskip("ai_edge_litert.interpreter", reason="LiteRT is not installed")
from ai_edge_litert import schema_py_generated as schema  # noqa: E402

TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "float16": schema.TensorType.FLOAT16,
    "int32": schema.TensorType.INT32,
    "bool": schema.TensorType.BOOL,
    "int8": schema.TensorType.INT8,
}


def run_litert(path: Path, image: np.ndarray) -> list[np.ndarray]:
    """Outputs in the file's order for an image (1,H,W,C) of the file's type."""
    with _quiet():
        net = interpreter.Interpreter(str(path), num_threads=2)
        port = net.get_input_details()[0]
        net.resize_tensor_input(port["index"], image.shape)
        net.allocate_tensors()
        net.set_tensor(port["index"], image.astype(port["dtype"]))
        net.invoke()
    order = net._interpreter.OutputIndices()  # get_output_details sorts by name
    return [net.get_tensor(number) for number in order]


@contextlib.contextmanager
def _quiet():
    """LiteRT tells about its delegate on the standard error of the process."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


class Writer:
    """Writes a .tflite file: tensors are numbered in the order they are made."""

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        self._tensors: list = []
        self._buffers = [schema.BufferT()]
        self._codes: list[int] = []
        self._operators: list = []
        self.image = self._tensor(input_shape, "float32")

    def constant(self, values, dtype: str = "float32") -> int:
        values = np.asarray(values, dtype)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._buffers.append(buffer)
        return self._tensor(values.shape, dtype, len(self._buffers) - 1)

    def op(self, kind: str, inputs, rank: int = 4, dtypes=("float32",), shape=None, **options):
        """Adds an operator and returns its result's number, several for several dtypes.

        LiteRT finds most sizes itself; what it computes before the network runs needs its shape.
        options: `table`, the name of the operator's options, and their fields.
        """
        operator = schema.OperatorT()
        operator.opcodeIndex = self._code(getattr(schema.BuiltinOperator, kind))
        operator.inputs = list(inputs)
        operator.outputs = [self._tensor(shape or (1,) * rank, dtype) for dtype in dtypes]
        table = options.pop("table", None)
        if table is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = getattr(schema, table + "T")()
            for name, value in options.items():
                assert hasattr(operator.builtinOptions, name), f"{table} has no {name}"
                setattr(operator.builtinOptions, name, value)
        self._operators.append(operator)
        return operator.outputs[0] if len(dtypes) == 1 else operator.outputs

    def save(self, path: Path, outputs) -> Path:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self._tensors, self._operators
        graph.inputs, graph.outputs = [self.image], list(outputs)
        model = schema.ModelT()
        model.version, model.subgraphs, model.buffers = 3, [graph], self._buffers
        model.operatorCodes = []
        for number in self._codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())
        return path

    def _code(self, number: int) -> int:
        if number not in self._codes:
            self._codes.append(number)
        return self._codes.index(number)

    def _tensor(self, shape, dtype: str, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = list(shape), TYPES[dtype], buffer
        tensor.name = f"t{len(self._tensors)}"
        self._tensors.append(tensor)
        return len(self._tensors) - 1


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """max |a - b| / max(1, max |b|): absolute for outputs below one, relative to the largest above."""
    assert ours.shape == theirs.shape
    worst = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
    return float(worst / max(1.0, np.abs(theirs).max()))


def as_file(output) -> np.ndarray:
    """One of our outputs in the file's layout."""
    return (output.permute(0, 2, 3, 1) if output.ndim == 4 else output).numpy()
