"""Lightweight OpenPose: a dilated MobileNet, one stage of both maps and refinements of it.

Source: Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose", 2018. The modules
are nested so that the published state dict's names fit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

HEAT, FIELDS, FEATURES = 19, 38, 128
# Channels, stride and dilation of the MobileNet's separable convolutions.
MOBILENET = (
    (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1),
    (512, 1, 2), *[(512, 1, 1)] * 4,
)  # fmt: skip


class Lightweight(nn.Module):
    def __init__(self, refinements: int = 1) -> None:
        super().__init__()
        layers, channels = [_conv(3, 32, 3, stride=2, bias=False)], 32
        for width, stride, dilation in MOBILENET:
            layers.append(_separable(channels, width, stride, dilation))
            channels = width
        self.model = nn.Sequential(*layers)
        self.cpm = _Cpm(channels)
        self.initial_stage = _Stage([_conv(FEATURES, FEATURES, 3, norm=False) for _ in range(3)], 512)
        blocks = [FEATURES + HEAT + FIELDS] + [FEATURES] * 4
        self.refinement_stages = nn.ModuleList(
            _Stage([_Block(width) for width in blocks], FEATURES) for _ in range(refinements)
        )

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.cpm(self.model((image - 128) / 256))
        heat, fields = self.initial_stage(features)
        for stage in self.refinement_stages:
            heat, fields = stage(torch.cat([features, heat, fields], 1))
        return heat, fields


def _conv(
    channels: int,
    width: int,
    kernel: int,
    stride: int = 1,
    dilation: int = 1,
    norm=True,
    bias=True,
    relu=True,
) -> nn.Sequential:
    layers = [nn.Conv2d(channels, width, kernel, stride, kernel // 2 * dilation, dilation, bias=bias)]
    layers += [nn.BatchNorm2d(width)] if norm else []
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


def _separable(channels: int, width: int, stride: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride, dilation, dilation, channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def _separable_elu(width: int) -> nn.Sequential:
    depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
    return nn.Sequential(
        depthwise, nn.ELU(inplace=True), nn.Conv2d(width, width, 1, bias=False), nn.ELU(inplace=True)
    )


class _Cpm(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.align = _conv(channels, FEATURES, 1, norm=False)
        self.trunk = nn.Sequential(*(_separable_elu(FEATURES) for _ in range(3)))
        self.conv = _conv(FEATURES, FEATURES, 3, norm=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.align(x)
        return self.conv(x + self.trunk(x))


class _Stage(nn.Module):
    def __init__(self, trunk: list[nn.Module], wide: int) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*trunk)
        self.heatmaps = self._head(wide, HEAT)
        self.pafs = self._head(wide, FIELDS)

    @staticmethod
    def _head(wide: int, channels: int) -> nn.Sequential:
        return nn.Sequential(
            _conv(FEATURES, wide, 1, norm=False), _conv(wide, channels, 1, norm=False, relu=False)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x)
        return self.heatmaps(x), self.pafs(x)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.initial = _conv(channels, FEATURES, 1, norm=False)
        self.trunk = nn.Sequential(_conv(FEATURES, FEATURES, 3), _conv(FEATURES, FEATURES, 3, dilation=2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.initial(x)
        return x + self.trunk(x)
