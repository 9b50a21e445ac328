"""TensorFlow's frozen graphs as torch modules that give the same numbers."""

from __future__ import annotations

from pathlib import Path

from pose_ros.nets.graphdef.file import read_graphdef
from pose_ros.nets.graphdef.module import GraphDefModule

__all__ = ["GraphDefModule", "load_graphdef"]


def load_graphdef(path: Path, outputs: tuple[str, ...] | None = None) -> GraphDefModule:
    """The network in float32, pruned to these outputs (names of nodes); the nodes nobody reads if None.

    Raises GraphError for a file that is broken or holds an operator that is not supported.
    """
    return GraphDefModule(read_graphdef(path), outputs)
