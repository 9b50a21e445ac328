"""TensorFlow's operators on images, as much as frozen networks of convolutions need."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.errors import GraphError, unknown
from pose_ros.nets.graphdef.calls import Call, operator
from pose_ros.nets.layouts import Layout
from pose_ros.nets.tflite.images import NO_PADDING, pad_image, weights_as

Size = tuple[int, int]


def padding_of(call: Call, kernel: Size, stride: Size, dilation: Size):
    """Rows and columns to add, ((top, bottom), (left, right)). SAME puts the odd one below and right."""
    kind = call.attribute("padding")
    if kind == "VALID":
        return NO_PADDING
    if kind != "SAME":
        raise GraphError(f"padding {kind!r} is not supported")
    pads = []
    for n, k, s, d in zip(call.shapes[0][1:3], kernel, stride, dilation, strict=True):
        total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def _rows_and_columns(call: Call, name: str, default: object = None) -> Size:
    if call.attribute("data_format", "NHWC") != "NHWC":
        raise GraphError(f"layout {call.attribute('data_format')} is not supported")
    values = call.attribute(name, default)
    if len(values) != 4 or (values[0], values[3]) != (1, 1):
        raise GraphError(f"{name} {values} is not supported")
    return values[1], values[2]


def _convolve(call: Call, x, weight: Tensor, groups: int, bias: Tensor | None = None):
    stride = _rows_and_columns(call, "strides")
    dilation = _rows_and_columns(call, "dilations", (1, 1, 1, 1))
    pads = padding_of(call, weight.shape[2:], stride, dilation)
    (top, bottom), (left, right) = pads
    if (top, left) != (bottom, right):
        x, top, left = pad_image(x, pads), 0, 0
    return torch.conv2d(x, weight, bias, stride, (top, left), dilation, groups)


def _depthwise(weight: Tensor) -> tuple[Tensor, int]:
    """Torch's weights and groups of a kernel for each channel."""
    rows, columns, channels, times = weight.shape
    return weights_as(weight.reshape(rows, columns, 1, channels * times), 3, 2, 0, 1), channels


@operator("Conv2D", layout=Layout.IMAGE)
def conv_2d(call: Call, x, weight):
    return _convolve(call, x, weights_as(weight, 3, 2, 0, 1), 1)


@operator("DepthwiseConv2dNative", layout=Layout.IMAGE)
def depthwise_conv_2d(call: Call, x, weight):
    return _convolve(call, x, *_depthwise(weight))


ACTIVATIONS = {"Relu": torch.relu_, "Relu6": lambda x: x.clamp_(0.0, 6.0)}  # of what has just been made


def _fused(call: Call, x):
    """What follows the bias in one operator with it."""
    first, *then = call.attribute("fused_ops")
    unsupported = [name for name in then if name not in ACTIVATIONS]
    if first != "BiasAdd" or unsupported:
        raise GraphError(unknown("fused operator", (unsupported or [first])[0], ["BiasAdd", *ACTIVATIONS]))
    for name in then:
        x = ACTIVATIONS[name](x)
    return x


@operator("_FusedConv2D", layout=Layout.IMAGE)
def fused_conv_2d(call: Call, x, weight, bias):
    return _fused(call, _convolve(call, x, weights_as(weight, 3, 2, 0, 1), 1, bias))


@operator("FusedDepthwiseConv2dNative", layout=Layout.IMAGE)
def fused_depthwise_conv_2d(call: Call, x, weight, bias):
    return _fused(call, _convolve(call, x, *_depthwise(weight), bias))


@operator("BiasAdd", layout=Layout.IMAGE)
def bias_add(call: Call, x, bias):
    return x + bias[:, None, None]


@operator("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", layout=Layout.IMAGE)
def batch_norm(call: Call, x, scale, offset, mean, variance):
    if call.attribute("is_training", True):
        raise GraphError("a batch norm that learns is not supported: freeze the graph")
    return F.batch_norm(x, mean, variance, scale, offset, eps=call.attribute("epsilon", 1e-4))


@operator("MaxPool", layout=Layout.IMAGE)
def max_pool(call: Call, x):
    kernel, stride = _rows_and_columns(call, "ksize"), _rows_and_columns(call, "strides")
    x = pad_image(x, padding_of(call, kernel, stride, (1, 1)), float("-inf"))
    return torch.max_pool2d(x, kernel, stride)


@operator("ResizeBilinear", layout=Layout.IMAGE)
def resize_bilinear(call: Call, x, size):
    align, half = call.attribute("align_corners", False), call.attribute("half_pixel_centers", False)
    if not align and not half:
        raise GraphError("a resize with neither half_pixel_centers nor align_corners is not supported")
    return F.interpolate(x, size.tolist(), mode="bilinear", align_corners=bool(align))
