"""MobileNetV2 and the feature pyramid: MoveNet's weights give MoveNet's features, and all of it trains."""

import dataclasses

import pytest
import torch

from pose_ros.errors import ShapeError, WeightsError
from pose_ros.nets.mobilenet import (
    FeaturePyramid,
    MobileNetV2,
    Separable,
    start_from_movenet,
    start_from_movenets_heat,
)
from pose_ros.nets.tflite import GraphModule
from pose_ros.nets.tflite.file import read_tflite

# Ends of the names of MoveNet's tensors behind each of our maps, at strides 4, 8, 16, 32.
BLOCKS = ("block_2_add/add", "block_5_add/add", "block_12_add/add", "block_16_project/Conv2D1")
PYRAMID = tuple(f"separable_conv2d_{n}/separable_conv2d1" for n in (2, 1)) + (
    "separable_conv2d/separable_conv2d1",
    "conv2d/bias1",
)


@pytest.fixture(scope="module")
def movenet(weights_of):
    return weights_of("movenet_multipose")


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 3, 96, 64, generator=torch.Generator().manual_seed(5)) * 255


def inside(path, ends, image):
    """What the TFLite graph itself computes at these tensors."""
    file = read_tflite(path)
    made = {op.outputs[0]: file.tensors[op.outputs[0]].name for op in file.operators}
    found = [
        next(i for i, name in made.items() if f"model_1/{end}" in name or name.endswith(end)) for end in ends
    ]
    return GraphModule(dataclasses.replace(file, outputs=tuple(found)))(image)


@pytest.mark.parametrize(("network", "ends"), [(MobileNetV2, BLOCKS), (FeaturePyramid, PYRAMID)])
def test_movenets_weights_give_movenets_features(network, ends, movenet, image):
    network = start_from_movenet(network(), movenet).eval()
    with torch.inference_mode():
        mine, theirs = network(image), inside(movenet, ends, image)
    for stride, a, b, channels in zip((4, 8, 16, 32), mine, theirs, network.channels, strict=True):
        assert a.shape == (1, channels, 96 // stride, 64 // stride)
        torch.testing.assert_close(a, b, atol=2e-4 * float(b.abs().max()), rtol=1e-4)


def test_movenets_maps_of_joints_come_from_its_finest_map(movenet, image):
    pyramid = start_from_movenet(FeaturePyramid(), movenet)
    look, heat = Separable(pyramid.channels[0], 96), torch.nn.Conv2d(96, 17, 1)
    start_from_movenets_heat(look, heat, movenet)
    with torch.inference_mode():
        (theirs,) = inside(movenet, ("kpt_heatmap_0/conv2d_7/Conv2D;conv2d_7/bias1",), image)
        torch.testing.assert_close(heat(look(pyramid(image)[0])), theirs, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("width", "channels"), [(0.5, (16, 16, 48, 160)), (1.0, (24, 32, 96, 320))])
def test_other_widths_have_the_papers_channels(width, channels, image):
    network = MobileNetV2(width)
    assert network.channels == channels
    assert [m.shape[1] for m in network(image)] == list(channels)


def test_every_weight_gets_a_gradient(image):
    network = FeaturePyramid(0.5)
    sum(m.square().mean() for m in network(image)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_images_of_a_batch_do_not_mix(movenet, image):
    network = start_from_movenet(FeaturePyramid(), movenet)
    other = image.flip(3)
    with torch.inference_mode():
        both = network(torch.cat([image, other]))
        alone = network(other)
    for a, b in zip(both, alone, strict=True):
        torch.testing.assert_close(a[1:], b, atol=1e-3, rtol=1e-3)


def test_other_sizes_and_files_are_refused(movenet, weights_of):
    with pytest.raises(ShapeError, match="multiples of 32"):
        MobileNetV2(0.5)(torch.zeros(1, 3, 100, 64))
    with pytest.raises(WeightsError, match="width"):
        start_from_movenet(MobileNetV2(1.0), movenet)
    with pytest.raises(WeightsError, match="MoveNet"):
        start_from_movenet(MobileNetV2(), weights_of("blazepose_full"))
