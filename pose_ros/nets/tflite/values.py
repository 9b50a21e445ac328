"""TFLite's operators that are not about images: elementwise, reductions, shapes and indices."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F

from pose_ros.errors import GraphError
from pose_ros.nets.layouts import Layout
from pose_ros.nets.tflite.calls import Call, activate, operator


def _elementwise(functions: dict[str, Callable], activation_field: int | None = None) -> None:
    for name, function in functions.items():

        def translate(call: Call, *operands, function=function):
            result = function(*operands)
            return (
                result if activation_field is None else activate(result, call.option(activation_field, "b"))
            )

        operator(name, layout=Layout.ALIKE)(translate)


_elementwise({"ADD": torch.add, "SUB": torch.sub, "MUL": torch.mul, "DIV": torch.div}, activation_field=0)
_elementwise(
    {
        "ABS": torch.abs,
        "DENSIFY": lambda x: x,  # already spread: see dense() of sparse.py
        "DEQUANTIZE": lambda x: x.float(),
        "EQUAL": torch.eq,
        "EXP": lambda x: torch.exp(x.clamp(min=-87.0)),  # below, results are denormal: ten times slower
        "FLOOR_DIV": torch.floor_divide,
        "GREATER": torch.gt,
        "GREATER_EQUAL": torch.ge,
        "HARD_SWISH": F.hardswish,
        "LESS": torch.lt,
        "LOGICAL_AND": torch.logical_and,
        "LOGISTIC": torch.sigmoid,
        "MAXIMUM": torch.maximum,
        "MINIMUM": torch.minimum,
        "PRELU": lambda x, slope: torch.where(x > 0, x, x * slope),
        "RELU": torch.relu,
        "RELU6": F.relu6,
        "TANH": torch.tanh,
        "ZEROS_LIKE": torch.zeros_like,
    }
)


@operator("CAST", layout=Layout.ALIKE)
def cast(call: Call, x):
    return x.to(call.dtype)


@operator("SELECT", mixes=True)
def select(call: Call, condition, a, b):
    # A vector of conditions chooses whole rows.
    missing = len(call.shapes[1]) - len(call.shapes[0])
    return torch.where(condition.reshape(call.shapes[0] + (1,) * missing), a, b)


@operator("SOFTMAX")
def softmax(call: Call, x):
    return torch.softmax(x * call.option(0, "f"), -1)


@operator("FULLY_CONNECTED")
def fully_connected(call: Call, x, weight, bias=None):
    if not call.option(2, "?"):
        x = x.reshape(-1, weight.shape[1])
    return activate(F.linear(x, weight, bias), call.option(0, "b"))


def _reduction(name: str, function: Callable) -> None:
    @operator(name)
    def reduce(call: Call, x, axes):
        return function(x, axes.reshape(-1).tolist(), call.option(0, "?"))


_reduction("MEAN", torch.mean)
_reduction("SUM", torch.sum)
_reduction("REDUCE_MAX", torch.amax)


@operator("REDUCE_PROD")
def reduce_prod(call: Call, x, axes):
    for axis in sorted((a % len(call.shapes[0]) for a in axes.reshape(-1).tolist()), reverse=True):
        x = x.prod(axis, keepdim=call.option(0, "?"), dtype=call.dtype)
    return x


@operator("ARG_MAX", mixes=True)
def arg_max(call: Call, x, axis):
    return x.argmax(int(axis)).to(call.dtype)


@operator("TOPK_V2")
def top_k(call: Call, x, k):
    # Stable: of equals the first comes first, as in TFLite.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values.narrow(-1, 0, int(k)), indices.narrow(-1, 0, int(k)).to(torch.int32)


# Shapes.


@operator("SHAPE")
def shape(call: Call, x):
    return torch.tensor(call.shapes[0], dtype=torch.int32)


@operator("RESHAPE")
def reshape(call: Call, x, shape=None):
    wanted = list(call.ints(0)) if shape is None else shape.tolist()
    if call.shapes[0][:1] == (1,) and wanted[:1] == [1]:  # the batch, so no other size may be left open
        rest = [math.prod(call.shapes[0]) // -math.prod(wanted) if n == -1 else n for n in wanted[1:]]
        wanted = [-1, *rest]
    return x.reshape(wanted)


@operator("TRANSPOSE", mixes=True)
def transpose(call: Call, x, order):
    return x.permute(order.tolist())


@operator("SQUEEZE", mixes=True)
def squeeze(call: Call, x):
    rank = len(call.shapes[0])
    axes = [a % rank for a in call.ints(0)] or [a for a, n in enumerate(call.shapes[0]) if n == 1]
    return x.squeeze(axes)


@operator("EXPAND_DIMS", mixes=True)
def expand_dims(call: Call, x, axis):
    return x.unsqueeze(int(axis))


@operator("TILE", mixes=True)
def tile(call: Call, x, multiples):
    return x.repeat(multiples.tolist())


@operator("RANGE")
def range_(call: Call, start, limit, step):
    return torch.arange(start.item(), limit.item(), step.item(), dtype=call.dtype)


@operator("FILL")
def fill(call: Call, dims, value):
    return torch.full(dims.tolist(), value.item(), dtype=call.dtype)


# Parts and wholes.


@operator("CONCATENATION")
def concatenation(call: Call, *operands):
    return torch.cat(operands, call.option(0))


@operator("PACK", mixes=True)
def pack(call: Call, *operands):
    return torch.stack(operands, call.option(1))


@operator("UNPACK", mixes=True)
def unpack(call: Call, x):
    return tuple(x.select(call.option(1), i) for i in range(call.option(0)))


@operator("SPLIT", mixes=True)
def split(call: Call, axis, x):
    size = call.shapes[1][int(axis)] // call.option(0)
    return tuple(x.narrow(int(axis), i * size, size) for i in range(call.option(0)))


@operator("SLICE", mixes=True)
def slice_(call: Call, x, begin, size):
    pairs = zip(begin.tolist(), size.tolist(), strict=True)
    return x[tuple(slice(b, None if n < 0 else b + n) for b, n in pairs)]


@operator("STRIDED_SLICE", mixes=True)
def strided_slice(call: Call, x, begin, end, strides):
    begin_mask, end_mask, ellipsis, new_axis, shrink = (call.option(i) for i in range(5))
    if ellipsis or new_axis:
        raise GraphError("ellipsis and new axes are not supported")
    index = []
    for i, (b, e, s) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        if shrink >> i & 1:
            index.append(b)
        elif s < 1:
            raise GraphError(f"a step of {s} is not supported")
        else:
            index.append(slice(None if begin_mask >> i & 1 else b, None if end_mask >> i & 1 else e, s))
    return x[tuple(index)]


@operator("GATHER", mixes=True)
def gather(call: Call, x, indices):
    axis, batch_axes = call.option(0), call.option(1)
    if batch_axes:
        raise GraphError("batch dimensions are not supported")
    before, after = call.shapes[0][:axis], call.shapes[0][axis + 1 :]
    return x.index_select(axis, indices.reshape(-1)).reshape(before + call.shapes[1] + after)


@operator("GATHER_ND", mixes=True)
def gather_nd(call: Call, x, indices):
    return x[tuple(indices.select(-1, i) for i in range(call.shapes[1][-1]))]
