"""TFLite's operators on images: convolutions, pools, resizes.

Option numbers are the fields of the operators' tables in TFLite's schema.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pose_ros.nets.layouts import Layout
from pose_ros.nets.tflite.calls import Call, activate, operator

NO_PADDING = ((0, 0), (0, 0))


def padding_of(call: Call, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int] = (1, 1)):
    """Rows and columns to add: ((top, bottom), (left, right)). Option 0: SAME = 0, VALID = 1."""
    if call.option(0, "b") == 1:
        return NO_PADDING
    pads = []
    for size, k, s, d in zip(call.shapes[0][1:3], kernel, stride, dilation, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return tuple(pads)


def pad_image(x: Tensor, pads, value: float = 0.0) -> Tensor:
    (top, bottom), (left, right) = pads
    return x if pads == NO_PADDING else F.pad(x, (left, right, top, bottom), value=value)


def weights_as(weights: Tensor, *order: int) -> Tensor:
    return weights.permute(order).contiguous(memory_format=torch.channels_last)


@operator("CONV_2D", layout=Layout.IMAGE)
def conv_2d(call: Call, x, weight, bias=None):
    stride = call.option(2), call.option(1)
    dilation = call.option(5, default=1), call.option(4, default=1)
    weight = weights_as(weight, 0, 3, 1, 2)
    groups = call.shapes[0][3] // weight.shape[1]
    pads = padding_of(call, weight.shape[2:], stride, dilation)
    (top, bottom), (left, right) = pads
    if (top, left) != (bottom, right):
        x, top, left = pad_image(x, pads), 0, 0
    convolved = torch.conv2d(x, weight, bias, stride, (top, left), dilation, groups)
    return activate(convolved, call.option(3, "b"))


@operator("DEPTHWISE_CONV_2D", layout=Layout.IMAGE)
def depthwise_conv_2d(call: Call, x, weight, bias=None):
    stride = call.option(2), call.option(1)
    dilation = call.option(6, default=1), call.option(5, default=1)
    weight = weights_as(weight, 3, 0, 1, 2)
    (top, bottom), (left, right) = padding_of(call, weight.shape[2:], stride, dilation)
    if (top, left) != (bottom, right):
        # SAME adds one more below and right: a kernel with zeros above and left does it without a copy.
        zeros = (right - left) * dilation[1], 0, (bottom - top) * dilation[0], 0
        if dilation == (1, 1):
            weight = F.pad(weight, zeros).contiguous(memory_format=torch.channels_last)
        else:
            x, bottom, right = pad_image(x, ((top, bottom), (left, right))), 0, 0
    convolved = torch.conv2d(x, weight, bias, stride, (bottom, right), dilation, call.shapes[0][3])
    return activate(convolved, call.option(4, "b"))


@operator("TRANSPOSE_CONV", layout=Layout.IMAGE)
def transpose_conv(call: Call, size, weight, x, bias=None):
    height, width = size.tolist()[1:3]
    stride = call.option(2), call.option(1)
    weight = weights_as(weight, 3, 0, 1, 2)
    full = torch.conv_transpose2d(x, weight, bias, stride)
    # The whole has what SAME pads on the way down around it.
    _, rows, columns, _ = call.shapes[2]
    top = max((rows - 1) * stride[0] + weight.shape[2] - height, 0) // 2
    left = max((columns - 1) * stride[1] + weight.shape[3] - width, 0) // 2
    return activate(full[:, :, top : top + height, left : left + width], call.option(3, "b"))


@operator("MAX_POOL_2D", layout=Layout.IMAGE)
def max_pool_2d(call: Call, x):
    stride, kernel = (call.option(2), call.option(1)), (call.option(4), call.option(3))
    padded = pad_image(x, padding_of(call, kernel, stride), float("-inf"))
    return activate(torch.max_pool2d(padded, kernel, stride), call.option(5, "b"))


@operator("AVERAGE_POOL_2D", layout=Layout.IMAGE)
def average_pool_2d(call: Call, x):
    stride, kernel = (call.option(2), call.option(1)), (call.option(4), call.option(3))
    pads = padding_of(call, kernel, stride)
    pooled = F.avg_pool2d(pad_image(x, pads), kernel, stride)
    if pads != NO_PADDING:  # what was added does not count
        pooled = pooled / F.avg_pool2d(
            pad_image(torch.ones(1, 1, *call.shapes[0][1:3]), pads), kernel, stride
        )
    return activate(pooled, call.option(5, "b"))


@operator("RESIZE_BILINEAR", layout=Layout.IMAGE)
def resize_bilinear(call: Call, x, size):
    align, half = call.option(2, "?"), call.option(3, "?")
    if align or half:
        return F.interpolate(x, size.tolist(), mode="bilinear", align_corners=align)
    rows, columns = (_cornered_weights(a, b) for a, b in zip(call.shapes[0][1:3], size.tolist(), strict=True))
    return rows @ x @ columns.T


def _cornered_weights(size: int, wanted: int) -> Tensor:
    """(wanted, size) weights of TensorFlow 1's resize: sample i lies at i * size / wanted."""
    at = np.arange(wanted) * (size / wanted)
    low = np.floor(at).astype(int)
    weights = np.zeros((wanted, size), np.float32)
    np.add.at(weights, (np.arange(wanted), low), 1 - (at - low))
    np.add.at(weights, (np.arange(wanted), np.minimum(low + 1, size - 1)), at - low)
    return torch.from_numpy(weights)


@operator("RESIZE_NEAREST_NEIGHBOR", layout=Layout.IMAGE)
def resize_nearest(call: Call, x, size):
    align, half = call.option(0, "?"), call.option(1, "?")
    sizes = zip(call.shapes[0][1:3], size.tolist(), strict=True)
    rows, columns = (_nearest(a, b, align, half) for a, b in sizes)
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


@operator("PAD", "PADV2", layout=Layout.ANY)
def pad(call: Call, x, pads, value=None):
    around = pads.tolist()
    if call.image:
        around = [around[i] for i in (0, 3, 1, 2)]
    flat = [n for before_after in reversed(around) for n in before_after]
    return F.pad(x, flat, value=0.0 if value is None else value.item())
