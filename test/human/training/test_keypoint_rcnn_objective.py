"""What the key-point R-CNN learns from: targets that the network's own decoding turns back into the truth."""

import cv2
import numpy as np
import pytest
import torch

from pose_ros.human.training.augment import AugmentConfig
from pose_ros.human.training.keypoint_rcnn import (
    MASK_BINS,
    KeypointRCNNObjective,
    cells_of,
    giou,
    joints_loss,
    mask_loss,
    middles_loss,
)
from pose_ros.human.training.keypoint_rcnn_score import score_pictures
from pose_ros.human.training.keypoint_rcnn_truth import on_canvas, truth_of
from pose_ros.human.training.pictures import TrainingPicture
from pose_ros.nets.boxes import grown, iou
from pose_ros.nets.keypoint_rcnn import CompactKeypointRCNN, paint
from pose_ros.nets.keypoint_rcnn.compact import best_middles
from pose_ros.nets.keypoint_rcnn.found import peaks
from pose_ros.nets.keypoint_rcnn.heads import HEAT, JOINTS, STRIDE
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

PLAIN = AugmentConfig(flip=0, colour=0, blur=0, noise=0, occluder=0, compress=0)
NOBODY = TrainingPicture.of(
    np.zeros((192, 256, 3), np.uint8),
    np.zeros((0, 17, 2)),
    np.zeros((0, 17), bool),
    np.zeros((192, 256), np.uint8),
)


def picture(seed):
    """Two people, ellipses with a white dot at each joint; one covers a part of the other."""
    rng = np.random.default_rng(seed)
    rgb, owner = np.full((192, 256, 3), 20, np.uint8), np.zeros((192, 256), np.uint8)
    xy = np.zeros((2, 17, 2))
    for person, (middle, half) in enumerate([((80, 90), (40, 70)), ((140, 110), (45, 60))]):
        cv2.ellipse(rgb, middle, half, 0, 0, 360, (90, 60, 120), -1)
        cv2.ellipse(owner, middle, half, 0, 0, 360, person + 1, -1)
        xy[person] = np.array(middle) + rng.uniform(-0.6, 0.6, (17, 2)) * half
    x, y = xy.round().astype(int).transpose(2, 0, 1)
    visible = owner[y, x] == [[1], [2]]
    for x, y in xy[visible].round().astype(int):
        cv2.circle(rgb, (x, y), 3, (255, 255, 255), -1)
    return TrainingPicture.of(rgb, xy, visible, owner)


@pytest.fixture(scope="module")
def objective():
    torch.manual_seed(0)
    return KeypointRCNNObjective(CompactKeypointRCNN())


@pytest.mark.parametrize("seed", range(4))
def test_joints_masks_and_pixels_move_together(seed):
    rng = np.random.default_rng(seed)
    truth = truth_of([on_canvas(picture(seed), rng, (256, 256), PLAIN)])
    white = cv2.dilate(truth.image[0].permute(1, 2, 0).numpy().min(-1), np.ones((3, 3)))
    for box, xy, weight, mask in zip(truth.boxes, truth.xy, truth.weight, truth.mask[:, 0], strict=True):
        seen = xy[weight == 1].numpy()
        inside = ((seen > 6) & (seen < 250)).all(1)
        x, y = seen[inside].astype(int).T
        assert (white[y, x] > 150).all()
        pixels = torch.nonzero(mask).flip(-1)
        labelled = xy[weight > 0]
        assert ((pixels >= box[:2].floor()) & (pixels < box[2:])).all()
        assert ((labelled >= box[:2] - 1) & (labelled <= box[2:] + 1)).all()


def test_joints_learnt_are_joints_told():
    """Logits of the shares that are learnt, decoded, are the joints; and they are cheaper than any others."""
    truth = truth_of([picture(1)])
    frame, person = grown(truth.boxes, 1.2), torch.arange(2)
    cells, shares = cells_of(truth.xy, frame)
    chance = torch.full((2, JOINTS, HEAT * HEAT), 1e-9).scatter(2, cells, shares.clamp(min=1e-9))
    logits = chance.log().reshape(2, JOINTS, HEAT, HEAT)
    xy, score = peaks(logits, frame)
    torch.testing.assert_close(xy, truth.xy, atol=0.02, rtol=0)
    assert (score > 0.99).all()
    best = joints_loss(logits, frame, person, truth)
    for moved in (logits.roll(2, 3), logits.roll(1, 2), logits * 0):
        assert joints_loss(moved, frame, person, truth) > best + 0.1


