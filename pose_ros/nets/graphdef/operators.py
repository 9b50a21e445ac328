"""TensorFlow's operators on images (N,C,H,W), as much as frozen networks of convolutions need.

A translation gets its node, the size (height, width) of its first operand, and its operands: computed ones as
images, constants as in the file. It runs on an example, for the sizes, and on proxies, which record it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.errors import GraphError
from pose_ros.nets.graphdef.file import Node
from pose_ros.nets.tflite.images import NO_PADDING, pad_image, weights_as

CHANNELS = 3  # the file's axis
TRANSLATIONS: dict[str, Callable] = {}
Size = tuple[int, int]


def operator(*names: str) -> Callable[[Callable], Callable]:
    def register(function: Callable) -> Callable:
        TRANSLATIONS.update(dict.fromkeys(names, function))
        return function

    return register


def padding_of(node: Node, size: Size, kernel: Size, stride: Size, dilation: Size):
    """Rows and columns to add, ((top, bottom), (left, right)). SAME puts the odd one below and right."""
    kind = node.attribute("padding")
    if kind == "VALID":
        return NO_PADDING
    if kind != "SAME":
        raise GraphError(f"padding {kind!r} is not supported")
    pads = []
    for n, k, s, d in zip(size, kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def _rows_and_columns(node: Node, name: str, default: object = None) -> Size:
    if node.attribute("data_format", "NHWC") != "NHWC":
        raise GraphError(f"layout {node.attribute('data_format')} is not supported")
    values = node.attribute(name, default)
    if len(values) != 4 or (values[0], values[3]) != (1, 1):
        raise GraphError(f"{name} {values} is not supported")
    return values[1], values[2]


def _convolve(node: Node, size: Size, x, weight: Tensor, groups: int):
    stride = _rows_and_columns(node, "strides")
    dilation = _rows_and_columns(node, "dilations", (1, 1, 1, 1))
    pads = padding_of(node, size, weight.shape[2:], stride, dilation)
    (top, bottom), (left, right) = pads
    if (top, left) != (bottom, right):
        x, top, left = pad_image(x, pads), 0, 0
    return torch.conv2d(x, weight, None, stride, (top, left), dilation, groups)


@operator("Conv2D")
def conv_2d(node: Node, size: Size, x, weight):
    return _convolve(node, size, x, weights_as(weight, 3, 2, 0, 1), 1)


@operator("DepthwiseConv2dNative")
def depthwise_conv_2d(node: Node, size: Size, x, weight):
    rows, columns, channels, times = weight.shape
    weight = weight.reshape(rows, columns, 1, channels * times)
    return _convolve(node, size, x, weights_as(weight, 3, 2, 0, 1), channels)


@operator("BiasAdd")
def bias_add(node: Node, size: Size, x, bias):
    return x + bias[:, None, None]


@operator("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def batch_norm(node: Node, size: Size, x, scale, offset, mean, variance):
    if node.attribute("is_training", True):
        raise GraphError("a batch norm that learns is not supported: freeze the graph")
    return F.batch_norm(x, mean, variance, scale, offset, eps=node.attribute("epsilon", 1e-4))


@operator("Relu")
def relu(node: Node, size: Size, x):
    return torch.relu(x)


@operator("Relu6")
def relu_6(node: Node, size: Size, x):
    return F.relu6(x)


@operator("Sigmoid")
def sigmoid(node: Node, size: Size, x):
    return torch.sigmoid(x)


@operator("Identity")
def identity(node: Node, size: Size, x):
    return x


@operator("MaxPool")
def max_pool(node: Node, size: Size, x):
    kernel, stride = _rows_and_columns(node, "ksize"), _rows_and_columns(node, "strides")
    x = pad_image(x, padding_of(node, size, kernel, stride, (1, 1)), float("-inf"))
    return torch.max_pool2d(x, kernel, stride)


@operator("ConcatV2")
def concat(node: Node, size: Size, *operands):
    if int(operands[-1]) not in (CHANNELS, -1):
        raise GraphError("only channels can be joined")
    return torch.cat(operands[:-1], 1)


def _elementwise(function: Callable, *names: str) -> None:
    @operator(*names)
    def translate(node: Node, size: Size, x, y):
        return function(*(_as_image(v) for v in (x, y)))


def _as_image(value):
    """A constant of the file's layout, so that it meets an image's channels."""
    if not isinstance(value, Tensor) or value.ndim in (0, 4):
        return value
    if value.ndim == 1:
        return value[:, None, None]
    raise GraphError(f"a constant {tuple(value.shape)} is not supported here")


_elementwise(torch.add, "Add", "AddV2")
_elementwise(torch.sub, "Sub")
_elementwise(torch.mul, "Mul")
