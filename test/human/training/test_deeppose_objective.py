"""What DeepPose learns from: crops whose joints lie where the pixels say, losses that heed what is known."""

from types import SimpleNamespace
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from pose_ros.errors import SourceError
from pose_ros.human.training.augment import AugmentConfig
from pose_ros.human.training.deeppose import (
    Crops,
    DeepPoseObjective,
    DeepPoseTrainConfig,
    teachers,
    true_crops,
)
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.nets.deeppose import HEIGHT, STAGES, WIDTH, DeepPoseNetwork, Regression

PLAIN = AugmentConfig(flip=0, colour=0, blur=0, noise=0, occluder=0, compress=0)
MIDDLE = (np.array([WIDTH, HEIGHT]) - 1) / 2


def picture(seed):
    """Two people, grey boxes with a white dot at each joint; the second one's feet are out of the picture."""
    rng = np.random.default_rng(seed)
    rgb, owner = np.full((240, 320, 3), 20, np.uint8), np.zeros((240, 320), np.uint8)
    xy = np.zeros((2, 17, 2))
    for person, (x0, y0, x1, y1) in enumerate([(30, 40, 110, 200), (180, 70, 280, 262)]):
        rgb[y0:y1, x0:x1], owner[y0:y1, x0:x1] = 90, person + 1
        xy[person] = rng.uniform((x0 + 8, y0 + 8), (x1 - 8, y1 - 8), (17, 2)).round()
        xy[person, [5, 6, 11, 12]] = [
            (x1 - 20, y0 + 30),
            (x0 + 20, y0 + 30),
            (x1 - 25, y0 + 90),
            (x0 + 25, y0 + 90),
        ]
    xy[1, 15:] = (200, 255), (240, 256)
    for x, y in xy.reshape(-1, 2).astype(int):
        cv2.circle(rgb, (x, y), 4, (255, 255, 255), -1)
    visible = np.ones((2, 17), bool)
    visible[1, 15:] = False
    return TrainingPicture.of(rgb, xy, visible, owner)


@pytest.fixture(scope="module")
def objective():
    torch.manual_seed(0)
    return DeepPoseObjective(DeepPoseTrainConfig(people=3), PLAIN, DeepPoseNetwork(hidden=16))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_joints_lie_on_their_dots_however_the_crop_is_turned(objective, seed):
    crops = objective.batch([picture(seed), picture(seed + 10)], np.random.default_rng(seed))
    assert crops.image.shape == (3, 3, HEIGHT, WIDTH)
    assert crops.labelled.any(1).all()
    for image, xy, labelled in zip(crops.image, crops.xy.numpy(), crops.labelled.numpy(), strict=True):
        x, y = (xy[labelled] * HEIGHT + MIDDLE).round().astype(int).clip(0, (WIDTH - 1, HEIGHT - 1)).T
        assert (image[0].numpy()[y, x] > 180).all()


def test_the_same_rng_gives_the_same_batch(objective):
    pictures = [picture(1), picture(2)]
    a, b = (objective.batch(pictures, np.random.default_rng(7)) for _ in range(2))
    for one, other in zip(vars(a).values(), vars(b).values(), strict=True):
        torch.testing.assert_close(one, other, equal_nan=True)


def test_true_crops_have_the_torso_of_the_whole_picture():
    crops = true_crops([picture(4)])
    diagonal = np.hypot(
        80 - 45, 60
    )  # of the first person, px; the box is 160 px high, the crop 1.25 times that
    assert crops.size[0].item() == pytest.approx(diagonal / (159 * 1.25), rel=1e-4)
    assert not crops.labelled[1, 15:].any()
    assert crops.labelled[0].all()


def test_whoever_is_hardly_seen_teaches_nothing(objective):
    shown = picture(5)
    hidden = TrainingPicture(shown.rgb, shown.xy, shown.labelled, np.zeros((2, 17), bool), shown.owner)
    small = TrainingPicture(shown.rgb, shown.xy, shown.labelled, shown.visible, shown.owner * 0)
    assert teachers(shown) == [0, 1]
    assert teachers(hidden) == teachers(small) == []
    with pytest.raises(SourceError, match="nobody"):
        objective.batch([hidden, small], np.random.default_rng(1))


def test_steps_on_one_batch_lower_its_losses_and_leave_frozen_blocks(objective):
    crops = objective.batch([picture(1)], np.random.default_rng(1))
    network = objective.network
    frozen = network.pyramid.backbone.blocks[3].project.conv.weight
    before = frozen.clone()
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=3e-3)
    totals = []
    for _ in range(6):
        torch.manual_seed(1)
        losses = objective.losses(crops)
        assert losses.keys() >= {"place_1", "place_2", "place_3", "score"}
        total = sum(losses.values())
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        totals.append(total.item())
    assert totals[-1] < 0.9 * totals[0]
    torch.testing.assert_close(frozen, before)


def test_what_is_not_labelled_is_not_learnt(objective):
    crops = true_crops([picture(2)])
    torch.manual_seed(2)
    losses = objective.losses(crops)
    lost = crops.xy.clone()
    lost[~crops.labelled] = torch.nan
    torch.manual_seed(2)
    again = objective.losses(Crops(crops.image, lost, crops.labelled, crops.size))
    for name, loss in losses.items():
        torch.testing.assert_close(again[name], loss)


def test_validation_counts_joints_within_a_fifth_of_the_torso():
    """A network that knows the truth in its last stage, and is off by 0.19, then 0.21 torsos before."""
    crops = true_crops([picture(3)])

    class Knows(nn.Linear):
        config: ClassVar = {}
        pyramid: ClassVar = SimpleNamespace(backbone=SimpleNamespace(stem=nn.Identity(), blocks=[]))

        def forward(self, image, short):
            off = torch.tensor([0.21, 0.19, 0.0])[:, None, None] * crops.size[:, None]
            xy = crops.xy.expand(STAGES, -1, -1, -1).clone()
            xy[..., 0] += off
            return Regression(xy, off, torch.zeros(2, 17))

    figures = DeepPoseObjective(network=Knows(1, 1)).validate([picture(3)])
    assert (figures["pck_1"], figures["pck_2"], figures["pck_3"]) == (0, 1, 1)
    assert figures["score_gap"] == pytest.approx(-0.5)
