"""Records a TFLite file as a flat torch.fx graph for one size of image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from pose_ros.errors import GraphError
from pose_ros.nets.tflite import images, values  # noqa: F401  they fill TRANSLATIONS
from pose_ros.nets.tflite.calls import TRANSLATIONS, Call, Layout
from pose_ros.nets.tflite.file import Operator, TFLiteFile


@dataclass(frozen=True)
class Recording:
    """network(image (B,C,H,W)) -> tuple of outputs. mixes_batch: it takes one image at a time."""

    network: fx.GraphModule
    mixes_batch: bool


@torch.no_grad()
def record(
    file: TFLiteFile,
    operators: Sequence[Operator],
    constants: Mapping[int, Tensor],
    outputs: Sequence[int],
    example: Tensor,
) -> Recording:
    """Runs the operators on an example and on proxies; what the image does not touch becomes constant."""
    tracer = Tracer()
    known = {number: _Value(constant) for number, constant in constants.items()}
    known[file.inputs[0]] = _Value(example, tracer.placeholder("image"), image=True)
    mixes_batch = False
    for op in operators:
        translation = TRANSLATIONS[op.kind]
        try:
            operands = [known[i] if i >= 0 else None for i in op.inputs]
            image = _lies_as_image(translation.layout, operands)
            shapes = tuple(() if v is None else v.shape for v in operands)
            call = Call(op, shapes, tuple(file.tensors[i] for i in op.outputs), image)
            operands = [_laid(v, translation.layout, image) for v in operands]
            results = _translate(call, translation.function, operands)
        except Exception as error:  # a broken file can make torch or struct say anything
            raise GraphError(f"{file.path}: {op.kind} cannot be translated: {error}") from error
        for result in results:
            if result.proxy is not None:
                mixes_batch |= translation.mixes or result.shape[:1] != (1,)
        known.update(zip(op.outputs, results, strict=True))
    if not known.keys() >= set(outputs):
        raise GraphError(f"{file.path} is broken: no operator makes some of its outputs")
    chosen = [known[i].as_image() if len(known[i].shape) == 4 else known[i] for i in outputs]
    return Recording(tracer.finish(tuple(v.argument for v in chosen)), mixes_batch)


@dataclass(frozen=True)
class _Value:
    """A tensor while it is recorded: its example and, unless it is constant, its proxy.

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

    def as_image(self) -> _Value:
        return self if self.image else self._permuted((0, 3, 1, 2), True)

    def as_file(self) -> _Value:
        return self._permuted((0, 2, 3, 1), False) if self.image else self

    def _permuted(self, order: tuple[int, ...], image: bool) -> _Value:
        # Leading ones are what broadcasting would add anyhow.
        fill = (None,) * (4 - self.example.ndim) + (...,)
        example = self.example[fill].permute(order)
        if self.proxy is None:
            return _Value(example, None, image)
        proxy = self.proxy if fill == (...,) else self.proxy[fill]
        return _Value(example, proxy.permute(order), image)


def _translate(call: Call, function: Callable, operands: list[_Value | None]) -> list[_Value]:
    examples = _several(function(call, *(None if v is None else v.example for v in operands)))
    if all(v is None or v.proxy is None for v in operands) or call.operator.kind == "SHAPE":
        return [_Value(e, None, call.image) for e in examples]
    proxies = _several(function(call, *(None if v is None else v.argument for v in operands)))
    return [_Value(e, p, call.image) for e, p in zip(examples, proxies, strict=True)]


def _several(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)


def _lies_as_image(layout: Layout, operands: list[_Value | None]) -> bool:
    if layout is Layout.ANY:
        return operands[0].image
    if layout is Layout.ALIKE:
        return any(v is not None and v.image for v in operands)
    return layout is Layout.IMAGE


def _laid(value: _Value | None, layout: Layout, image: bool) -> _Value | None:
    if value is None or value.example.ndim == 0 or layout is Layout.ANY:
        return value
    if not image:
        return value.as_file()
    # Weights and sizes stay as they are; a constant that is added or multiplied must lie like its partner.
    return value if layout is Layout.IMAGE and value.proxy is None else value.as_image()


class Tracer(fx.Tracer):
    """Writes the graph down; constants that meet proxies become buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.root = nn.Module()
        self.graph = fx.Graph()
        self._buffers: dict[int, tuple[str, Tensor]] = {}

    def placeholder(self, name: str) -> fx.Proxy:
        return self.create_proxy("placeholder", name, (), {})

    def create_arg(self, a):
        if not isinstance(a, Tensor):
            return super().create_arg(a)
        if id(a) not in self._buffers:
            name = f"constant_{len(self._buffers)}"
            self.root.register_buffer(name, a)
            self._buffers[id(a)] = name, a  # holds the tensor, so that its id stays its own
        return self.create_node("get_attr", self._buffers[id(a)][0], (), {})

    def finish(self, outputs: tuple) -> fx.GraphModule:
        self.create_node("output", "output", (self.create_arg(outputs),), {})
        return fx.GraphModule(self.root, self.graph)
