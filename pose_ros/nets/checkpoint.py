"""Published weights of PyTorch into networks of ours: read, and nothing left over."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pose_ros.errors import WeightsError


def read_state(path: Path) -> dict[str, Tensor]:
    """Tensors by name of a saved state dict, or of a checkpoint's "state_dict"; WeightsError if broken."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise WeightsError(f"{path} is no checkpoint of PyTorch, or broken: {error}") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    named = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    return {name: value for name, value in named.items() if not _counts(name)}


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> nn.Module:
    """The network with these tensors, ready to run.

    Raises WeightsError, naming the file, unless every tensor is there, in its shape, and no other one.
    """
    mine = {name: tensor for name, tensor in network.state_dict().items() if not _counts(name)}
    wrong = [
        *(f"{name} is missing" for name in mine if name not in tensors),
        *(f"{name} is not known" for name in tensors if name not in mine),
        *(
            f"{name} is {tuple(tensors[name].shape)}, not {tuple(tensor.shape)}"
            for name, tensor in mine.items()
            if name in tensors and tensors[name].shape != tensor.shape
        ),
    ]
    if wrong:
        more = f", and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        raise WeightsError(
            f"{path} is not of the network {type(network).__name__}: {'; '.join(wrong[:4])}{more}"
        )
    network.load_state_dict(dict(tensors), strict=False)
    return network.eval().requires_grad_(False)


def _counts(name: str) -> bool:
    """How many batches a norm has seen; old checkpoints lack it and nothing needs it."""
    return name.endswith("num_batches_tracked")
