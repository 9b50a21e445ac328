"""Our own trained weights into the network."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch

from pose_ros.errors import WeightsError
from pose_ros.nets.deeppose.network import DeepPoseNetwork


def load_trained(path: Path) -> DeepPoseNetwork:
    """From {"config": settings, "state": tensors}, ready to run; WeightsError says what does not fit."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        network = DeepPoseNetwork(**saved["config"])
        network.load_state_dict({name: tensor.float() for name, tensor in saved["state"].items()})
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, AttributeError,
            pickle.UnpicklingError) as error:  # fmt: skip
        raise WeightsError(f"{path} holds no weights of our DeepPose, or is broken: {error}") from error
    return network.eval().requires_grad_(False)
