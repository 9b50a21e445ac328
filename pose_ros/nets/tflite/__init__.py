"""TFLite files as torch modules that give the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pose_ros.nets.tflite.file import read_tflite
from pose_ros.nets.tflite.module import GraphModule, Port

__all__ = ["GraphModule", "Port", "load_tflite"]


def load_tflite(path: Path, outputs: Sequence[str | int] | None = None) -> GraphModule:
    """The network in float32, pruned to these outputs (names, or positions in the file), all of them if None.

    Raises GraphError for a file that is broken or holds an operator that is not supported.
    """
    return GraphModule(read_tflite(path), outputs)
