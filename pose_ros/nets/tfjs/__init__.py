"""TensorFlow.js graph models as torch modules that give the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pose_ros.nets.graphdef.module import GraphDefModule
from pose_ros.nets.tfjs.file import read_tfjs

__all__ = ["load_tfjs"]


def load_tfjs(
    path: Path, outputs: Sequence[str] | None = None, start: tuple[str, int] | None = None
) -> GraphDefModule:
    """The network of model.json and its shards beside it, float32, pruned to these outputs (names of nodes).

    start: a node and its channels. Its result is what the module gets as image then, in place of the file's
    input: what networks for one image do before their convolutions is left out, and they take batches.
    Raises GraphError for files that are missing or broken, or hold an operator that is not supported.
    """
    file = read_tfjs(path)
    return GraphDefModule(file if start is None else file.starting_at(*start), outputs)
