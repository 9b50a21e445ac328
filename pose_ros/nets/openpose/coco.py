"""OpenPose of 2017: six stages, each with a branch for heat maps and one for fields; COCO's joints.

Source: Cao et al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields", 2017, figure 3.
Names are those of the published layers: L1 is the branch of fields, L2 that of heat.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pose_ros.nets.openpose.vgg import vgg_front, vgg_layers

FEATURES, STAGES = 128, 6
BRANCHES = {"L1": 38, "L2": 19}


class Coco18(nn.ModuleDict):
    def __init__(self) -> None:
        layers = vgg_layers()
        layers["conv4_3_CPM"] = nn.Conv2d(512, 256, 3, padding=1)
        layers["conv4_4_CPM"] = nn.Conv2d(256, FEATURES, 3, padding=1)
        for branch, channels in BRANCHES.items():
            for n in (1, 2, 3):
                layers[f"conv5_{n}_CPM_{branch}"] = nn.Conv2d(FEATURES, 128, 3, padding=1)
            layers[f"conv5_4_CPM_{branch}"] = nn.Conv2d(128, 512, 1)
            layers[f"conv5_5_CPM_{branch}"] = nn.Conv2d(512, channels, 1)
            for stage in range(2, STAGES + 1):
                width = FEATURES + sum(BRANCHES.values())
                for n in (1, 2, 3, 4, 5):
                    layers[f"Mconv{n}_stage{stage}_{branch}"] = nn.Conv2d(width, 128, 7, padding=3)
                    width = 128
                layers[f"Mconv6_stage{stage}_{branch}"] = nn.Conv2d(128, 128, 1)
                layers[f"Mconv7_stage{stage}_{branch}"] = nn.Conv2d(128, channels, 1)
        super().__init__(layers)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = torch.relu_(vgg_front(self, image))
        for name in ("conv4_3_CPM", "conv4_4_CPM"):
            features = torch.relu_(self[name](features))
        fields, heat = (self._run(features, [f"conv5_{n}_CPM_{b}" for n in range(1, 6)]) for b in BRANCHES)
        for stage in range(2, STAGES + 1):
            x = torch.cat([fields, heat, features], 1)
            fields, heat = (
                self._run(x, [f"Mconv{n}_stage{stage}_{b}" for n in range(1, 8)]) for b in BRANCHES
            )
        return heat, fields

    def _run(self, x: Tensor, names: list[str]) -> Tensor:
        for name in names[:-1]:
            x = torch.relu_(self[name](x))
        return self[names[-1]](x)
