"""Tensors while a network is recorded: their example, their proxy, and how they lie.

Files of TensorFlow have images as (N,H,W,C), torch as (N,C,H,W). An operator says what it wants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from torch import Tensor, fx


class Layout(Enum):
    """How an operator wants its 4-D operands."""

    FILE = auto()  # all as in the file, (N,H,W,C)
    IMAGE = auto()  # computed ones as images, (N,C,H,W); constants as in the file
    ALIKE = auto()  # all as images if one is
    ANY = auto()  # as they come; the call says how the first one lies


@dataclass(frozen=True)
class Value:
    """A tensor: its example and, unless it is constant, its proxy.

    image: it lies as (N,C,H,W) where the file has (N,H,W,C).
    """

    example: Tensor
    proxy: fx.Proxy | None = None
    image: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file has it."""
        return tuple(self.as_file().example.shape)

    @property
    def argument(self) -> Tensor | fx.Proxy:
        return self.example if self.proxy is None else self.proxy

    def as_image(self) -> Value:
        return self if self.image else self._permuted((0, 3, 1, 2), True)

    def as_file(self) -> Value:
        return self._permuted((0, 2, 3, 1), False) if self.image else self

    def _permuted(self, order: tuple[int, ...], image: bool) -> Value:
        # Leading ones are what broadcasting would add anyhow.
        fill = (None,) * (4 - self.example.ndim) + (...,)
        example = self.example[fill].permute(order)
        if self.proxy is None:
            return Value(example, None, image)
        proxy = self.proxy if fill == (...,) else self.proxy[fill]
        return Value(example, proxy.permute(order), image)


def lies_as_image(layout: Layout, operands: Sequence[Value | None]) -> bool:
    """Whether an operator of this layout gives images, from these operands."""
    if layout is Layout.ANY:
        return operands[0].image
    if layout is Layout.ALIKE:
        return any(v is not None and v.image for v in operands)
    return layout is Layout.IMAGE


def laid(value: Value | None, layout: Layout, image: bool) -> Value | None:
    """The operand as an operator wants it that gives images or does not."""
    if value is None or value.example.ndim == 0 or layout is Layout.ANY:
        return value
    if not image:
        return value.as_file()
    # Weights and sizes stay as they are; a constant that is added or multiplied must lie like its partner.
    return value if layout is Layout.IMAGE and value.proxy is None else value.as_image()
