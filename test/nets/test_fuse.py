"""Fusing changes the calls, never the numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import fx, nn

from pose_ros.nets.fuse import fold_pads, fuse_convolutions
from pose_ros.nets.tflite import load_tflite


class Blocks(nn.Module):
    """Pads, convolutions, activations and additions as they come in our networks."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)

        def weights(*shape: int) -> nn.Buffer:
            return nn.Buffer(torch.randn(*shape, generator=generator))

        self.wide, self.deep, self.narrow = weights(8, 3, 3, 3), weights(8, 1, 3, 3), weights(8, 8, 1, 1)
        self.bias = weights(8)

    def forward(self, x):
        x = torch.conv2d(F.pad(x, [1, 1, 2, 2, 0, 0, 0, 0]), self.wide, self.bias, (2, 2), (0, 0), (1, 1), 1)
        x = torch.relu_(x)
        y = torch.conv2d(x, self.deep, self.bias, (1, 1), (1, 1), (1, 1), 8).clamp_(0.0, 6.0)
        y = torch.conv2d(y, self.narrow, self.bias, (1, 1), (0, 0), (1, 1), 1)
        x = torch.relu_(torch.add(x, y))
        y = torch.conv2d(x, self.narrow, None, (1, 1), (0, 0), (1, 1), 1)
        x = torch.add(y, x).clamp_(0.0, 6.0)
        y = torch.conv2d(F.pad(x, [0, 1, 0, 1]), self.deep, self.bias, (2, 2), (0, 0), (1, 1), 8)
        return y, torch.add(torch.conv2d(y, self.narrow, self.bias, (1, 1), (0, 0), (1, 1), 1), self.bias[0])


@pytest.fixture
def recorded():
    return fx.symbolic_trace(Blocks())


@pytest.fixture
def image():
    return torch.randn(2, 3, 17, 14, generator=torch.Generator().manual_seed(2))


def _targets(network: fx.GraphModule) -> list:
    return [node.target for node in network.graph.nodes]


def test_folding_pads_keeps_the_numbers(recorded, image):
    before = recorded(image)
    fold_pads(recorded)
    assert _targets(recorded).count(F.pad) == 1  # the uneven one
    for a, b in zip(recorded(image), before, strict=True):
        torch.testing.assert_close(a, b)


def test_a_pad_of_other_than_zeros_stays(image):
    weight = torch.ones(2, 3, 3, 3)

    class Net(nn.Module):
        def forward(self, x):
            return torch.conv2d(F.pad(x, [1, 1, 1, 1], value=3.0), weight, None, (1, 1), (0, 0), (1, 1), 1)

    network = fx.symbolic_trace(Net())
    before = network(image)
    fold_pads(network)
    torch.testing.assert_close(network(image), before)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_fusing_convolutions_keeps_the_numbers(recorded, image):
    before = recorded(image)
    fuse_convolutions(recorded, image[:1])
    targets = _targets(recorded)
    assert torch.conv2d not in targets
    assert torch.relu_ not in targets
    # The clamp after an addition and the addition of another shape stay.
    assert targets.count("clamp_") == 1
    assert targets.count(torch.add) == 1
    for a, b in zip(recorded(image), before, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_unused_weights_are_let_go(recorded, image):
    fuse_convolutions(recorded, image[:1])
    used = {node.target for node in recorded.graph.nodes if node.op == "get_attr"}
    assert {name for name, _ in recorded.named_buffers()} == used


def test_without_onednn_the_network_gives_the_same(weights_of, monkeypatch):
    """The way of other devices too: nothing is fused for the CPU."""
    path = weights_of("blazepose_lite")
    image = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(3))
    fused = load_tflite(path, ["Identity"])
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    plain = load_tflite(path, ["Identity"])
    (recording,) = plain._recordings.values()
    assert torch.conv2d in _targets(recording.network)
    torch.testing.assert_close(plain(image)[0], fused(image)[0], atol=1e-2, rtol=1e-4)


@pytest.mark.parametrize("name", ["blazepose_detector", "blazepose_full", "movenet_multipose"])
def test_all_of_a_network_moves_to_another_device(name, weights_of):
    """On the meta device, which is everywhere; a constant left on the CPU would meet it and raise."""
    net = load_tflite(weights_of(name))
    height, width = (n if n > 1 else 64 for n in net.inputs[0].shape[1:3])
    image = torch.zeros(2, 3, height, width)
    here = net(image)
    there = net.to("meta")(image.to("meta"))
    assert [(o.device.type, o.shape) for o in there] == [("meta", o.shape) for o in here]


def test_moving_to_where_it_is_keeps_the_recordings(weights_of):
    net = load_tflite(weights_of("face_detector"))
    before = dict(net._recordings)
    assert net.to("cpu")._recordings == before != {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_the_network_gives_the_same(weights_of, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for name in ("blazepose_full", "movenet_multipose"):
        image = torch.rand(2, 3, 256, 256)
        net = load_tflite(weights_of(name))
        here = net(image)
        for a, b in zip(net.cuda()(image.cuda()), here, strict=True):
            assert (a.cpu() - b).abs().max() < 1e-3 * max(1.0, b.abs().max())
