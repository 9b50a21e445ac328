"""OpenPose of 2019, BODY_25: four stages of part affinity fields, then two of heat maps; with feet.

Source: Cao et al., "OpenPose: Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", 2019,
section 3.2: each 7x7 convolution became three 3x3 ones whose results are joined. Names are those of the
published layers: L2 is the branch of fields, L1 that of heat.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose_ros.nets.openpose.vgg import vgg_front, vgg_layers

FEATURES, FIELDS, HEAT = 128, 52, 26
# Stage: channels in, of each convolution, of the last but one, and out.
STAGES = {
    "stage0_L2": (FEATURES, 96, 256, FIELDS),
    "stage1_L2": (FEATURES + FIELDS, 128, 512, FIELDS),
    "stage2_L2": (FEATURES + FIELDS, 128, 512, FIELDS),
    "stage3_L2": (FEATURES + FIELDS, 128, 512, FIELDS),
    "stage0_L1": (FEATURES + FIELDS, 96, 256, HEAT),
    "stage1_L1": (FEATURES + HEAT + FIELDS, 128, 512, HEAT),
}


class Body25(nn.ModuleDict):
    def __init__(self) -> None:
        layers = vgg_layers()
        layers["prelu4_2"] = nn.PReLU(512)
        for name, before, after in (("4_3_CPM", 512, 256), ("4_4_CPM", 256, FEATURES)):
            layers[f"conv{name}"] = nn.Conv2d(before, after, 3, padding=1)
            layers[f"prelu{name}"] = nn.PReLU(after)
        for stage, (channels, width, wide, out) in STAGES.items():
            for n in range(1, 6):
                for part in range(3):
                    layers[f"Mconv{n}_{stage}_{part}"] = nn.Conv2d(channels, width, 3, padding=1)
                    layers[f"Mprelu{n}_{stage}_{part}"] = nn.PReLU(width)
                    channels = width
                channels = 3 * width
            layers[f"Mconv6_{stage}"] = nn.Conv2d(channels, wide, 1)
            layers[f"Mprelu6_{stage}"] = nn.PReLU(wide)
            layers[f"Mconv7_{stage}"] = nn.Conv2d(wide, out, 1)
        super().__init__(layers)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self["prelu4_2"](vgg_front(self, image))
        for name in ("4_3_CPM", "4_4_CPM"):
            features = self[f"prelu{name}"](self[f"conv{name}"](features))
        fields = self._stage("stage0_L2", features)
        for stage in ("stage1_L2", "stage2_L2", "stage3_L2"):
            fields = self._stage(stage, torch.cat([features, fields], 1))
        heat = self._stage("stage0_L1", torch.cat([features, fields], 1))
        return self._stage("stage1_L1", torch.cat([features, heat, fields], 1)), fields

    def _stage(self, stage: str, x: Tensor) -> Tensor:
        for n in range(1, 6):
            parts = []
            for part in range(3):
                x = self[f"Mprelu{n}_{stage}_{part}"](self[f"Mconv{n}_{stage}_{part}"](x))
                parts.append(x)
            x = torch.cat(parts, 1)
        return self[f"Mconv7_{stage}"](self[f"Mprelu6_{stage}"](self[f"Mconv6_{stage}"](x)))
