"""ResNet by the names and counts of torchvision's."""

import pytest
import torch

from pose_ros.errors import ConfigError
from pose_ros.nets.resnet import ResNet

# By torchvision's documentation, with the fully connected layer (2048 x 1000 + 1000) that we leave out.
PARAMETERS = {50: 25_557_032, 101: 44_549_160, 152: 60_192_808}


@pytest.mark.parametrize("depth", PARAMETERS)
def test_as_many_parameters_as_published(depth):
    with torch.device("meta"):
        network = ResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[depth] - 2_049_000


def test_names_are_torchvisions():
    with torch.device("meta"):
        state = ResNet(50).state_dict()
    shapes = {
        "conv1.weight": (64, 3, 7, 7),
        "bn1.running_var": (64,),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer1.0.downsample.1.bias": (256,),
        "layer2.0.conv2.weight": (128, 128, 3, 3),
        "layer3.5.bn3.running_mean": (1024,),
        "layer4.2.conv3.weight": (2048, 512, 1, 1),
    }
    assert {name: tuple(state[name].shape) for name in shapes} == shapes
    assert len(state) == 318  # 320 with fc


def test_maps_at_four_strides():
    maps = ResNet(50).eval()(torch.zeros(1, 3, 64, 96))
    assert [tuple(m.shape[1:]) for m in maps] == [(256, 16, 24), (512, 8, 12), (1024, 4, 6), (2048, 2, 3)]


def test_the_stride_sits_in_the_middle_convolution():
    network = ResNet(50)
    for layer in (network.layer2, network.layer3, network.layer4):
        assert layer[0].conv1.stride == (1, 1)
        assert layer[0].conv2.stride == (2, 2)


def test_an_unknown_depth_lists_the_known():
    with pytest.raises(ConfigError, match="50, 101, 152"):
        ResNet(34)
