"""torchvision's key-point R-CNN: names, shapes, counts as published, files of random weights in its layout.

It was never run with its published weights here. Where torchvision is installed, its network is the oracle.
"""

import numpy as np
import pytest
import torch

from pose_ros.errors import ConfigError, WeightsError
from pose_ros.human.estimators.keypoint_rcnn import KeypointRCNN, KeypointRCNNConfig
from pose_ros.nets.keypoint_rcnn.published import ResNet50KeypointRCNN, load_published

PARAMETERS = 59_137_258  # torchvision's documentation of KeypointRCNN_ResNet50_FPN_Weights.COCO_V1
TENSORS = 313  # of the published state dict, statistics of norms with it


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ResNet50KeypointRCNN(shorter=96, longer=160).eval()


@pytest.fixture(scope="module")
def state(network):
    state = {n: t.half() for n, t in network.state_dict().items() if "num_batches" not in n}
    # A random head is sure of nothing; this one is sure of persons.
    state["roi_heads.box_predictor.cls_score.bias"] = torch.tensor([-1.0, 1.0])
    return state


@pytest.fixture
def file(state, tmp_path):
    torch.save(state, tmp_path / "keypointrcnn.pth")
    return tmp_path / "keypointrcnn.pth"


def test_as_many_parameters_and_tensors_as_published(network, state):
    norms = {id(p) for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters()}
    count = sum(
        p.numel() for p in network.parameters() if id(p) not in norms
    )  # frozen there, so no parameters
    assert count == PARAMETERS
    assert len(state) == TENSORS


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("backbone.body.conv1.weight", (64, 3, 7, 7)),
        ("backbone.body.bn1.running_var", (64,)),
        ("backbone.body.layer1.0.downsample.1.running_mean", (256,)),
        ("backbone.body.layer4.2.conv3.weight", (2048, 512, 1, 1)),
        ("backbone.fpn.inner_blocks.3.weight", (256, 2048, 1, 1)),
        ("backbone.fpn.layer_blocks.0.bias", (256,)),
        ("rpn.head.conv.weight", (256, 256, 3, 3)),
        ("rpn.head.cls_logits.weight", (3, 256, 1, 1)),
        ("rpn.head.bbox_pred.bias", (12,)),
        ("roi_heads.box_head.fc6.weight", (1024, 12544)),
        ("roi_heads.box_predictor.bbox_pred.weight", (8, 1024)),
        ("roi_heads.keypoint_head.0.weight", (512, 256, 3, 3)),
        ("roi_heads.keypoint_head.14.bias", (512,)),
        ("roi_heads.keypoint_predictor.kps_score_lowres.weight", (512, 17, 4, 4)),
    ],
)
def test_published_names_and_shapes(state, name, shape):
    assert tuple(state[name].shape) == shape


def test_a_file_is_read_whole(network, state, file):
    for parameter in network.parameters():
        parameter.data.zero_()
    read = load_published(file, network).state_dict()
    for name, tensor in state.items():
        torch.testing.assert_close(read[name], tensor.float())


def test_a_file_of_a_newer_torchvision_is_the_same(state, tmp_path, network):
    def newer(name):
        name = name.replace("rpn.head.conv.", "rpn.head.conv.0.0.")
        for block in ("inner_blocks", "layer_blocks"):
            for n in range(4):
                name = name.replace(f"{block}.{n}.", f"{block}.{n}.0.")
        return name

    torch.save({newer(name): tensor for name, tensor in state.items()}, tmp_path / "new.pth")
    network.rpn["head"].conv.weight.data.zero_()
    read = load_published(tmp_path / "new.pth", network).state_dict()
    torch.testing.assert_close(read["rpn.head.conv.weight"], state["rpn.head.conv.weight"].float())
    torch.testing.assert_close(
        read["backbone.fpn.layer_blocks.2.bias"], state["backbone.fpn.layer_blocks.2.bias"].float()
    )


