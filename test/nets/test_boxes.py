"""Boxes: overlap and suppression against plain loops, coding there and back, anchors by their definition."""

import pytest
import torch

from pose_ros.nets.boxes import anchors, area, clip, decode, encode, grown, iou, nms


def random_boxes(seed, count=60, side=100.0):
    rng = torch.Generator().manual_seed(seed)
    low = torch.rand(count, 2, generator=rng) * side
    boxes = torch.cat([low, low + (0.05 + torch.rand(count, 2, generator=rng)) * side / 2], 1)
    return boxes, torch.rand(count, generator=rng), torch.randint(0, 3, (count,), generator=rng)


def plain_iou(a, b):
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    common = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common
    return common / union if union > 0 else 0.0


def plain_nms(boxes, score, most_iou, group):
    kept = []
    for n in sorted(range(len(boxes)), key=lambda n: (-score[n], n)):
        if all(group[n] != group[k] or plain_iou(boxes[n], boxes[k]) <= most_iou for k in kept):
            kept.append(n)
    return kept


@pytest.mark.parametrize("seed", range(3))
def test_overlap_is_the_plain_loops(seed):
    boxes, *_ = random_boxes(seed, 12)
    boxes[3, 2:] = boxes[3, :2]
    expected = torch.tensor([[plain_iou(a, b) for b in boxes.tolist()] for a in boxes.tolist()])
    torch.testing.assert_close(iou(boxes, boxes), expected)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("most_iou", [0.1, 0.3, 0.7])
def test_suppression_is_the_plain_loops(seed, most_iou):
    boxes, score, group = random_boxes(seed)
    if seed == 0:
        score = (score * 4).round()  # ties: the earlier box wins
    expected = plain_nms(boxes.double().tolist(), score.tolist(), most_iou, group.tolist())
    assert nms(boxes.double(), score, most_iou, group).tolist() == expected
    alone = plain_nms(boxes.double().tolist(), score.tolist(), most_iou, [0] * len(boxes))
    assert nms(boxes.double(), score, most_iou).tolist() == alone


def test_suppression_of_a_chain_and_of_nothing():
    """Each box overlaps the next only: every other one stays, however long the chain."""
    low = torch.arange(40.0) * 4
    boxes = torch.stack([low, torch.zeros(40), low + 10, torch.ones(40) * 10], 1)
    assert nms(boxes, -low, 0.3).tolist() == list(range(0, 40, 2))
    assert nms(boxes[:0], low[:0], 0.5).tolist() == []


def test_coding_there_and_back():
    boxes, *_ = random_boxes(1)
    reference, *_ = random_boxes(2)
    boxes, reference = boxes.double(), reference.double()
    for weights in ((1, 1, 1, 1), (10, 10, 5, 5)):
        code = encode(boxes, reference, weights)
        torch.testing.assert_close(decode(code, reference, weights), boxes)
    torch.testing.assert_close(encode(reference, reference), torch.zeros_like(reference))
    wild = decode(torch.full((1, 4), 1e4), reference[:1].float())
    assert torch.isfinite(wild).all()


def test_boxes_are_clipped_and_grown():
    box = torch.tensor([[-10.0, 5.0, 30.0, 25.0]])
    assert clip(box, 20, 25).tolist() == [[0, 5, 25, 20]]
    assert grown(box, 1.5).tolist() == [[-20, 0, 40, 30]]
    assert area(grown(box, 2.0)) == 4 * area(box)


def test_anchors_have_their_area_and_shape_about_their_cells_corner():
    boxes = anchors(64, (0.5, 1, 2), (3, 4), (8, 16)).reshape(3, 4, 3, 4)
    size = boxes[..., 2:] - boxes[..., :2]
    torch.testing.assert_close(
        size[..., 1] / size[..., 0], torch.tensor([0.5, 1, 2]).expand(3, 4, 3), rtol=0.03, atol=0
    )
    torch.testing.assert_close(area(boxes), torch.full((3, 4, 3), 64.0**2), rtol=0.03, atol=0)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    assert middle[2, 3, 1].tolist() == [48, 16]
    assert (middle - middle[..., :1, :]).abs().max() < 1


def test_equal_torchvisions():
    ops = pytest.importorskip("torchvision.ops")
    boxes, score, group = random_boxes(3)
    torch.testing.assert_close(iou(boxes, boxes), ops.box_iou(boxes, boxes))
    assert nms(boxes, score, 0.4).tolist() == ops.nms(boxes, score, 0.4).tolist()
    assert nms(boxes, score, 0.4, group).tolist() == ops.batched_nms(boxes, score, group, 0.4).tolist()