def test_joints_outside_of_the_box_and_not_labelled_cost_nothing():
    truth = truth_of([picture(2)])
    frame = truth.boxes.clone()
    frame[:, 2:] = frame[:, :2] + (frame[:, 2:] - frame[:, :2]) / 2
    _, shares = cells_of(truth.xy, frame)
    outside = ((truth.xy < frame[:, None, :2]) | (truth.xy >= frame[:, None, 2:])).any(-1)
    assert 0 < outside.sum() < outside.numel()
    assert (shares.sum(-1)[outside] == 0).all()
    torch.testing.assert_close(shares.sum(-1)[~outside], torch.ones(int((~outside).sum())))
    truth.weight.zero_()
    assert joints_loss(torch.randn(2, JOINTS, HEAT, HEAT), frame, torch.arange(2), truth) == 0


def test_masks_learnt_are_masks_painted():
    truth = truth_of([picture(3)])
    frame, person = grown(truth.boxes, 1.2), torch.arange(2)
    wanted = MASK_BINS([truth.mask], [1], frame, person)[:, 0]
    logits = torch.logit(wanted, eps=1e-3)
    painted = paint(logits.numpy(), frame.numpy(), 192, 256)
    for mine, true in zip(painted, truth.mask[:, 0].numpy() > 0, strict=True):
        assert (mine & true).sum() / (mine | true).sum() > 0.95
    assert not painted.all(0).any()  # a pixel is one person's
    assert mask_loss(logits, frame, person, truth) < mask_loss(logits.roll(1, 2), frame, person, truth) - 0.02


def test_middles_learnt_propose_the_people():
    truth = truth_of([picture(4), picture(5)])
    heat, boxes = torch.full((2, 1, 24, 32), -9.0), torch.zeros(2, 4, 24, 32)
    for box, image in zip(truth.boxes, truth.of, strict=True):
        column, row = ((box[:2] + box[2:]) / 2 / STRIDE).long()
        heat[image, 0, row, column] = 9.0
        boxes[image, :, row - 3 : row + 4, column - 3 : column + 4] = box[:, None, None]
    proposed, chance, image = best_middles(heat, boxes, 2)
    assert (chance > 0.99).all()
    assert (iou(proposed, truth.boxes) * (image[:, None] == truth.of)).max(0).values.min() > 0.999
    middle, _ = middles_loss(heat, boxes, truth)
    assert middle < 0.05
    assert middles_loss(heat.roll(2, 3), boxes, truth)[0] > 5


def test_giou_is_iou_where_one_box_holds_the_other_and_falls_with_the_gap():
    a = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
    inner, far, farther = (
        torch.tensor([box]) for box in ([2.0, 2, 6, 7], [20.0, 0, 30, 10], [40.0, 0, 50, 10])
    )
    torch.testing.assert_close(giou(a, inner), iou(a, inner)[0])
    assert giou(a, a) == 1
    assert 0 > giou(a, far) > giou(a, farther) > -1


def test_what_is_learnt_has_a_gradient_and_movenets_features_have_none(objective):
    truth = objective.batch([picture(1), picture(2)], np.random.default_rng(0))
    sum(objective.losses(truth).values()).backward()
    for name, parameter in objective.network.named_parameters():
        if name.startswith("narrow."):
            assert parameter.grad is None
        else:
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name
    objective.network.zero_grad()


def test_a_few_steps_make_every_loss_smaller(objective):
    torch.manual_seed(1)
    truth = truth_of([picture(1), picture(2)])
    learnt = [p for p in objective.network.parameters() if p.requires_grad]
    optimiser, history = torch.optim.AdamW(learnt, lr=1e-3), []
    for _ in range(12):
        losses = objective.losses(truth)
        history.append({name: value.item() for name, value in losses.items()})
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    assert sum(history[-1].values()) < 0.9 * sum(history[0].values())
    assert all(history[-1][name] < history[0][name] for name in ("middle", "mask", "joints"))


def test_pictures_of_nobody_are_learnt_from(objective):
    losses = objective.losses(truth_of([NOBODY, NOBODY]))
    assert torch.isfinite(sum(losses.values()))
    assert losses["joints"] == losses["mask"] == 0


def test_figures_of_a_perfect_estimate_are_perfect_and_of_none_are_nothing():
    def perfect(rgb):
        one = next(p for p in pictures if p.rgb is rgb)
        score = np.ones((2, 17))
        return Keypoints2D(one.xy, score, one.box_xyxy, COCO_17, mask=one.mask).select([1, 0])

    pictures = [picture(1), picture(2)]
    assert score_pictures(perfect, pictures) == {
        "pck_0.2": 1.0, "mask_iou_found": 1.0, "mask_iou_all": 1.0, "found": 1.0, "invented": 0.0
    }  # fmt: skip
    nothing = score_pictures(lambda rgb: Keypoints2D.empty(COCO_17), pictures)
    assert set(nothing.values()) == {0.0}
    half = score_pictures(lambda rgb: perfect(rgb).select([0]), pictures)
    assert half["mask_iou_found"] == 1.0
    assert half["mask_iou_all"] == half["pck_0.2"] == half["found"] == 0.5
