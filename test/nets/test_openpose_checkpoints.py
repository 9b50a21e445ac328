"""The published networks of OpenPose: sizes as published, files by constructed ones of the published names.

None of these was run with its published weights here.
"""

from __future__ import annotations

import protowriter
import pytest
import torch
from torch import nn

from pose_ros.errors import WeightsError
from pose_ros.nets.openpose import Body25, Coco18, Lightweight, load_published
from pose_ros.nets.openpose.checkpoint import read_caffemodel
from pose_ros.nets.openpose.vgg import vgg_front, vgg_layers

# Bytes of the published .caffemodel, which is little but its float32 values; the paper's count in millions.
CAFFE_BYTES = {Coco18: 209_274_056, Body25: 104_715_850}


def count(network):
    return sum(one.numel() for one in network.parameters())


@pytest.fixture(scope="module", params=CAFFE_BYTES, ids=lambda kind: kind.__name__)
def caffe_net(request):
    return request.param()


def test_as_many_parameters_as_the_published_files_have(caffe_net):
    published = CAFFE_BYTES[type(caffe_net)] / 4
    assert 0.9990 * published < count(caffe_net) < published


def test_lightweight_has_the_papers_size():
    assert count(Lightweight()) / 1e6 == pytest.approx(4.1, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [
        (Coco18, "conv4_4_CPM.weight", (128, 256, 3, 3)),
        (Coco18, "conv5_5_CPM_L1.weight", (38, 512, 1, 1)),
        (Coco18, "Mconv1_stage2_L2.weight", (128, 185, 7, 7)),
        (Coco18, "Mconv7_stage6_L2.bias", (19,)),
        (Body25, "prelu4_2.weight", (512,)),
        (Body25, "Mconv1_stage0_L2_0.weight", (96, 128, 3, 3)),
        (Body25, "Mconv2_stage1_L2_0.weight", (128, 384, 3, 3)),
        (Body25, "Mconv1_stage1_L1_0.weight", (128, 206, 3, 3)),
        (Body25, "Mprelu6_stage3_L2.weight", (512,)),
        (Lightweight, "model.0.0.weight", (32, 3, 3, 3)),
        (Lightweight, "model.11.3.weight", (512, 512, 1, 1)),
        (Lightweight, "cpm.trunk.2.2.weight", (128, 128, 1, 1)),
        (Lightweight, "initial_stage.heatmaps.1.0.weight", (19, 512, 1, 1)),
        (Lightweight, "refinement_stages.0.trunk.0.initial.0.weight", (128, 185, 1, 1)),
        (Lightweight, "refinement_stages.0.trunk.4.trunk.1.1.running_var", (128,)),
    ],
)
def test_published_names_and_shapes(kind, name, shape):
    assert kind().state_dict()[name].shape == shape


@pytest.mark.parametrize("kind", [Coco18, Body25, Lightweight])
def test_maps_have_a_cell_for_eight_pixels(kind):
    with torch.inference_mode():
        heat, fields = kind().eval()(torch.zeros(2, 3, 48, 64))
    joints = 25 if kind is Body25 else 18
    assert heat.shape == (2, joints + 1, 6, 8)
    assert fields.shape == (2, 52 if kind is Body25 else 38, 6, 8)


class Small(nn.ModuleDict):
    """As the networks of Caffe, of three layers."""

    def __init__(self):
        layers = {"conv_1": nn.Conv2d(3, 4, 3), "prelu_1": nn.PReLU(4), "conv_2": nn.Conv2d(4, 2, 1)}
        super().__init__(layers)


def blobs(network):
    return {
        name: [value.detach().numpy() for value in layer.parameters()] for name, layer in network.items()
    } | {"relu_1": []}


@pytest.mark.parametrize("old", [False, True])
def test_a_caffemodel_of_today_and_of_old(old, tmp_path):
    source, target, path = Small(), Small(), tmp_path / "pose.caffemodel"
    path.write_bytes(protowriter.caffemodel(blobs(source), old))
    load_published(target, path)
    for name, value in source.state_dict().items():
        torch.testing.assert_close(target.state_dict()[name], value, rtol=0, atol=0)
    assert not target["conv_1"].weight.requires_grad


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_a_caffemodel_that_is_cut(cut, tmp_path):
    data, path = protowriter.caffemodel(blobs(Small())), tmp_path / "pose.caffemodel"
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(WeightsError, match=r"pose\.caffemodel"):
        load_published(Small(), path)


def test_conversions_with_names_of_their_own_and_wrapped_states(tmp_path):
    source, target, path = Small(), Small(), tmp_path / "pose.pth"
    state = {f"module.model1_1.{name}": value for name, value in source.state_dict().items()}
    torch.save({"state_dict": state, "iter": 3}, path)
    load_published(target, path)
    torch.testing.assert_close(target["conv_2"].bias, source["conv_2"].bias.detach())


def test_an_old_state_of_lightweight_has_no_counters(tmp_path):
    source, target, path = Lightweight(), Lightweight(), tmp_path / "old.pth"
    state = {name: value for name, value in source.state_dict().items() if "num_batches" not in name}
    torch.save({"state_dict": state}, path)
    load_published(target, path)
    source.eval()
    x = torch.rand(1, 3, 32, 40) * 255
    with torch.inference_mode():
        torch.testing.assert_close(target(x)[1], source(x)[1])


def test_another_networks_file_says_what_is_wrong(tmp_path):
    path = tmp_path / "pose.pth"
    state = Small().state_dict()
    state["conv_2.weight"] = torch.zeros(2, 5, 1, 1)
    del state["conv_1.bias"]
    state["conv_9.bias"] = torch.zeros(3)
    torch.save(state, path)
    with pytest.raises(WeightsError, match=r"Small: conv_1\.bias is missing; conv_9\.bias is not known"):
        load_published(Small(), path)


@pytest.mark.parametrize("data", [b"", b"not a checkpoint", bytes(300)])
@pytest.mark.parametrize("suffix", [".pth", ".caffemodel"])
def test_files_that_are_no_checkpoints(data, suffix, tmp_path):
    path = tmp_path / f"own{suffix}"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="own"):
        load_published(Small(), path)


def test_a_missing_caffemodel(tmp_path):
    with pytest.raises(WeightsError, match="gone"):
        read_caffemodel(tmp_path / "gone.caffemodel")


def test_the_front_keeps_a_last_odd_row():
    """Caffe rounds the size of a pooled map up."""
    with torch.inference_mode():
        assert vgg_front(nn.ModuleDict(vgg_layers()), torch.zeros(1, 3, 41, 48)).shape == (1, 512, 6, 6)
