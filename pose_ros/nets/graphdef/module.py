"""The torch module that a TensorFlow graph becomes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, fx, nn

from pose_ros.errors import GraphError, unknown
from pose_ros.nets.fuse import fold_pads, fuse_convolutions
from pose_ros.nets.graphdef.calls import SEVERAL, TRANSLATIONS
from pose_ros.nets.graphdef.file import GraphDefFile, Node, source_of
from pose_ros.nets.graphdef.record import record


class GraphDefModule(nn.Module):
    """module(image) -> tuple of tensors, one for each output asked for; those of four dimensions (B,C,H,W).

    image: (B,C,H,W) float on the module's device, values as the file wants them (Weights.input_range). It is
    recorded anew at the first image of each size, for what SAME pads depends on it. A network that mixes the
    images of a batch runs image by image.
    """

    def __init__(self, file: GraphDefFile, outputs: Sequence[str] | None = None) -> None:
        super().__init__()
        read = {source_of(name) for node in file.nodes.values() for name in node.inputs}
        ends = [name for name, node in file.nodes.items() if name not in read and node.kind != "Const"]
        for name in outputs or ():
            if name not in file.nodes:
                raise GraphError(f"{file.path.name}: {unknown('output', name, ends)}")
        self.outputs = tuple(ends if outputs is None else outputs)
        self._path = file.path
        self._nodes = _in_order(file, self.outputs)
        images = [node for node in self._nodes if node.kind == "Placeholder"]
        shape = images[0].attributes.get("shape", ()) if len(images) == 1 else ()
        if len(shape) != 4 or shape[3] < 1:
            raise GraphError(
                f"{file.path}: one image (N,H,W,C) as input is supported, not "
                f"{[(node.name, node.attributes.get('shape')) for node in images]}"
            )
        self.channels = shape[3]
        # Where the module is. The recordings are no submodules: they are made anew on another device.
        self.register_buffer("_here", torch.empty(0), persistent=False)
        self._recordings: dict[tuple[int, int], tuple[fx.GraphModule, bool]] = {}
        self.eval()

    @property
    def parameter_count(self) -> int:
        constants = (node.attributes["value"] for node in self._nodes if node.kind == "Const")
        return sum(value.size for value in constants if value.dtype.kind == "f")

    @torch.inference_mode()
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        if image.ndim != 4 or image.shape[1] != self.channels:
            wanted = f"(B,{self.channels},H,W)"
            raise GraphError(f"{self._path.name} wants an image {wanted}, got {tuple(image.shape)}")
        size = tuple(image.shape[2:])
        if size not in self._recordings:
            self._recordings[size] = self._record(size)
        network, mixes_batch = self._recordings[size]
        image = image.contiguous(memory_format=torch.channels_last)
        if len(image) == 1 or not mixes_batch:
            return network(image)
        results = [network(one[None]) for one in image]
        return tuple(torch.cat(parts) for parts in zip(*results, strict=True))

    def _record(self, size: tuple[int, int]) -> tuple[fx.GraphModule, bool]:
        example = torch.zeros(1, self.channels, *size).contiguous(memory_format=torch.channels_last)
        network, mixes_batch = record(self._path, self._nodes, self.outputs, example)
        _fold_biases(network)
        fold_pads(network)
        if self._here.device.type == "cpu":
            fuse_convolutions(network, example)
        return network.to(self._here.device), mixes_batch

    def _apply(self, function, recurse: bool = True) -> GraphDefModule:
        super()._apply(function, recurse)
        self._recordings.clear()
        return self


def _in_order(file: GraphDefFile, outputs: Sequence[str]) -> list[Node]:
    """The nodes these outputs depend on, each after its inputs; without recursion, for graphs are deep."""
    done: dict[str, Node] = {}
    waiting: list[str] = list(outputs)[::-1]
    opened: set[str] = set()
    while waiting:
        node = file.nodes[waiting[-1]]
        open_inputs = [source for source in map(source_of, node.inputs) if source not in done]
        if open_inputs and node.name in opened:
            raise GraphError(f"{file.path} is broken: {node.name} depends on itself")
        if open_inputs:
            opened.add(node.name)
            waiting.extend(open_inputs)
        else:
            done.setdefault(waiting.pop(), node)
    unsupported = {node.kind for node in done.values()} - TRANSLATIONS.keys() - {"Const", "Placeholder"}
    if unsupported:
        raise GraphError(f"{file.path}: operators that are not supported: {', '.join(sorted(unsupported))}")
    for name in {name for node in done.values() for name in node.inputs if ":" in name}:
        if done[source_of(name)].kind not in SEVERAL:
            raise GraphError(f"{file.path}: {name}: {done[source_of(name)].kind} has only first outputs here")
    return list(done.values())


def _fold_biases(network: fx.GraphModule) -> None:
    """A bias that follows a convolution becomes the convolution's, and a relu after it works in place."""
    for node in list(network.graph.nodes):
        before = node.args[0] if node.args and isinstance(node.args[0], fx.Node) else None
        if before is None or before.target is not torch.conv2d or len(before.users) > 1:
            continue
        if node.target is torch.relu:
            node.target = torch.relu_
        elif _is_bias(network, node) and before.args[2] is None:
            x, weight, _, *geometry = before.args
            name = f"bias_of_{before.name}"
            network.register_buffer(name, network.get_buffer(node.args[1].target).reshape(-1))
            with network.graph.inserting_before(before):
                bias = network.graph.get_attr(name)
            before.args = (x, weight, bias, *geometry)
            node.replace_all_uses_with(before)
            network.graph.erase_node(node)
    network.recompile()


def _is_bias(network: fx.GraphModule, node: fx.Node) -> bool:
    added = getattr(node.target, "__name__", "") == "add" and isinstance(node.args[1], fx.Node)
    if not added or node.args[1].op != "get_attr":
        return False
    shape = tuple(network.get_buffer(node.args[1].target).shape)
    return len(shape) >= 3 and shape[-2:] == (1, 1) and shape[:-3] in ((), (1,))
