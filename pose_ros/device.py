"""Where networks run, said aloud: a fallback to the CPU never goes unnoticed."""

from __future__ import annotations

import torch

from pose_ros.errors import ConfigError


def use_threads(count: int) -> None:
    """How many CPU threads torch may use in this process; 0 leaves torch's own choice (all cores).

    One is the default of our configs: on a machine whose cores are busy, several threads wait for
    each other, and a frame was measured to take ten times as long.
    """
    if count:
        torch.set_num_threads(count)


def choose_device(wish: str) -> tuple[torch.device, str]:
    """Device for "auto", "cpu" or "cuda", and a note for diagnostics.

    ConfigError where CUDA is demanded and absent; "auto" falls back to the CPU and says why.
    """
    if wish == "cpu":
        return torch.device("cpu"), "cpu (as configured)"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"cuda ({torch.cuda.get_device_name()})"
    built = f"this torch {torch.__version__} is built without CUDA"
    why = built if torch.version.cuda is None else "no CUDA device is visible"
    if wish == "cuda":
        raise ConfigError(f"device is 'cuda', but {why}; use 'auto' or 'cpu'")
    return torch.device("cpu"), f"cpu ({why})"
