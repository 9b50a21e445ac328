"""Turns a .tflite file into a torch module that gives the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, fx, nn

from pose_ros.errors import GraphError, unknown
from pose_ros.nets.tflite_file import TFLiteFile, read_tflite
from pose_ros.nets.tflite_operators import ALIKE, AS_IMAGE, KINDS, Call, dense, mixes_batch


def load_tflite(path: Path, outputs: Sequence[str | int] | None = None) -> GraphModule:
    """The network in float32, ready to run, pruned to these outputs (names, or positions in the file).

    Raises GraphError for a file that is broken or holds an operator that is not supported.
    """
    return GraphModule(read_tflite(path), outputs)


@dataclass(frozen=True)
class Port:
    """An input or output. shape: as in the file, (N,H,W,C) for images, -1 or 1 where it is free."""

    name: str
    shape: tuple[int, ...]


class GraphModule(nn.Module):
    """module(image) -> tuple of tensors, one for each output asked for.

    image: (B,3,H,W) float, values as the file wants them (the weights' note says so), on the module's device.
    Outputs of four dimensions come as (B,C,H,W), others as (B,…). A network that mixes the images of a batch (MoveNet
    sorts people) is run image by image. The first image of a new size costs a recording of the network.
    """

    def __init__(self, file: TFLiteFile, outputs: Sequence[str | int] | None = None) -> None:
        super().__init__()
        if len(file.inputs) != 1:
            raise GraphError(
                f"{file.path} has {len(file.inputs)} inputs; only networks of one image are supported"
            )
        self._file = file
        self._wanted = [_output(file, o) for o in (range(len(file.outputs)) if outputs is None else outputs)]
        self._needed = _needed(file, self._wanted)
        self.inputs = tuple(_port(file, i) for i in file.inputs)
        self.outputs = tuple(_port(file, i) for i in self._wanted)
        self._constants = {
            i: _constant(file, i) for i in sorted({i for op in self._needed for i in op.inputs})
        }
        self._device = nn.Buffer(torch.empty(0), persistent=False)
        self._recorded = nn.ModuleDict()
        height, width = self.inputs[0].shape[1:3]
        self._fixed = (height, width) if min(height, width) > 1 else None
        if self._fixed:
            self._recording(*self._fixed)
        self.eval()

    @torch.inference_mode()
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        if image.ndim != 4 or image.shape[1] != 3 or (self._fixed and image.shape[2:] != self._fixed):
            size = "(B,3,{},{})".format(*(self._fixed or "HW"))
            raise GraphError(f"{self._file.path.name} wants an image {size}, got {tuple(image.shape)}")
        network = self._recording(*image.shape[2:])
        image = image.contiguous(memory_format=torch.channels_last)
        if len(image) == 1 or not network.mixes_batch:
            return network(image)
        results = [network(one[None]) for one in image]
        return tuple(torch.cat(parts) for parts in zip(*results, strict=True))

    def _recording(self, height: int, width: int) -> fx.GraphModule:
        key = f"{height}x{width}"
        if key not in self._recorded:
            self._recorded[key] = self._record(height, width).to(self._device.device)
        return self._recorded[key]

    @torch.no_grad()
    def _record(self, height: int, width: int) -> fx.GraphModule:
        """Runs every operator on an example and on proxies: what the image does not touch becomes constant."""
        tracer = _Recorder()
        values = {i: _Value(c) for i, c in self._constants.items() if c is not None}
        example = torch.zeros(1, 3, height, width).contiguous(memory_format=torch.channels_last)
        values[self._file.inputs[0]] = _Value(example, tracer.placeholder("image"), image=True)
        mixes = False
        for op in self._needed:
            operands = [values[i] if i >= 0 else None for i in op.inputs]
            call = Call(
                op,
                tuple(() if v is None else v.shape for v in operands),
                tuple(self._file.tensors[i] if i >= 0 else None for i in op.inputs),
                tuple(self._file.tensors[i] for i in op.outputs),
            )
            try:
                results = _apply(call, operands)
            except (RuntimeError, TypeError, IndexError, ValueError, AttributeError) as error:
                raise GraphError(f"{self._file.path}: {op.kind} cannot be translated: {error}") from error
            mixes |= results[0].proxy is not None and mixes_batch(call)
            values.update(zip(op.outputs, results, strict=True))
        chosen = [values[i] for i in self._wanted]
        chosen = [v.as_image() if len(v.shape) == 4 else v for v in chosen]
        module = tracer.finish(tuple(v.proxy if v.proxy is not None else v.example for v in chosen))
        module.mixes_batch = mixes
        return module


@dataclass(frozen=True)
class _Value:
    """A tensor while the network is recorded: its example and, unless constant, its proxy.

    image: it lies as (N,C,H,W), the file having it as (N,H,W,C).
    """

    example: Tensor
    proxy: fx.Proxy | None = None
    image: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """As the file has it."""
        return tuple(self.as_file().example.shape)

    def as_image(self) -> _Value:
        return self if self.image else self._permuted((0, 3, 1, 2), True)

    def as_file(self) -> _Value:
        return self._permuted((0, 2, 3, 1), False) if self.image else self

    def _permuted(self, order: tuple[int, ...], image: bool) -> _Value:
        # Filling up with leading ones is what broadcasting does anyhow.
        fill = (None,) * (4 - self.example.ndim) + (...,)
        example = self.example[fill].permute(order)
        if self.proxy is None:
            return _Value(example, None, image)
        proxy = self.proxy if len(fill) == 1 else self.proxy[fill]
        return _Value(example, proxy.permute(order), image)


def _apply(call: Call, operands: list[_Value | None]) -> list[_Value]:
    kind = KINDS[call.operator.kind]
    image = kind.layout == AS_IMAGE or (
        kind.layout == ALIKE and any(v is not None and v.image for v in operands)
    )
    placed = [_placed(v, kind.layout, image) for v in operands]
    constant = all(v is None or v.proxy is None for v in operands) or call.operator.kind == "SHAPE"
    examples = _several(kind.function(call, *(None if v is None else v.example for v in placed)))
    if constant:
        return [_Value(e, None, image) for e in examples]
    arguments = [None if v is None else v.example if v.proxy is None else v.proxy for v in placed]
    proxies = _several(kind.function(call, *arguments))
    return [_Value(e, p, image) for e, p in zip(examples, proxies, strict=True)]


def _placed(value: _Value | None, layout: str, image: bool) -> _Value | None:
    if value is None or value.example.ndim == 0:
        return value
    if not image:
        return value.as_file()
    # Weights and sizes stay as they are; a constant that is added or multiplied must lie like its partner.
    return value if layout == AS_IMAGE and value.proxy is None else value.as_image()


def _several(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)


class _Recorder(fx.Tracer):
    """Records calls on proxies; constants that meet them become buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.root = nn.Module()
        self.graph = fx.Graph(tracer_cls=_Recorder)
        self._buffers: dict[int, tuple[str, Tensor]] = {}

    def placeholder(self, name: str) -> fx.Proxy:
        return self.create_proxy("placeholder", name, (), {})

    def create_arg(self, a):
        if not isinstance(a, Tensor):
            return super().create_arg(a)
        if id(a) not in self._buffers:
            name = f"constant_{len(self._buffers)}"
            self.root.register_buffer(name, a.contiguous() if a.ndim != 4 else a)
            self._buffers[id(a)] = name, a
        return self.create_node("get_attr", self._buffers[id(a)][0], (), {})

    def finish(self, outputs: tuple) -> fx.GraphModule:
        self.create_node("output", "output", (self.create_arg(outputs),), {})
        self.graph.eliminate_dead_code()
        return fx.GraphModule(self.root, self.graph)


def _output(file: TFLiteFile, wanted: str | int) -> int:
    names = {file.tensors[i].name: i for i in file.outputs}
    if isinstance(wanted, str):
        if wanted not in names:
            raise GraphError(f"{file.path.name}: {unknown('output', wanted, names)}")
        return names[wanted]
    if not 0 <= wanted < len(file.outputs):
        raise GraphError(f"{file.path.name}: {unknown('output', wanted, range(len(file.outputs)))}")
    return file.outputs[wanted]


def _needed(file: TFLiteFile, wanted: Sequence[int]) -> list:
    """The operators these outputs depend on, in the file's order, which is one of execution."""
    alive, needed = set(wanted), []
    for op in reversed(file.operators):
        if alive.intersection(op.outputs):
            needed.append(op)
            alive.update(op.inputs)
    unsupported = sorted({op.kind for op in needed} - KINDS.keys())
    if unsupported:
        raise GraphError(f"{file.path}: operators that are not supported: {', '.join(unsupported)}")
    return needed[::-1]


def _port(file: TFLiteFile, number: int) -> Port:
    return Port(file.tensors[number].name, file.tensors[number].shape)


def _constant(file: TFLiteFile, number: int) -> Tensor | None:
    tensor = file.tensors[number]
    if number < 0 or tensor.data is None:
        return None
    data = tensor.data if tensor.sparsity is None else dense(tensor.data, tensor.shape, tensor.sparsity)
    return torch.from_numpy(np.array(data))
