"""DeepPose's cascade: windows follow the joints, and stages add up."""

import pytest
import torch

from pose_ros.errors import WeightsError
from pose_ros.nets.deeppose import HEIGHT, JOINTS, STAGES, WIDTH, DeepPoseNetwork, load_trained
from pose_ros.nets.deeppose.refiner import SIDE, Refiner, torso


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    network = DeepPoseNetwork(hidden=32).eval()
    for refiner in network.refiners:
        torch.nn.init.normal_(refiner.read[-1].weight, std=0.05)
    return network


def crops(count, seed=4):
    return torch.rand(count, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)) * 255


def poses(count, seed=5):
    return torch.rand(count, JOINTS, 2, generator=torch.Generator().manual_seed(seed)) * 0.4 - 0.2


def test_shapes_and_that_people_do_not_mix(network):
    image = crops(3)
    with torch.inference_mode():
        said, alone = network(image), network(image[1:2])
    assert said.xy.shape == (STAGES, 3, JOINTS, 2)
    assert said.log_scale.shape == (STAGES, 3, JOINTS)
    assert said.logit.shape == (3, JOINTS)
    torch.testing.assert_close(said.xy[:, 1:2], alone.xy, atol=1e-4, rtol=1e-3)


def test_fewer_stages_are_the_first_of_all(network):
    with torch.inference_mode():
        said = network(crops(1))
        for stages in range(1, STAGES + 1):
            torch.testing.assert_close(network(crops(1), stages).xy, said.xy[:stages])


def test_windows_are_cut_at_the_joints_from_the_joints_own_maps():
    """A map that holds its own coordinates gives back where it was looked at: the plain loop's answer."""
    height, width = 28, 20
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    unit_x = ((x + 0.5) / width - 0.5) * width / height
    unit_y = (y + 0.5) / height - 0.5
    number = torch.arange(JOINTS)[:, None, None].expand(-1, height, width)
    maps = torch.stack([unit_x.expand_as(number), unit_y.expand_as(number), number], 1).flatten(0, 1)
    xy, half = poses(2) * 0.8, torch.tensor([0.08, 0.15]).reshape(2, 1, 1)
    looks = Refiner.windows(maps.expand(2, -1, -1, -1).float(), xy, half).unflatten(-1, (3, SIDE, SIDE))
    for person in range(2):
        for joint in range(JOINTS):
            for row, column in ((0, 0), (SIDE // 2, SIDE // 2), (SIDE - 1, 2)):
                step = torch.tensor([column, row]) / (SIDE - 1) * 2 - 1
                wanted = xy[person, joint] + step * half[person].squeeze()
                found = looks[person, joint, :, row, column]
                torch.testing.assert_close(found[:2], wanted, atol=1e-5, rtol=0)
                assert found[2] == pytest.approx(joint, abs=1e-4)


def test_a_refiner_cares_for_where_things_are_relative_to_the_joints():
    """Map and joints moved by whole cells: the same displacement."""
    torch.manual_seed(6)
    refiner = Refiner(0.5)
    torch.nn.init.normal_(refiner.read[-1].weight)
    cells, xy = torch.zeros(1, 3 * JOINTS, 56, 56), poses(1) * 0.5
    cells[..., 18:38, 18:38] = torch.randn(1, 3 * JOINTS, 20, 20)
    moved = torch.roll(cells, (3, -4), (2, 3))
    with torch.inference_mode():
        here = refiner(cells, xy)
        there = refiner(moved, xy + torch.tensor([-4, 3]) / 56)
    assert here[..., :2].abs().max() > 1e-3
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-3)


def test_torso_is_the_mean_diagonal_and_never_vanishes():
    xy = torch.zeros(2, JOINTS, 2)
    xy[0, 5], xy[0, 12] = torch.tensor([0.1, 0.0]), torch.tensor([-0.1, 0.2])  # left shoulder, right hip
    xy[0, 6], xy[0, 11] = torch.tensor([-0.1, 0.0]), torch.tensor([0.1, 0.2])
    torch.testing.assert_close(torso(xy)[0], torch.tensor(0.08).sqrt())
    assert torso(xy)[1] > 0


def test_saved_weights_come_back(network, tmp_path):
    path = tmp_path / "own.pt"
    state = {name: tensor.half() for name, tensor in network.state_dict().items()}
    torch.save({"config": network.config, "state": state}, path)
    loaded = load_trained(path)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(crops(1)).xy, network(crops(1)).xy, atol=5e-3, rtol=0)
    for content in (
        {"state": state},
        {"config": {"depth": 3}, "state": state},
        {"config": {}, "state": {}},
        3,
    ):
        torch.save(content, path)
        with pytest.raises(WeightsError, match="DeepPose"):
            load_trained(path)
    path.write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(WeightsError, match="broken"):
        load_trained(path)


def test_short_numbers_change_little(network):
    with torch.inference_mode():
        exact, short = network(crops(2)), network(crops(2), short=True)
    assert short.xy.dtype == torch.float32
    torch.testing.assert_close(short.xy, exact.xy, atol=0.02, rtol=0)
