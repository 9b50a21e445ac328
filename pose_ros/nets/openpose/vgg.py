"""The front of OpenPose's networks: VGG-19 up to conv4_2, a cell for each eight pixels.

Source: Simonyan & Zisserman, "Very Deep Convolutional Networks", 2015. The names are
those of the published layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Channels of the convolutions between two poolings.
BLOCKS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512))


def vgg_layers() -> dict[str, nn.Module]:
    """conv<block>_<number>: 3x3 convolutions by name."""
    layers, channels = {}, 3
    for block, widths in enumerate(BLOCKS, 1):
        for number, width in enumerate(widths, 1):
            layers[f"conv{block}_{number}"] = nn.Conv2d(channels, width, 3, padding=1)
            channels = width
    return layers


def vgg_front(layers: nn.ModuleDict, image: Tensor) -> Tensor:
    """conv4_2 (B,512,H/8,W/8) before its activation, from an image of 0..255."""
    x = image / 256 - 0.5
    for block, widths in enumerate(BLOCKS, 1):
        for number in range(1, len(widths) + 1):
            x = layers[f"conv{block}_{number}"](x)
            if (block, number) != (len(BLOCKS), len(BLOCKS[-1])):
                x = torch.relu_(x)
        if block < len(BLOCKS):
            # Caffe's pooling keeps a last odd row or column.
            x = torch.max_pool2d(x, 2, 2, ceil_mode=True)
    return x
