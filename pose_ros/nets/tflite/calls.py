"""What an operator's translation gets, and the table of all translations.

A translation gets its Call and its operands and returns the result (a tuple where there are several). It runs
twice: on an example, which gives shapes and constants, and on proxies, which record the network. So it may
branch on the call's shapes and options and on constant operands, never on computed values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pose_ros.errors import GraphError
from pose_ros.nets.tflite.file import Operator
from pose_ros.nets.tflite.file import Tensor as FileTensor
from pose_ros.nets.translations import Translations

TRANSLATIONS = Translations()
operator = TRANSLATIONS.operator


@dataclass(frozen=True)
class Call:
    """One operator at work.

    shapes: of the operands as in the file's layout, with the sizes of this input, () for one left out.
    image: the (first) operand is given as (N,C,H,W) and so is the result.
    """

    operator: Operator
    shapes: tuple[tuple[int, ...], ...]
    results: tuple[FileTensor, ...]
    image: bool

    def option(self, field: int, kind: str = "i", default: float = 0):
        """A field of the operator's options table; kind: b byte, i int, f float, ? bool."""
        table = self.operator.options
        value = default if table is None else table.get(field, kind, default)
        return bool(value) if kind == "?" else value

    def ints(self, field: int) -> tuple[int, ...]:
        return () if self.operator.options is None else self.operator.options.ints(field)

    @property
    def dtype(self) -> torch.dtype:
        """Of the first result."""
        return torch.from_numpy(np.empty(0, self.results[0].dtype)).dtype


def activate(x: Tensor, number: int) -> Tensor:
    """ActivationFunctionType, fused into other operators; in place, for x has just been made."""
    if number == 0:
        return x
    if number == 1:
        return torch.relu_(x)
    if number == 2:
        return x.clamp_(-1.0, 1.0)
    if number == 3:
        return x.clamp_(0.0, 6.0)
    raise GraphError(f"fused activation {number} is not supported")
