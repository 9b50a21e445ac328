"""Checkpoints of other people's DeepPose, with random weights in their layout."""

import pytest
import torch
from torch import nn

from pose_ros.errors import WeightsError
from pose_ros.nets.deeppose.published import ResNetRegression, load_published


@pytest.fixture(scope="module")
def published():
    """A random ResNet-50 with RLE's head, and its state dict as mmpose 1 saves it."""
    torch.manual_seed(1)
    network = ResNetRegression(50, 17, knows_scale=True).eval()
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(0, 0.1)
    flow = {"head.loss_module.flow_model.loc": torch.zeros(2)}
    return network, network.state_dict() | flow


@pytest.fixture
def save(tmp_path):
    def write(state):
        path = tmp_path / "checkpoint.pth"
        torch.save({"meta": {"epoch": 210}, "state_dict": state}, path)
        return path

    return write


def test_a_checkpoint_gives_the_network_it_was_saved_from(published, save):
    network, state = published
    crop = torch.rand(2, 3, 256, 192, generator=torch.Generator().manual_seed(2)) * 255
    with torch.inference_mode():
        mine, theirs = load_published(save(state))(crop), network(crop)
    for a, b in zip(mine, theirs, strict=True):
        assert a.shape == (2, 17, 2)
        torch.testing.assert_close(a, b, equal_nan=True)
    assert ((mine[1] > 0) & (mine[1] < 1)).all()


def test_names_of_mmpose_before_1(published, save):
    network, state = published
    old = {
        name.replace("head.", "keypoint_head.").replace("loss_module", "loss"): t for name, t in state.items()
    }
    loaded = load_published(save(old))
    torch.testing.assert_close(loaded.head["fc"].weight, network.head["fc"].weight)


def test_a_plain_regression_knows_no_scale(published, save):
    _, state = published
    plain = {name: t for name, t in state.items() if "flow" not in name}
    plain |= {name: plain[name][: 2 * 17] for name in ("head.fc.weight", "head.fc.bias")}
    loaded = load_published(save(plain))
    assert loaded(torch.zeros(1, 3, 256, 192))[1].isnan().all()
    assert sum(p.numel() for p in loaded.parameters()) == 23_508_032 + 2048 * 34 + 34


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("head.fc.weight"), "no regression of 17 joints"),
        (lambda s: s.update({"head.fc.weight": torch.zeros(32, 2048)}), "32 outputs"),
        (lambda s: s.pop("backbone.layer3.2.conv1.weight"), "layer3.2.conv1.weight"),
        (lambda s: s.update({"neck.weight": torch.zeros(3)}), "neck.weight"),
        (lambda s: s.update({"backbone.conv1.weight": torch.zeros(64, 3, 3, 3)}), "backbone.conv1.weight"),
        (lambda s: [s.pop(name) for name in list(s) if "layer3.5" in name], "5, 3"),
    ],
)
def test_what_does_not_fit_is_named(published, save, change, says):
    state = dict(published[1])
    change(state)
    with pytest.raises(WeightsError, match=says):
        load_published(save(state))


def test_other_files_are_refused(tmp_path, save):
    broken = tmp_path / "broken.pth"
    broken.write_bytes(save(nn.Linear(2, 2).state_dict()).read_bytes()[:300])
    for path in (broken, tmp_path / "none.pth", save(nn.Linear(2, 2).state_dict())):
        with pytest.raises(WeightsError):
            load_published(path)
