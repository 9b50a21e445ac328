"""Mask R-CNN with key points: our own compact network, and torchvision's published one."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import nn

from pose_ros.errors import WeightsError
from pose_ros.nets.keypoint_rcnn.compact import SHRINKS, CompactKeypointRCNN
from pose_ros.nets.keypoint_rcnn.found import Found, paint
from pose_ros.nets.keypoint_rcnn.published import ResNet50KeypointRCNN, load_published

__all__ = [
    "SHRINKS",
    "CompactKeypointRCNN",
    "Found",
    "ResNet50KeypointRCNN",
    "load_compact",
    "load_published",
    "paint",
]


def load_compact(path: Path) -> nn.Module:
    """The compact network with the weights that `pose_ros train keypoint_rcnn` has written."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state"]
        network = CompactKeypointRCNN()
        network.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    except (
        OSError,
        RuntimeError,
        EOFError,
        KeyError,
        TypeError,
        AttributeError,
        pickle.UnpicklingError,
        ValueError,
    ) as error:
        raise WeightsError(f"{path} holds no compact key-point R-CNN, or is broken: {error}") from error
    return network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
