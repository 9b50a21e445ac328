"""TFLite's operators in torch, one function each.

A function gets its Call and its operands and returns the result (a tuple where there are several). It runs twice:
on an example, which gives shapes and constants, and on proxies, which record the network. So it may branch on the
call's shapes and options, and on constant operands, never on computed values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.errors import GraphError
from pose_ros.nets.tflite_file import Operator, Sparsity, Table
from pose_ros.nets.tflite_file import Tensor as FileTensor

# Where an operator wants its 4-D operands: as in the file (N,H,W,C), as images (N,C,H,W), or either, all alike.
AS_FILE, AS_IMAGE, ALIKE = "as file", "as image", "alike"


class Kind(NamedTuple):
    function: Callable
    layout: str


KINDS: dict[str, Kind] = {}


@dataclass(frozen=True)
class Call:
    """One operator at work. shapes: of the operands as in the file's layout, with the sizes of this input."""

    operator: Operator
    shapes: tuple[tuple[int, ...], ...]
    operands: tuple[FileTensor | None, ...]
    results: tuple[FileTensor, ...]

    def option(self, field: int, kind: str = "i", default: float = 0):
        """A field of the operator's options table; kind: b byte, i int, f float, ? bool."""
        table = self.operator.options
        value = default if table is None else table.get(field, kind, default)
        return bool(value) if kind == "?" else value

    @property
    def options(self) -> Table | None:
        return self.operator.options


def operator(*names: str, layout: str = AS_FILE) -> Callable[[Callable], Callable]:
    """Registers the function for these operators."""

    def register(function: Callable) -> Callable:
        KINDS.update(dict.fromkeys(names, Kind(function, layout)))
        return function

    return register


# Operators that look across images: a batch runs through them one by one.
_MIXING = frozenset("GATHER GATHER_ND TOPK_V2 ARG_MAX TILE UNPACK SPLIT PACK SELECT TRANSPOSE".split())


def mixes_batch(call: Call) -> bool:
    return call.operator.kind in _MIXING


def activate(x: Tensor, number: int) -> Tensor:
    """ActivationFunctionType, fused into other operators."""
    if number == 0:
        return x
    if number == 1:
        return torch.relu_(x)
    if number == 2:
        return x.clamp_(-1, 1)
    if number == 3:
        return x.clamp_(0, 6)
    if number == 4:
        return torch.tanh(x)
    raise GraphError(f"fused activation {number} is not supported")


