"""ResNet as a backbone; its modules bear the names that torchvision's and mmpose's checkpoints have.

Source: He et al., "Deep Residual Learning for Image Recognition", 2016; the stride sits in the 3x3
convolution, as in both libraries' networks.
"""

from __future__ import annotations

from torch import Tensor, nn

from pose_ros.errors import ConfigError, unknown

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
# RGB, of values 0..255: what torchvision's and mmpose's checkpoints were trained with.
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class ResNet(nn.Module):
    """network(image (B,3,H,W) normalised by MEAN and DEVIATION) -> maps at strides 4, 8, 16, 32.

    State dict: conv1, bn1, layer1..4 with conv1..3, bn1..3, downsample.0 and .1, as torchvision's but fc.
    """

    channels = tuple(width * EXPANSION for width in WIDTHS)

    def __init__(self, depth: int = 50) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ConfigError(unknown("depth of ResNet", depth, BLOCKS))
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for n, (width, count) in enumerate(zip(WIDTHS, BLOCKS[depth], strict=True), start=1):
            layer = []
            for block in range(count):
                layer.append(Bottleneck(channels, width, stride=2 if n > 1 and block == 0 else 1))
                channels = width * EXPANSION
            setattr(self, f"layer{n}", nn.Sequential(*layer))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            maps.append(x)
        return tuple(maps)


class Bottleneck(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        wide = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, wide, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(wide)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or channels != wide:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, wide, 1, stride, bias=False), nn.BatchNorm2d(wide)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))
