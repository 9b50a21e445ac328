"""ViTPose with small random networks, and one that looks for red; published weights are not run here."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from red_spot import picture, several, somebody
from torch import nn

from pose_ros.errors import ConfigError, WeightsError
from pose_ros.human.estimators.vitpose import ViTPose, ViTPoseConfig, crop, crop_boxes, load_vitpose

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """A function that writes a small random network and returns its folder."""
    transformers = pytest.importorskip("transformers")

    def save(joints=17, **more):
        torch.manual_seed(0)
        backbone = transformers.VitPoseBackboneConfig(
            image_size=[64, 48], patch_size=[16, 16], hidden_size=16, num_hidden_layers=2,
            num_attention_heads=2, out_indices=[2], **more,
        )  # fmt: skip
        config = transformers.VitPoseConfig(backbone_config=backbone, num_labels=joints)
        folder = tmp_path_factory.mktemp("vitpose")
        transformers.VitPoseForPoseEstimation(config).save_pretrained(folder)
        return str(folder)

    return save


@pytest.mark.parametrize("experts", [{}, {"num_experts": 3, "part_features": 4}])
def test_a_random_network_runs_the_whole_way(save, default_weights, data, experts):
    path = data / "human_rgbd" / "color" / "00024.png"
    rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    estimator = ViTPose(ViTPoseConfig(weights=save(**experts), min_score=0.0, same_person=1.0), CPU)
    estimator.warm_up()
    people = estimator.estimate(rgb, 0)
    assert len(people) == 2
    assert np.isfinite(people.xy).all()
    assert ((people.score >= 0) & (people.score <= 1)).all()
    estimator.reset()
    np.testing.assert_array_equal(estimator.estimate(rgb, 0).xy, people.xy)
    assert estimator.parameter_count() > sum(p.numel() for p in estimator.network.parameters()) > 0


class Red(nn.Module):
    """Heat is how red the crop is, a quarter of its size, as wide as crops are told apart (UDP)."""

    def __init__(self, height, width):
        super().__init__()
        backbone = SimpleNamespace(image_size=(height, width), num_experts=1)
        self.config = SimpleNamespace(backbone_config=backbone, num_labels=17)

    def forward(self, pixel_values, dataset_index=None):
        assert dataset_index is None
        mean, spread = 0.485, 0.229
        red = pixel_values[:, :1] * spread + mean - 60 / 255
        size = [side // 4 for side in pixel_values.shape[2:]]
        heat = nn.functional.interpolate(red, size, mode="bilinear", align_corners=True)
        return SimpleNamespace(heatmaps=heat.clamp(min=0).expand(-1, 17, -1, -1))


@pytest.fixture
def red(monkeypatch, default_weights):
    monkeypatch.setattr("pose_ros.human.estimators.vitpose.load_vitpose", lambda weights: Red(256, 192))
    return ViTPose(ViTPoseConfig(), CPU)


def test_what_is_red_is_found_in_pixels_of_the_image(red):
    for seed in range(5):
        x, y = np.random.default_rng(seed).uniform((120, 80), (200, 160))
        people = several(somebody(160, 120), somebody(150, 110, 90, 90), somebody(175, 125, 50, 200))
        seen = red.look(picture(x, y), people)
        assert seen.xy.shape == (3, 17, 2)
        assert np.abs(seen.xy - (x, y)).max() < 0.3
        assert (seen.score > 0.5).all()


def test_blue_is_not_red(red):
    assert red.look(picture(150, 110, (30, 30, 255)), somebody(160, 120)).score.max() < 0.05


def test_crops_have_the_networks_shape_about_the_same_middle():
    boxes = np.array([[10.0, 20, 110, 80], [0, 0, 10, 300], [5, 5, 5, 5]])
    wide = crop_boxes(boxes, 0.75)
    size = wide[:, 2:] - wide[:, :2]
    np.testing.assert_allclose(size[:, 0] / size[:, 1], 0.75)
    np.testing.assert_allclose(wide[:, :2] + wide[:, 2:], boxes[:, :2] + boxes[:, 2:])
    np.testing.assert_allclose(size[0], [125, 125 / 0.75])
    np.testing.assert_allclose(size[1], [281.25, 375])


def test_the_outermost_pixels_look_at_the_edges():
    rgb = np.arange(60, dtype=np.uint8)[None, :, None].repeat(40, 0).repeat(3, 2)
    (one,) = crop(rgb, np.array([[10.0, 5, 40, 35]]), 16, 31)
    np.testing.assert_array_equal(one[:, :, 0], np.arange(10, 41)[None].repeat(16, 0))
    (outside,) = crop(rgb, np.array([[-100.0, -100, -50, -50]]), 16, 16)
    assert not outside.any()


def test_it_crops_as_transformers_does():
    module = pytest.importorskip("transformers.models.vitpose.image_processing_pil_vitpose")
    rgb = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    rgb = cv2.GaussianBlur(rgb, (0, 0), 3)
    box = np.array([50.0, 35, 100, 85])
    (ours,) = crop(rgb, crop_boxes(box[None], 48 / 64), 64, 48)
    center, scale = module.box_to_center_and_scale([50, 35, 50, 50], image_width=48, image_height=64)
    matrix = module.get_warp_matrix(0, center * 2.0, np.array((48, 64)) - 1.0, scale * 200.0)
    theirs = module.scipy_warp_affine(rgb.astype(float), matrix, (64, 48))
    assert np.abs(ours - theirs).max() < 2.5  # colours of 255; cv2 has 32 steps between pixels


def test_a_missing_package_says_how_to_get_it(default_weights, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"pip install 'pose_ros\[vitpose\]'"):
        ViTPose(ViTPoseConfig(), CPU)


def test_missing_and_foreign_weights(save, tmp_path):
    with pytest.raises(WeightsError, match="hf download nobody/nothing"):
        load_vitpose("nobody/nothing")
    with pytest.raises(WeightsError, match=str(tmp_path)):
        load_vitpose(str(tmp_path))
    with pytest.raises(WeightsError, match="of 21 joints"):
        load_vitpose(save(joints=21))