def padding_of(call: Call, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)):
    """Rows and columns to add: ((top, bottom), (left, right)); option 0 is the padding, SAME = 0, VALID = 1."""
    if call.option(0, "b") == 1:
        return (0, 0), (0, 0)
    pads = []
    for size, k, s, d in zip(call.shapes[0][1:3], kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def pad_image(x: Tensor, pads, value: float = 0.0) -> Tensor:
    (top, bottom), (left, right) = pads
    return F.pad(x, (left, right, top, bottom), value=value)


def image_weights(weights: Tensor, *order: int) -> Tensor:
    return weights.permute(order).contiguous(memory_format=torch.channels_last)


def convolve(call: Call, x, weight: Tensor, bias, stride, dilation, groups: int, activation: int):
    (top, bottom), (left, right) = padding_of(call, weight.shape[2:], stride, dilation)
    padding = (top, left)
    if (top, left) != (bottom, right):
        x, padding = pad_image(x, ((top, bottom), (left, right))), (0, 0)
    return activate(torch.conv2d(x, weight, bias, stride, padding, dilation, groups), activation)


@operator("CONV_2D", layout=AS_IMAGE)
def conv_2d(call: Call, x, weight, bias=None):
    stride = call.option(2), call.option(1)
    dilation = call.option(5, default=1), call.option(4, default=1)
    weight = image_weights(weight, 0, 3, 1, 2)
    groups = call.shapes[0][3] // weight.shape[1]
    return convolve(call, x, weight, bias, stride, dilation, groups, call.option(3, "b"))


@operator("DEPTHWISE_CONV_2D", layout=AS_IMAGE)
def depthwise_conv_2d(call: Call, x, weight, bias=None):
    stride = call.option(2), call.option(1)
    dilation = call.option(6, default=1), call.option(5, default=1)
    weight = image_weights(weight, 3, 0, 1, 2)
    return convolve(call, x, weight, bias, stride, dilation, call.shapes[0][3], call.option(4, "b"))


@operator("TRANSPOSE_CONV", layout=AS_IMAGE)
def transpose_conv(call: Call, size, weight, x, bias=None):
    height, width = size.tolist()[1:3]
    stride = call.option(2), call.option(1)
    weight = image_weights(weight, 3, 0, 1, 2)
    full = torch.conv_transpose2d(x, weight, bias, stride)
    # SAME crops what SAME would have padded on the way down; VALID keeps everything.
    _, rows, columns, _ = call.shapes[2]
    top = max((rows - 1) * stride[0] + weight.shape[2] - height, 0) // 2
    left = max((columns - 1) * stride[1] + weight.shape[3] - width, 0) // 2
    return activate(full[:, :, top : top + height, left : left + width], call.option(3, "b"))


@operator("MAX_POOL_2D", layout=AS_IMAGE)
def max_pool_2d(call: Call, x):
    stride, kernel = (call.option(2), call.option(1)), (call.option(4), call.option(3))
    pads = padding_of(call, kernel, stride)
    if pads != ((0, 0), (0, 0)):
        x = pad_image(x, pads, float("-inf"))
    return activate(torch.max_pool2d(x, kernel, stride), call.option(5, "b"))


@operator("AVERAGE_POOL_2D", layout=AS_IMAGE)
def average_pool_2d(call: Call, x):
    stride, kernel = (call.option(2), call.option(1)), (call.option(4), call.option(3))
    pads = padding_of(call, kernel, stride)
    pooled = F.avg_pool2d(pad_image(x, pads), kernel, stride)
    if pads != ((0, 0), (0, 0)):  # what was padded does not count
        count = F.avg_pool2d(pad_image(torch.ones(1, 1, *call.shapes[0][1:3]), pads), kernel, stride)
        pooled = pooled / count
    return activate(pooled, call.option(5, "b"))


@operator("RESIZE_BILINEAR", layout=AS_IMAGE)
def resize_bilinear(call: Call, x, size):
    align, half = call.option(2, "?"), call.option(3, "?")
    if align or half:
        return torch._C._nn.upsample_bilinear2d(x, size.tolist(), align)
    rows, columns = (_legacy_bilinear(a, b) for a, b in zip(call.shapes[0][1:3], size.tolist(), strict=True))
    return rows @ x @ columns.T


def _legacy_bilinear(size: int, wanted: int) -> Tensor:
    """(wanted, size) weights where sample i lies at i * size / wanted, the corner pixels' corners together."""
    at = np.arange(wanted) * (size / wanted)
    low = np.floor(at).astype(int)
    weights = np.zeros((wanted, size), np.float32)
    np.add.at(weights, (np.arange(wanted), low), 1 - (at - low))
    np.add.at(weights, (np.arange(wanted), np.minimum(low + 1, size - 1)), at - low)
    return torch.from_numpy(weights)


@operator("RESIZE_NEAREST_NEIGHBOR", layout=AS_IMAGE)
def resize_nearest(call: Call, x, size):
    align, half = call.option(0, "?"), call.option(1, "?")
    rows, columns = (
        _nearest(a, b, align, half) for a, b in zip(call.shapes[0][1:3], size.tolist(), strict=True)
    )
    return x.index_select(2, rows).index_select(3, columns)


def _nearest(size: int, wanted: int, align: bool, half: bool) -> Tensor:
    scale = (size - 1) / (wanted - 1) if align and wanted > 1 else size / wanted
    at = (np.arange(wanted) + (0.5 if half else 0.0)) * scale
    at = np.floor(at + 0.5) if align else np.floor(at)
    return torch.from_numpy(np.minimum(at, size - 1).astype(np.int64))


@operator("DEPTH_TO_SPACE")
def depth_to_space(call: Call, x):
    _, height, width, channels = call.shapes[0]
    block = call.option(0)
    channels //= block * block
    x = x.reshape(-1, height, width, block, block, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, height * block, width * block, channels)


@operator("SPACE_TO_DEPTH")
def space_to_depth(call: Call, x):
    _, height, width, channels = call.shapes[0]
    block = call.option(0)
    x = x.reshape(-1, height // block, block, width // block, block, channels).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, height // block, width // block, block * block * channels)


@operator("FULLY_CONNECTED")
def fully_connected(call: Call, x, weight, bias=None):
    if not call.option(2, "?"):
        x = x.reshape(-1, weight.shape[1])
    return activate(F.linear(x, weight, bias), call.option(0, "b"))


# Elementwise: the layouts of all operands must only be alike.


def elementwise(name: str, function: Callable, activation_field: int | None = None) -> None:
    def apply(call: Call, *operands):
        result = function(*operands)
        return result if activation_field is None else activate(result, call.option(activation_field, "b"))

    operator(name, layout=ALIKE)(apply)


def divide(a, b):
    return a / b


for _name, _function in {"ADD": torch.add, "SUB": torch.sub, "MUL": torch.mul, "DIV": divide}.items():
    elementwise(_name, _function, 0)
for _name, _function in {
    "RELU": torch.relu,
    "RELU6": F.relu6,
    "RELU_N1_TO_1": lambda x: x.clamp(-1, 1),
    "LOGISTIC": torch.sigmoid,
    "TANH": torch.tanh,
    "HARD_SWISH": F.hardswish,
    "ABS": torch.abs,
    "EXP": torch.exp,
    "NEG": torch.neg,
    "SQRT": torch.sqrt,
    "RSQRT": torch.rsqrt,
    "SQUARE": torch.square,
    "FLOOR": torch.floor,
    "MAXIMUM": torch.maximum,
    "MINIMUM": torch.minimum,
    "FLOOR_DIV": torch.floor_divide,
    "SQUARED_DIFFERENCE": lambda a, b: (a - b) ** 2,
    "LESS": torch.lt,
    "LESS_EQUAL": torch.le,
    "GREATER": torch.gt,
    "GREATER_EQUAL": torch.ge,
    "EQUAL": torch.eq,
    "NOT_EQUAL": torch.ne,
    "LOGICAL_AND": torch.logical_and,
    "LOGICAL_OR": torch.logical_or,
    "LOGICAL_NOT": torch.logical_not,
    "ZEROS_LIKE": torch.zeros_like,
    "SELECT_V2": torch.where,
    "PRELU": lambda x, slope: torch.where(x > 0, x, x * slope),
}.items():
    elementwise(_name, _function)


@operator("LEAKY_RELU", layout=ALIKE)
def leaky_relu(call: Call, x):
    return F.leaky_relu(x, call.option(0, "f"))


@operator("CAST", layout=ALIKE)
def cast(call: Call, x):
    return x.to(torch_dtype(call.results[0]))


@operator("SELECT")
def select(call: Call, condition, a, b):
    # A vector of conditions chooses whole rows.
    missing = len(call.shapes[1]) - len(call.shapes[0])
    return torch.where(condition.reshape(call.shapes[0] + (1,) * missing), a, b)


@operator("SOFTMAX")
def softmax(call: Call, x):
    return torch.softmax(x * call.option(0, "f", 1.0), -1)


# Shapes and indices.


def torch_dtype(tensor: FileTensor) -> torch.dtype:
    return torch.from_numpy(np.empty(0, tensor.dtype)).dtype


@operator("RESHAPE")
def reshape(call: Call, x, shape=None):
    wanted = list(call.options.ints(0)) if shape is None else shape.tolist()
    if call.shapes[0][:1] == (1,) and wanted[:1] == [1] and -1 not in wanted:
        wanted[0] = -1  # a leading 1 is the batch
    return x.reshape(wanted)


@operator("TRANSPOSE")
def transpose(call: Call, x, order):
    return x.permute(order.tolist())


@operator("PAD", "PADV2")
def pad(call: Call, x, pads, value=None):
    flat = [n for before_after in reversed(pads.tolist()) for n in before_after]
    return F.pad(x, flat, value=0.0 if value is None else value.item())


@operator("CONCATENATION")
def concatenation(call: Call, *operands):
    return activate(torch.cat(operands, call.option(0)), call.option(1, "b"))


@operator("SLICE")
def slice_(call: Call, x, begin, size):
    ends = [b + s if s >= 0 else None for b, s in zip(begin.tolist(), size.tolist(), strict=True)]
    return x[tuple(slice(b, e) for b, e in zip(begin.tolist(), ends, strict=True))]


@operator("STRIDED_SLICE")
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


@operator("SQUEEZE")
def squeeze(call: Call, x):
    rank = len(call.shapes[0])
    axes = [a % rank for a in call.options.ints(0)] or [a for a, n in enumerate(call.shapes[0]) if n == 1]
    return x.squeeze(axes)


@operator("EXPAND_DIMS")
def expand_dims(call: Call, x, axis):
    return x.unsqueeze(int(axis))


@operator("PACK")
def pack(call: Call, *operands):
    return torch.stack(operands, call.option(1))


@operator("UNPACK")
def unpack(call: Call, x):
    return tuple(x.select(call.option(1), i) for i in range(call.option(0)))


@operator("SPLIT")
def split(call: Call, axis, x):
    axis = int(axis)
    size = call.shapes[1][axis] // call.option(0)
    return tuple(x.narrow(axis, i * size, size) for i in range(call.option(0)))


@operator("TILE")
def tile(call: Call, x, multiples):
    return x.repeat(multiples.tolist())


@operator("GATHER")
def gather(call: Call, x, indices):
    if call.option(1):
        raise GraphError("batch dimensions are not supported")
    axis = call.option(0)
    shape = call.shapes[0]
    return x.index_select(axis, indices.reshape(-1)).reshape(
        shape[:axis] + call.shapes[1] + shape[axis + 1 :]
    )


@operator("GATHER_ND")
def gather_nd(call: Call, x, indices):
    return x[tuple(indices.select(-1, i) for i in range(call.shapes[1][-1]))]


@operator("TOPK_V2")
def top_k(call: Call, x, k):
    # Sorted stably: among equals the first comes first, as TFLite has it.
    values, indices = torch.sort(x, dim=-1, descending=True, stable=True)
    return values.narrow(-1, 0, int(k)), indices.narrow(-1, 0, int(k)).to(torch.int32)


@operator("ARG_MAX")
def arg_max(call: Call, x, axis):
    return x.argmax(int(axis)).to(torch_dtype(call.results[0]))


def reduction(name: str, function: Callable) -> None:
    @operator(name)
    def reduce(call: Call, x, axes):
        return function(x, axes.reshape(-1).tolist(), call.option(0, "?"))


reduction("MEAN", torch.mean)
reduction("SUM", torch.sum)
reduction("REDUCE_MAX", torch.amax)
reduction("REDUCE_MIN", torch.amin)


@operator("REDUCE_PROD")
def reduce_prod(call: Call, x, axes):
    for axis in sorted((a % len(call.shapes[0]) for a in axes.reshape(-1).tolist()), reverse=True):
        x = x.prod(axis, keepdim=call.option(0, "?"), dtype=torch_dtype(call.results[0]))
    return x


# Made of shapes and constants alone.


@operator("SHAPE")
def shape(call: Call, x):
    return torch.tensor(call.shapes[0], dtype=torch.int32)


@operator("RANGE")
def range_(call: Call, start, limit, step):
    return torch.arange(start.item(), limit.item(), step.item(), dtype=torch_dtype(call.results[0]))


@operator("FILL")
def fill(call: Call, dims, value):
    return torch.full(dims.tolist(), value.item(), dtype=torch_dtype(call.results[0]))


@operator("DEQUANTIZE")
def dequantize(call: Call, x):
    if call.operands[0].dtype != np.float16:
        raise GraphError("integer quantisation is not supported, only float16")
    return x.float()


@operator("DENSIFY")
def densify(call: Call, x):
    return x  # the values were spread when the constant was read: see dense()


def dense(values: np.ndarray, shape: tuple[int, ...], sparsity: Sparsity) -> np.ndarray:
    """Spreads the stored values: block dimensions follow the tensor's own in the traversal order."""
    rank = len(shape)
    order = sparsity.traversal_order
    sizes = list(shape)
    for position, axis in enumerate(sparsity.block_map):
        block = sparsity.dimensions[rank + position][0]
        sizes[axis] //= block
        sizes.append(block)
    # The coordinate of every stored value, one traversed dimension after the other.
    coordinates = np.zeros((1, 0), np.int64)
    for axis, (segments, indices) in zip(order, sparsity.dimensions, strict=True):
        n = len(coordinates)
        if indices is None:
            counts, new = np.full(n, segments), np.tile(np.arange(segments), n)
        else:
            counts, new = np.diff(segments.astype(np.int64)), indices
        coordinates = np.column_stack([np.repeat(coordinates, counts, axis=0), new])
    out = np.zeros(sizes, values.dtype)
    where = [None] * len(order)
    for column, axis in enumerate(order):
        where[axis] = coordinates[:, column]
    out[tuple(where)] = values
    # (a0, a1, …, b0, b1, …) -> each block beside the axis it belongs to.
    axes = [a for axis in range(rank) for a in (axis, *_blocks_of(axis, sparsity.block_map, rank))]
    return out.transpose(axes).reshape(shape)


def _blocks_of(axis: int, block_map: tuple[int, ...], rank: int) -> list[int]:
    return [rank + position for position, of in enumerate(block_map) if of == axis]
