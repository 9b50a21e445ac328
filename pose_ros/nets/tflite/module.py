"""The torch module that a TFLite file becomes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from pose_ros.errors import GraphError, unknown
from pose_ros.nets.fuse import fold_pads, fuse_convolutions
from pose_ros.nets.tflite.calls import TRANSLATIONS
from pose_ros.nets.tflite.file import Operator, TFLiteFile
from pose_ros.nets.tflite.record import Recording, record
from pose_ros.nets.tflite.sparse import dense

# In an image. A broken file must not fill the memory.
MOST_VALUES = 4096 * 4096 * 3


@dataclass(frozen=True)
class Port:
    """An input or output. shape: as in the file, (N,H,W,C) for images, 1 where a size is free."""

    name: str
    shape: tuple[int, ...]


class GraphModule(nn.Module):
    """module(image) -> tuple of tensors, one for each output asked for.

    image: (B,C,H,W) float on the module's device, values as the file wants them (Weights.input_range).
    Outputs of four dimensions come as (B,C,H,W), others as (B,…). A network that mixes the images of a batch
    (MoveNet sorts people) runs image by image. One of free size is recorded at the first image of each size.
    """

    def __init__(self, file: TFLiteFile, outputs: Sequence[str | int] | None = None) -> None:
        super().__init__()
        shapes = [file.tensors[i].shape for i in file.inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4 or not 0 < math.prod(shapes[0]) <= MOST_VALUES:
            raise GraphError(f"{file.path}: one image (N,H,W,C) as input is supported, not {shapes}")
        self._file = file
        self._wanted = [_output(file, o) for o in (range(len(file.outputs)) if outputs is None else outputs)]
        self._operators = _needed(file, self._wanted)
        self._constants = _constants(file, self._operators)
        self.inputs = tuple(Port(file.tensors[i].name, file.tensors[i].shape) for i in file.inputs)
        self.outputs = tuple(Port(file.tensors[i].name, file.tensors[i].shape) for i in self._wanted)
        # Where the module is. The recordings are no submodules: they are made anew on another device.
        self.register_buffer("_here", torch.empty(0), persistent=False)
        self._recordings: dict[tuple[int, int], Recording] = {}
        _, height, width, self._channels = self.inputs[0].shape
        self._size = (height, width) if min(height, width) > 1 else None
        if self._size is not None:
            self._recording(self._size)
        self.eval()

    @property
    def parameter_count(self) -> int:
        """How many numbers the file's operators bring along, shapes and indices left out."""
        return sum(data.numel() for data in self._constants.values() if data.is_floating_point())

    @torch.inference_mode()
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        size = tuple(image.shape[2:])
        if image.ndim != 4 or image.shape[1] != self._channels or self._size not in (None, size):
            wanted = "(B,{},{},{})".format(self._channels, *(self._size or "HW"))
            raise GraphError(f"{self._file.path.name} wants an image {wanted}, got {tuple(image.shape)}")
        recording = self._recording(size)
        image = image.contiguous(memory_format=torch.channels_last)
        if len(image) == 1 or not recording.mixes_batch:
            return recording.network(image)
        results = [recording.network(one[None]) for one in image]
        return tuple(torch.cat(parts) for parts in zip(*results, strict=True))

    def _recording(self, size: tuple[int, int]) -> Recording:
        if size not in self._recordings:
            example = torch.zeros(1, self._channels, *size).contiguous(memory_format=torch.channels_last)
            recording = record(self._file, self._operators, self._constants, self._wanted, example)
            fold_pads(recording.network)
            if self._here.device.type == "cpu":
                fuse_convolutions(recording.network, example)
            else:
                recording.network.to(self._here.device)
            self._recordings[size] = recording
        return self._recordings[size]

    def _apply(self, function, recurse: bool = True) -> GraphModule:
        before = self._here.device
        super()._apply(function, recurse)
        if self._here.device != before:
            sizes = list(self._recordings)
            self._recordings.clear()
            for size in sizes:
                self._recording(size)
        return self


def _output(file: TFLiteFile, wanted: str | int) -> int:
    names = {file.tensors[i].name: i for i in file.outputs}
    numbers = dict(enumerate(file.outputs))
    choices = names if isinstance(wanted, str) else numbers
    if wanted not in choices:
        raise GraphError(f"{file.path.name}: {unknown('output', wanted, choices)}")
    return choices[wanted]


def _needed(file: TFLiteFile, wanted: Sequence[int]) -> list[Operator]:
    """The operators these outputs depend on, in the file's order, which is one of execution."""
    alive, needed = set(wanted), []
    for op in reversed(file.operators):
        if alive.intersection(op.outputs):
            needed.append(op)
            alive.update(op.inputs)
    unsupported = sorted({op.kind for op in needed} - TRANSLATIONS.keys())
    if unsupported:
        raise GraphError(f"{file.path}: operators that are not supported: {', '.join(unsupported)}")
    return needed[::-1]


def _constants(file: TFLiteFile, operators: Sequence[Operator]) -> dict[int, Tensor]:
    constants = {}
    for number in {i for op in operators for i in op.inputs if i >= 0}:
        tensor = file.tensors[number]
        if tensor.data is not None:
            if tensor.dtype in (np.uint8, np.int8, np.int16):
                raise GraphError(
                    f"{file.path}: {tensor.name} is quantised to integers, which is not supported"
                )
            sparse = tensor.sparsity is not None
            data = dense(tensor.data, tensor.shape, tensor.sparsity) if sparse else tensor.data
            constants[number] = torch.from_numpy(np.array(data))
    return constants
