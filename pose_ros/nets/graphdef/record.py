"""Records a TensorFlow graph as a flat torch.fx graph for one size of image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, fx

from pose_ros.errors import GraphError
from pose_ros.nets.graphdef import operators, values  # noqa: F401  they fill TRANSLATIONS
from pose_ros.nets.graphdef.calls import TRANSLATIONS, Call
from pose_ros.nets.graphdef.file import Node
from pose_ros.nets.layouts import Value, laid, lies_as_image
from pose_ros.nets.tracer import Tracer


@torch.no_grad()
def record(
    path: Path, nodes: Sequence[Node], outputs: Sequence[str], example: Tensor
) -> tuple[fx.GraphModule, bool]:
    """network(image (B,C,H,W)) -> tuple of outputs, and whether it takes one image at a time.

    nodes: in an order of execution. What the image does not touch becomes constant.
    """
    tracer, mixes_batch = Tracer(), False
    known: dict[str, Value] = {}  # by "node", or "node:1" for a second output
    for node in nodes:
        if node.kind == "Placeholder":
            known[node.name] = Value(example, tracer.placeholder("image"), image=True)
        elif node.kind == "Const":
            known[node.name] = Value(_constant(path, node))
        else:
            results = _translated(path, node, known)
            known.update({_output(node.name, n): result for n, result in enumerate(results)})
            computed = [result for result in results if result.proxy is not None]
            mixes = TRANSLATIONS[node.kind].mixes
            mixes_batch |= any(mixes or result.shape[:1] != (1,) for result in computed)
    chosen = [known[name] for name in outputs]
    chosen = [value.as_image() if len(value.shape) == 4 else value for value in chosen]
    return tracer.finish(tuple(value.argument for value in chosen)), mixes_batch


def _output(name: str, number: int) -> str:
    return f"{name}:{number}" if number else name


def _constant(path: Path, node: Node) -> Tensor:
    value = node.attributes.get("value")
    if value is None:
        raise GraphError(f"{path}: the constant {node.name!r} has no value, or one of an unknown type")
    return torch.from_numpy(value.copy())


def _translated(path: Path, node: Node, known: dict[str, Value]) -> list[Value]:
    function, layout, _ = TRANSLATIONS[node.kind]
    try:
        operands = [known[name] for name in node.inputs]
        image = lies_as_image(layout, operands)
        call = Call(node, tuple(value.shape for value in operands), image)
        operands = [laid(value, layout, image) for value in operands]
        examples = _several(function(call, *(value.example for value in operands)))
        if all(value.proxy is None for value in operands):
            return [Value(example, None, image) for example in examples]
        proxies = _several(function(call, *(value.argument for value in operands)))
        return [Value(e, p, image) for e, p in zip(examples, proxies, strict=True)]
    except Exception as error:  # a broken file can make torch say anything
        raise GraphError(f"{path}: {node.kind} {node.name!r} cannot be translated: {error}") from error


def _several(result) -> tuple:
    return result if isinstance(result, tuple) else (result,)