@pytest.mark.parametrize("damage", ["missing", "shape", "strange", "truncated", "text"])
def test_a_wrong_file_says_what_is_wrong(network, state, tmp_path, damage):
    path, changed = tmp_path / "wrong.pth", dict(state)
    if damage == "missing":
        del changed["rpn.head.conv.weight"]
    elif damage == "shape":
        changed["rpn.head.conv.weight"] = torch.zeros(3, 3)
    else:
        changed["head.weight"] = torch.zeros(3)
    torch.save(changed, path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:100_000])
    elif damage == "text":
        path.write_text("not a checkpoint")
    with pytest.raises(WeightsError, match=r"wrong\.pth"):
        load_published(path, network)


def test_the_picture_becomes_as_large_as_torchvision_makes_it():
    network = ResNet50KeypointRCNN.__new__(ResNet50KeypointRCNN)
    torch.nn.Module.__init__(network)
    network.shorter, network.longer = 800, 1333
    network.mean, network.deviation = torch.zeros(3, 1, 1), torch.ones(3, 1, 1)
    for height, width, expected in (
        (480, 640, (800, 1066)),
        (480, 1280, (499, 1333)),
        (200, 100, (1333, 666)),
    ):
        image, size = network.fit(torch.zeros(1, 3, height, width))
        assert size == expected
        assert all(
            side % 32 == 0 and side - 32 < inner for side, inner in zip(image.shape[2:], size, strict=True)
        )


def test_people_lie_in_the_picture_and_the_estimator_tells_no_masks(network, file, monkeypatch):
    small = load_published(file, network)
    monkeypatch.setattr("pose_ros.human.estimators.keypoint_rcnn.load_published", lambda path: small)
    config = KeypointRCNNConfig(variant="resnet50_fpn", weights=str(file), min_score=0.3, max_people=5)
    estimator = KeypointRCNN(config, torch.device("cpu"))
    rgb = np.random.default_rng(0).integers(0, 256, (120, 150, 3)).astype(np.uint8)
    people = estimator.estimate(rgb, 0)
    assert 1 <= len(people) <= 5
    assert people.mask is None
    assert ((people.box_xyxy >= -0.51) & (people.box_xyxy <= np.tile((149.51, 119.51), 2))).all()
    inside = (people.xy >= people.box_xyxy[:, None, :2] - 1) & (people.xy <= people.box_xyxy[:, None, 2:] + 1)
    assert inside.all()
    assert ((people.score > 0) & (people.score <= 1)).all()


def test_it_needs_the_path_of_its_file():
    with pytest.raises(ConfigError, match=r"keypoint_rcnn\.weights"):
        KeypointRCNN(KeypointRCNNConfig(variant="resnet50_fpn"), torch.device("cpu"))


def test_equals_torchvisions_own_network(network, state, tmp_path):
    detection = pytest.importorskip("torchvision.models.detection")
    torch.save(state, tmp_path / "theirs.pth")
    theirs = detection.keypointrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, min_size=96, max_size=160, box_score_thresh=0.3
    ).eval()
    theirs.load_state_dict({n: t.float() for n, t in state.items()})
    for module in theirs.modules():
        if hasattr(module, "running_var"):
            module.eps = 0.0
    image = torch.rand(3, 120, 150)
    expected = theirs([image])[0]
    ours = load_published(tmp_path / "theirs.pth", network)
    seen, size = ours.fit(image[None] * 255)
    found = ours.find(seen, size, 100, 0.3, 0.5)
    ratio = torch.tensor([150 / size[1], 120 / size[0]])
    torch.testing.assert_close(found.boxes * ratio.repeat(2), expected["boxes"], atol=0.05, rtol=1e-3)
    torch.testing.assert_close(found.score, expected["scores"], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.xy * ratio, expected["keypoints"][..., :2], atol=0.05, rtol=1e-3)
