"""The compact key-point R-CNN: its maps decoded against plain loops, its file, images of all kinds."""

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import WeightsError
from pose_ros.human.estimators.keypoint_rcnn import KeypointRCNN, KeypointRCNNConfig
from pose_ros.human.estimators.movenet import MoveNet, MoveNetConfig
from pose_ros.human.training.checkpoint import export
from pose_ros.nets.keypoint_rcnn import CompactKeypointRCNN, load_compact, paint
from pose_ros.nets.keypoint_rcnn.features import JOINTS, Narrow
from pose_ros.nets.keypoint_rcnn.found import peaks, peaks_resized
from pose_ros.nets.mobilenet import FeaturePyramid

MOST_BYTES = 12e6


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    network = CompactKeypointRCNN().eval()
    network.wide.measure(network.narrow(torch.rand(1, 3, 64, 64) * 255).maps)
    return network


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "keypoint_rcnn.pt"
    export(path, network, {})
    return path


def test_small_enough_to_ship(file):
    assert file.stat().st_size <= MOST_BYTES


def test_movenets_pyramid_is_among_the_features(network):
    pyramid = FeaturePyramid()
    pyramid.load_state_dict(network.narrow.state_dict(), strict=False)
    image = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        fine, *_, top = pyramid(image)
        maps, heat = network.narrow(image)
    _, at_stride_4, told = maps[0].split([40, fine.shape[1], 1 + JOINTS], 1)
    torch.testing.assert_close(at_stride_4, fine)
    torch.testing.assert_close(told[:, 1:], heat)
    torch.testing.assert_close(maps[3][:, -top.shape[1] :], top)


def test_movenets_heat_is_where_movenet_finds_the_joints(weights_of, data):
    narrow = Narrow().eval().start_from_movenet(weights_of("movenet_multipose"))
    photo = cv2.imread(str(data / "human_rgbd" / "color" / "00024.png"))[..., ::-1]
    canvas = cv2.resize(photo, (256, 192), interpolation=cv2.INTER_AREA)
    people = MoveNet(MoveNetConfig(min_score=0.4), torch.device("cpu"))._look(canvas, 256)
    with torch.no_grad():
        heat = narrow(torch.from_numpy(canvas.copy()).permute(2, 0, 1)[None].float()).heat[0].sigmoid()
    assert len(people) == 2
    sure = 0
    for joints, scores in zip(people.xy, people.score, strict=True):
        for one, (x, y), score in zip(heat, (joints + 0.5) / 4, scores, strict=True):
            near = one[max(int(y) - 1, 0) : int(y) + 2, max(int(x) - 1, 0) : int(x) + 2]
            sure += score > 0.4
            assert score <= 0.4 or near.max() > 0.3
    assert sure > 15


def test_a_file_gives_the_network_back(network, file):
    image = torch.rand(1, 3, 64, 96) * 255
    with torch.no_grad():
        for ours, read in zip(
            network.features(image).maps, load_compact(file).features(image).maps, strict=True
        ):
            torch.testing.assert_close(read, ours, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("damage", ["truncated", "other", "text"])
def test_a_broken_file_is_refused(file, tmp_path, damage):
    path = tmp_path / "broken.pt"
    path.write_bytes(file.read_bytes()[:50_000] if damage == "truncated" else b"nothing")
    if damage == "other":
        torch.save({"config": {}, "state": {"layer.weight": torch.zeros(2)}}, path)
    with pytest.raises(WeightsError, match=r"broken\.pt"):
        load_compact(path)


@pytest.mark.parametrize("shape", [(240, 320), (30, 640), (100, 40), (480, 640)])
def test_people_and_masks_are_of_the_image_whatever_its_shape(file, shape):
    config = KeypointRCNNConfig(
        weights=str(file), long_side=128, min_score=0.01, max_people=4, most_overlap=0.95
    )
    estimator = KeypointRCNN(config, torch.device("cpu"))
    people = estimator.estimate(np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8), 0)
    assert 1 <= len(people) <= 4
    assert people.mask.shape == (len(people), *shape)
    assert people.mask.dtype == bool
    end = np.tile(shape[::-1], 2) - 0.49
    assert ((people.box_xyxy >= -0.51) & (people.box_xyxy <= end)).all()
    assert ((people.score > 0) & (people.score <= 1)).all()
    assert np.isfinite(people.xy).all()


