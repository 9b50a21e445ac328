"""MobileNetV2 as a backbone that can be trained, and MoveNet's feature pyramid upon it.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018; Lin et al., "Feature
Pyramid Networks", 2017; Google, "MoveNet MultiPose Lightning" model card. Batch norms are folded into the
convolutions. Strides pad as TensorFlow does (SAME), so that MoveNet's weights give MoveNet's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.errors import ShapeError, WeightsError
from pose_ros.nets.tflite.file import read_tflite
from pose_ros.weights import path_of

# Expansion, channels at width 1, blocks, stride of the first of them.
LAYOUT = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
STRIDES = (4, 8, 16, 32)
LAST_OF_STRIDE = (2, 5, 12, 16)  # blocks
SHRINKS = 32  # sides are multiples of this
MOVENET = "movenet_multipose"
MOVENET_WIDTH = 1.5

Convolution = tuple[Tensor, Tensor]  # weight and bias


class MobileNetV2(nn.Module):
    """network(image (B,3,H,W) RGB in 0..255) -> feature maps at strides 4, 8, 16 and 32 with `channels`."""

    def __init__(self, width: float = MOVENET_WIDTH) -> None:
        super().__init__()
        self.stem = Conv(3, _wide(32, width), 3, stride=2)
        channels, blocks = _wide(32, width), []
        for expansion, base, count, stride in LAYOUT:
            for n in range(count):
                wide = _wide(base, width)
                blocks.append(Block(channels, wide, expansion, stride if n == 0 else 1))
                channels = wide
        self.blocks = nn.ModuleList(blocks)
        self.channels = tuple(blocks[n].channels for n in LAST_OF_STRIDE)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.after(image, LAST_OF_STRIDE)

    def after(self, image: Tensor, blocks: Sequence[int]) -> tuple[Tensor, ...]:
        """The feature maps that come out of these blocks, numbered from 0, in rising order."""
        if image.ndim != 4 or image.shape[1] != 3 or image.shape[2] % SHRINKS or image.shape[3] % SHRINKS:
            raise ShapeError(
                f"image is {tuple(image.shape)}, must be (B,3,H,W) with sides in multiples of {SHRINKS}"
            )
        x, maps = self.stem(image * 0.007843018 - 1), []  # 2 / 255 as MoveNet has it
        for n, block in enumerate(self.blocks[: max(blocks) + 1]):
            x = block(x)
            if n in blocks:
                maps.append(x)
        return tuple(maps)


class FeaturePyramid(nn.Module):
    """MoveNet's: what is coarse and knows people is blended into what is fine, map by map.

    network(image (B,3,H,W) RGB in 0..255) -> maps at strides 4, 8, 16 and 32 with `channels`.
    """

    TAPS = (2, 5, 9, 16)  # blocks of the backbone
    WIDTHS = (24, 32, 64)  # where the maps at strides 4, 8, 16 are blended

    def __init__(self, width: float = MOVENET_WIDTH) -> None:
        super().__init__()
        self.backbone = MobileNetV2(width)
        taps = [self.backbone.blocks[n].channels for n in self.TAPS]
        self.top = nn.Sequential(
            Conv(taps[-1], 1280, 1), Conv(1280, self.WIDTHS[-1], 1, activation=nn.Identity())
        )
        self.lateral = nn.ModuleList(
            Conv(tap, wide, 1, activation=nn.Identity())
            for tap, wide in zip(taps[:-1], self.WIDTHS, strict=True)
        )
        out = (self.WIDTHS[0], *self.WIDTHS[:-1])
        self.blend = nn.ModuleList(Separable(*pair) for pair in zip(self.WIDTHS, out, strict=True))
        self.channels = (*out, self.WIDTHS[-1])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        *fine, coarse = self.backbone.after(image, self.TAPS)
        maps = [self.top(coarse)]
        for tap, lateral, blend in zip(fine[::-1], self.lateral[::-1], self.blend[::-1], strict=True):
            up = F.interpolate(maps[0], scale_factor=2, mode="bilinear", align_corners=False)
            maps.insert(0, blend(up + lateral(tap)))
        return tuple(maps)


class Conv(nn.Module):
    """Convolution with a bias, padded as TensorFlow's SAME for even sizes, and ReLU6."""

    def __init__(
        self,
        channels: int,
        wide: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: nn.Module | None = None,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(channels, wide, kernel, stride, padding, groups=groups)
        self.activation = nn.ReLU6(inplace=True) if activation is None else activation
        self.uneven = stride > 1
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out")
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.uneven:
            x = F.pad(x, (0, 1, 0, 1))
        return self.activation(self.conv(x))


class Block(nn.Module):
    """Inverted residual: widen, look around channel by channel, narrow."""

    def __init__(self, channels: int, wide: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.channels = wide
        self.expand = Conv(channels, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = Conv(inner, inner, 3, stride, groups=inner)
        self.project = Conv(inner, wide, 1, activation=nn.Identity())
        self.adds = stride == 1 and channels == wide

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


class Separable(nn.Sequential):
    """Depthwise, then pointwise with ReLU."""

    def __init__(self, channels: int, wide: int) -> None:
        depthwise = Conv(channels, channels, 3, groups=channels, activation=nn.Identity())
        super().__init__(depthwise, Conv(channels, wide, 1, activation=nn.ReLU(inplace=True)))


def _wide(channels: int, width: float) -> int:
    """Channels at this width: a multiple of 8, and not much less than asked for."""
    wanted = channels * width
    wide = max(8, int(wanted + 4) // 8 * 8)
    return wide + 8 if wide < 0.9 * wanted else wide


def start_from_movenet(network: nn.Module, path: Path | None = None) -> nn.Module:
    """A MobileNetV2 or FeaturePyramid with the weights of MoveNet MultiPose (Google, Apache-2.0), in place.

    path: the TFLite file, the registered one by default. WeightsError where it does not fit.
    """
    path = path_of(MOVENET) if path is None else path
    backbone, pyramid, _ = _movenet_convolutions(path)
    if isinstance(network, FeaturePyramid):
        _copy(backbone, (network.backbone, network.top[0]), path)
        _copy(pyramid, (network.lateral, network.top[1], *network.blend[::-1]), path)
    else:
        _copy(backbone[:-1], (network,), path)
    return network


def start_from_movenets_heat(look: Separable, heat: nn.Conv2d, path: Path | None = None) -> None:
    """What makes MoveNet's maps of joints (before the sigmoid) from the pyramid's finest map, in place."""
    path = path_of(MOVENET) if path is None else path
    _copy(_movenet_convolutions(path)[2], (look, heat), path)


def _movenet_convolutions(path: Path) -> tuple[list[Convolution], ...]:
    """Weight and bias of the backbone's, the pyramid's and the joints' convolutions, in the file's order."""
    file = read_tflite(path)
    stored = {op.outputs[0]: op.inputs[0] for op in file.operators if op.kind == "DEQUANTIZE"}
    backbone, pyramid, heat = [], [], []
    for op in file.operators:
        if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            continue
        name = file.tensors[op.outputs[0]].name.split(";")[0]
        weight, bias = (file.tensors[stored.get(i, i)].data for i in op.inputs[1:3])
        order = (0, 3, 1, 2) if op.kind == "CONV_2D" else (3, 0, 1, 2)
        pair = tuple(torch.from_numpy(np.array(x, np.float32)) for x in (weight.transpose(order), bias))
        if "/model_1/model/" in name:
            backbone.append(pair)
        elif "/model_1/" in name:
            pyramid.append(pair)
        elif name.startswith("kpt_heatmap_0/"):
            heat.append(pair)
    return backbone, pyramid, heat


@torch.no_grad()
def _copy(theirs: list[Convolution], modules: Sequence[nn.Module], path: Path) -> None:
    mine = [part for module in modules for part in module.modules() if isinstance(part, nn.Conv2d)]
    shapes = [[tuple(conv.weight.shape) for conv in mine], [tuple(weight.shape) for weight, _ in theirs]]
    if shapes[0] != shapes[1]:
        raise WeightsError(f"{path} is no MoveNet MultiPose, or the network's width is not {MOVENET_WIDTH}")
    for conv, (weight, bias) in zip(mine, theirs, strict=True):
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)
