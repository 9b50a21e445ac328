"""What an operator's translation gets, and the table of all translations.

A translation gets its Call and its operands and returns the result (a tuple where there are several). It runs
on an example, which gives shapes and constants, and on proxies, which record the network. So it may branch on
the call's shapes and attributes and on constant operands, never on computed values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pose_ros.errors import GraphError
from pose_ros.nets.graphdef.file import Node
from pose_ros.nets.translations import Translations

# DataType of tensorflow/core/framework/types.proto
DTYPES = {1: torch.float32, 2: torch.float64, 3: torch.int32, 9: torch.int64, 10: torch.bool}
SEVERAL = {"Unpack"}  # operators of more than one output


TRANSLATIONS = Translations()
operator = TRANSLATIONS.operator


@dataclass(frozen=True)
class Call:
    """One operator at work.

    shapes: of the operands as in the file's layout, with the sizes of this input. image: the operands are
    given as (N,C,H,W) and so is the result.
    """

    node: Node
    shapes: tuple[tuple[int, ...], ...]
    image: bool

    def attribute(self, name: str, default: object = None) -> object:
        return self.node.attribute(name, default)

    def dtype(self, name: str, default: int = 1) -> torch.dtype:
        number = self.node.attribute(name, default)
        if number not in DTYPES:
            raise GraphError(f"{name} {number} is not supported")
        return DTYPES[number]
