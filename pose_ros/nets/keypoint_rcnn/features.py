"""Feature maps for boxes of every size: MoveNet's pyramid, which knows people, and a wider one upon it.

Source: Lin et al., "Feature Pyramid Networks", 2017.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pose_ros.errors import WeightsError
from pose_ros.nets.mobilenet import MOVENET, Conv, FeaturePyramid, Separable, start_from_movenet
from pose_ros.nets.tflite.file import read_tflite
from pose_ros.weights import path_of

WIDTH = 64
STRIDES = (4, 8, 16)
JOINTS = 17


class Seen(NamedTuple):
    """maps: features, (B,C,H,W) each. heat: (B,17,H,W) at stride 4, logits of anybody's joint in a cell."""

    maps: list[Tensor]
    heat: Tensor


class Narrow(FeaturePyramid):
    """Everything MoveNet knows at strides 4, 8, 16 and 32: maps of backbone and pyramid, its heat.

    network(image (B,3,H,W) RGB in 0..255) -> Seen, maps of `channels`.
    """

    ALL_TAPS = (2, 5, 9, 12, 16)
    MAPS = ("center", "kpt_heatmap")  # of the file's names: people's middles, joints

    def __init__(self) -> None:
        super().__init__()
        blocks = self.backbone.blocks
        taps = [blocks[n].channels for n in (2, 5, 12, 16)]
        told = 1 + JOINTS
        known = (self.channels[0] + told, self.WIDTHS[1] + told, self.WIDTHS[2], self.channels[-1])
        self.tell = nn.ModuleList(
            nn.Sequential(Separable(self.channels[0], 96), Conv(96, n, 1, activation=nn.Identity()))
            for n in (1, JOINTS)
        )
        self.channels = tuple(tap + more for tap, more in zip(taps, known, strict=True))

    def forward(self, image: Tensor) -> Seen:
        fine, middle, coarse, deep, deepest = self.backbone.after(image, self.ALL_TAPS)
        top = self.top(deepest)
        sums, up = [], top
        for tap, lateral, blend in zip(
            (coarse, middle, fine), self.lateral[::-1], self.blend[::-1], strict=True
        ):
            up = F.interpolate(up, scale_factor=2, mode="bilinear", align_corners=False) + lateral(tap)
            sums.append(up)
            up = blend(up)
        told = torch.cat([tell(up) for tell in self.tell], 1)
        levels = (
            (fine, up, told), (middle, sums[1], F.max_pool2d(told, 2)), (deep, sums[0]), (deepest, top)
        )  # fmt: skip
        return Seen([torch.cat(level, 1) for level in levels], told[:, 1:])

    def start_from_movenet(self, path: Path | None = None) -> Narrow:
        """With MoveNet MultiPose's weights, see pose_ros.nets.mobilenet.start_from_movenet."""
        path = path_of(MOVENET) if path is None else path
        start_from_movenet(self, path)
        file = read_tflite(path)
        stored = {op.outputs[0]: op.inputs[0] for op in file.operators if op.kind == "DEQUANTIZE"}
        for kind, tell in zip(self.MAPS, self.tell, strict=True):
            theirs = [
                op
                for op in file.operators
                if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
                and file.tensors[op.outputs[0]].name.split(";")[0].split("/")[0].endswith(f"{kind}_0")
            ]
            mine = [part for part in tell.modules() if isinstance(part, nn.Conv2d)]
            if len(theirs) != len(mine):
                raise WeightsError(f"{path} has {len(theirs)} convolutions of {kind}, not {len(mine)}")
            for op, conv in zip(theirs, mine, strict=True):
                weight, bias = (file.tensors[stored.get(i, i)].data for i in op.inputs[1:3])
                order = (0, 3, 1, 2) if op.kind == "CONV_2D" else (3, 0, 1, 2)
                conv.weight.data.copy_(torch.from_numpy(np.array(weight.transpose(order), np.float32)))
                conv.bias.data.copy_(torch.from_numpy(np.array(bias, np.float32)))
        return self


class Standard(nn.Module):
    """Each channel less its mean, by its deviation, as measured once: MoveNet's differ by thousands."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.zeros(channels))  # 0: not measured yet

    def measure(self, maps: Tensor) -> None:
        deviation, mean = torch.std_mean(maps.float(), (0, 2, 3))
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1e-2))

    def forward(self, maps: Tensor) -> Tensor:
        return (maps - self.mean[:, None, None]) / self.deviation[:, None, None]


class Wide(nn.Module):
    """(maps at strides 4, 8, 16, 32 of `channels`) -> maps at strides 4, 8, 16, WIDTH channels each."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.standard = nn.ModuleList(Standard(n) for n in channels)
        self.lateral = nn.ModuleList(nn.Conv2d(n, WIDTH, 1) for n in channels)
        self.blend = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, padding=1) for _ in STRIDES)

    @property
    def is_measured(self) -> bool:
        return bool(self.standard[0].deviation.any())

    def measure(self, maps: list[Tensor]) -> None:
        """Takes these maps for usual ones."""
        for standard, one in zip(self.standard, maps, strict=True):
            standard.measure(one)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        *fine, up = (
            lateral(standard(one))
            for standard, lateral, one in zip(self.standard, self.lateral, maps, strict=True)
        )
        out: list[Tensor] = []
        for one, blend in zip(fine[::-1], self.blend[::-1], strict=True):
            up = one + F.interpolate(up, scale_factor=2, mode="bilinear", align_corners=False)
            up = F.relu(blend(up))
            out.insert(0, up)
        return out
