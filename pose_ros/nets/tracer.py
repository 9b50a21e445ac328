"""Writes a network down as a torch.fx graph."""

from __future__ import annotations

from torch import Tensor, fx, nn


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