def test_nobody_is_a_valid_answer(file):
    estimator = KeypointRCNN(KeypointRCNNConfig(weights=str(file), min_score=1.0), torch.device("cpu"))
    people = estimator.estimate(np.zeros((60, 80, 3), np.uint8), 0)
    assert len(people) == 0
    assert people.mask.shape == (0, 60, 80)


def plain_peak(heat, box):
    """One joint's place and score of logits (S,S): the mean of the window about the highest cell."""
    size = len(heat)
    chance = np.exp(heat - heat.max())
    chance /= chance.sum()
    row, column = np.unravel_index(chance.argmax(), chance.shape)
    total, x, y = 0.0, 0.0, 0.0
    for r in range(max(row - 2, 0), min(row + 3, size)):
        for c in range(max(column - 2, 0), min(column + 3, size)):
            total, x, y = total + chance[r, c], x + c * chance[r, c], y + r * chance[r, c]
    cell = (box[2] - box[0]) / size, (box[3] - box[1]) / size
    return box[0] + (x / total + 0.5) * cell[0], box[1] + (y / total + 0.5) * cell[1], total


def test_joints_are_the_plain_loops():
    rng = np.random.default_rng(0)
    heat = rng.normal(size=(3, 5, 12, 12)) * 4
    heat[0, 0, 0, 11] = heat[0, 1, 11, 0] = 30  # peaks in corners
    boxes = np.array([[10, 20, 70, 140], [-5, 0, 7, 9], [0, 0, 12, 12]], float)
    xy, score = (x.numpy() for x in peaks(torch.from_numpy(heat), torch.from_numpy(boxes)))
    for n in range(3):
        for k in range(5):
            expected = plain_peak(heat[n, k], boxes[n])
            np.testing.assert_allclose((*xy[n, k], score[n, k]), expected, atol=1e-9)


def test_both_ways_to_read_a_sharp_peak_agree():
    y, x = torch.meshgrid(torch.arange(56.0), torch.arange(56.0), indexing="ij")
    heat = torch.stack([-((x - a) ** 2 + (y - b) ** 2) / 4 for a, b in ((20.3, 30.1), (8, 47.5))])[None]
    boxes = torch.tensor([[5.0, 10.0, 117.0, 234.0]])
    one, other = peaks(heat, boxes)[0], peaks_resized(heat, boxes)
    assert (one - other).abs().max() < 2.1  # half a pixel, and half a cell of 2 x 4 px


def test_paint_lays_a_ramp_where_it_belongs():
    """Logits that are 0 along a line through the box give a mask that ends at that line."""
    side = np.arange(28) + 0.5
    logits = np.broadcast_to((side - 14).astype(np.float32), (1, 28, 28))  # left half no, right half yes
    mask = paint(logits, np.array([[10.0, 20.0, 90.0, 60.0]]), 100, 120)[0]
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (20, 59, 50, 89)
    assert mask[20:60, 50:90].all()


def test_what_two_people_claim_is_the_surer_ones():
    logits = np.stack([np.full((28, 28), 1.0), np.full((28, 28), 2.0)]).astype(np.float32)
    frames = np.array([[0.0, 0, 40, 40], [20.0, 0, 60, 40]])
    one, other = paint(logits, frames, 40, 60)
    left = np.arange(60) < 20
    np.testing.assert_array_equal(one, np.broadcast_to(left, (40, 60)))
    np.testing.assert_array_equal(other, np.broadcast_to(~left, (40, 60)))
