"""Checkpoints, which training goes on from, and exports, which estimators load."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pose_ros.errors import WeightsError


@dataclass
class Progress:
    """Of a training: steps and seconds so far, a row of figures a report, and losses since the last one."""

    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: Mapping[str, float]) -> None:
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in losses.items()}
        self.count += 1

    def report(self, figures: dict[str, float]) -> None:
        """A row of `figures` and mean losses since the row before; a second row of one step replaces it."""
        again = self.history and self.history[-1]["step"] == self.step
        row = self.history.pop() if again else {}
        means = {f"loss_{name}": value / max(self.count, 1) for name, value in self.sums.items()}
        self.history.append(row | {"step": self.step, "seconds": self.seconds} | means | figures)
        self.figures, self.sums, self.count = figures, {}, 0


def save_checkpoint(
    path: Path, name: str, network: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress
) -> None:
    saved = {
        "name": name, "network": network.state_dict(), "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
    }  # fmt: skip
    _write(path, saved)


def load_checkpoint(
    path: Path, name: str, network: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> Progress | None:
    """Fills network and optimiser. None: there is no file; WeightsError where it is another's or broken."""
    if not path.exists():
        return None
    mend = f"move {path} away to start anew"
    try:
        saved = torch.load(path, map_location=device, weights_only=True)
        owner = saved["name"]
        if owner == name:
            network.load_state_dict(saved["network"])
            optimiser.load_state_dict(saved["optimiser"])
            return Progress(**saved["progress"])
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError,
            zipfile.BadZipFile) as error:  # fmt: skip
        raise WeightsError(f"the checkpoint {path} cannot be used ({error}); {mend}") from error
    raise WeightsError(f"the checkpoint {path} is of {owner!r}, not of {name!r}; {mend}")


def export(path: Path, network: nn.Module, settings: Mapping[str, Any]) -> None:
    """The network alone: {"config": settings, "state": fp16 tensors}, for `torch.load(weights_only=True)`."""
    state = {
        name: tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.detach().cpu()
        for name, tensor in network.state_dict().items()
    }
    _write(path, {"config": dict(settings), "state": state})


def _write(path: Path, saved: dict[str, Any]) -> None:
    """Whole or not at all."""
    unfinished = path.with_suffix(".part")
    torch.save(saved, unfinished)
    unfinished.replace(path)
