"""Makes a recorded network faster without changing what it computes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp


def fold_pads(network: fx.GraphModule) -> None:
    """Zeros around an image become the padding of the convolution that reads it."""
    for node in network.graph.nodes:
        if node.target is not torch.conv2d:
            continue
        x, weight, bias, stride, padding, *rest = node.args
        if not isinstance(x, fx.Node) or x.target is not F.pad or x.kwargs.get("value") not in (None, 0.0):
            continue
        left, right, top, bottom, *others = x.args[1]
        if left == right and top == bottom and not any(others):
            padding = (padding[0] + top, padding[1] + left)
            node.args = (x.args[0], weight, bias, stride, padding, *rest)
    _clean(network)


def fuse_convolutions(network: fx.GraphModule, example: torch.Tensor) -> None:
    """On the CPU: convolution, addition and activation become one oneDNN call with weights laid out for it.

    These are the calls that torch.compile makes, without its compiler. Does nothing where torch lacks oneDNN.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):
        return
    with torch.no_grad():
        ShapeProp(network).propagate(example)
    for node in list(network.graph.nodes):
        if node.target is torch.conv2d:
            _fuse(network, node)
    _clean(network)


def _fuse(network: fx.GraphModule, node: fx.Node) -> None:
    x, weight, bias, stride, padding, dilation, groups = node.args
    shape = list(x.meta["tensor_meta"].shape)
    geometry = list(padding), list(stride), list(dilation), groups
    packed = torch.ops.mkldnn._reorder_convolution_weight(network.get_buffer(weight.target), *geometry, shape)
    network.register_buffer(f"{weight.target}_packed_{node.name}", packed)
    chain = [node]  # what becomes one call
    other = _addend(node)
    if other is not None:
        chain.append(_only_user(node))
    activation = _activation(_only_user(chain[-1]))
    # oneDNN's addition takes no limits, so there a clamp stays a call of its own.
    if activation is not None and (other is None or activation[0] == "relu"):
        chain.append(_only_user(chain[-1]))
    else:
        activation = None
    name, limits = activation or ("none", [])
    with network.graph.inserting_before(chain[-1]):
        weight = network.graph.get_attr(f"{weight.target}_packed_{node.name}")
        if other is None:
            call, args = torch.ops.mkldnn._convolution_pointwise.default, (x, weight, bias, *geometry)
            fused = network.graph.call_function(call, (*args, name, limits, ""))
        else:
            call, args = torch.ops.mkldnn._convolution_pointwise.binary, (x, other, weight, bias, *geometry)
            unary = None if name == "none" else name
            fused = network.graph.call_function(call, (*args, "add", 1.0, unary, limits, ""))
    fused.meta = chain[-1].meta
    chain[-1].replace_all_uses_with(fused)
    for done in reversed(chain):
        network.graph.erase_node(done)


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _activation(node: fx.Node | None) -> tuple[str, list[float]] | None:
    """oneDNN's name and limits of an activation."""
    if node is None:
        return None
    if node.target is torch.relu_:
        return "relu", []
    if node.target == "clamp_":
        return "hardtanh", list(node.args[1:])
    return None


def _addend(node: fx.Node) -> fx.Node | None:
    """What is added to the convolution's result, if it has the same shape."""
    user = _only_user(node)
    if user is None or user.target is not torch.add:
        return None
    other = user.args[1] if user.args[0] is node else user.args[0]
    alike = isinstance(other, fx.Node) and other is not node and "tensor_meta" in other.meta
    same = alike and other.meta["tensor_meta"].shape == node.meta["tensor_meta"].shape
    return other if same else None


def _clean(network: fx.GraphModule) -> None:
    network.graph.eliminate_dead_code()
    used = {node.target for node in network.graph.nodes if node.op == "get_attr"}
    for name in [name for name, _ in network.named_buffers() if name not in used]:
        delattr(network, name)
    network.graph.lint()
    network.recompile()
