"""Records a TFLite file as a flat torch.fx graph for one size of image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from pose_ros.errors import GraphError
from pose_ros.nets.layouts import Value, laid, lies_as_image
from pose_ros.nets.tflite import images, values  # noqa: F401  they fill TRANSLATIONS
from pose_ros.nets.tflite.calls import TRANSLATIONS, Call
from pose_ros.nets.tflite.file import Operator, TFLiteFile
from pose_ros.nets.tracer import Tracer


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
    known = {number: Value(constant) for number, constant in constants.items()}
    known[file.inputs[0]] = Value(example, tracer.placeholder("image"), image=True)
    mixes_batch = False
    for op in operators:
        translation = TRANSLATIONS[op.kind]
        try:
            operands = [known[i] if i >= 0 else None for i in op.inputs]
            image = lies_as_image(translation.layout, operands)
            shapes = tuple(() if v is None else v.shape for v in operands)
            call = Call(op, shapes, tuple(file.tensors[i] for i in op.outputs), image)
            operands = [laid(v, translation.layout, image) for v in operands]
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


def _translate(call: Call, function: Callable, operands: list[Value | None]) -> list[Value]:
    examples = _several(function(call, *(None if v is None else v.example for v in operands)))
    if all(v is None or v.proxy is None for v in operands) or call.operator.kind == "SHAPE":
        return [Value(e, None, call.image) for e in examples]
    proxies = _several(function(call, *(None if v is None else v.argument for v in operands)))
    return [Value(e, p, call.image) for e, p in zip(examples, proxies, strict=True)]


def _several(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)
