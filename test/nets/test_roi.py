"""RoIAlign against plain loops, closed forms, finite differences, and torchvision's where it is installed."""

import math

import pytest
import torch

from pose_ros.nets.roi import RoIAlign


def plain(maps, strides, boxes, image, level, size, sampling, aligned):
    """The definition, one sample after the other."""
    out = torch.zeros(len(boxes), maps[0].shape[1], size, size, dtype=maps[0].dtype)
    for n, box in enumerate(boxes.tolist()):
        chosen = maps[level[n]][image[n]]
        x0, y0, x1, y1 = (side / strides[level[n]] - (0.5 if aligned else 0) for side in box)
        width, height = (x1 - x0, y1 - y0) if aligned else (max(x1 - x0, 1), max(y1 - y0, 1))
        for row in range(size):
            for column in range(size):
                for i in range(sampling):
                    for j in range(sampling):
                        y = y0 + height / size * (row + (i + 0.5) / sampling)
                        x = x0 + width / size * (column + (j + 0.5) / sampling)
                        out[n, :, row, column] += look_up(chosen, x, y) / sampling**2
    return out


def look_up(one, x, y):
    _, height, width = one.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return torch.zeros(len(one), dtype=one.dtype)
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    left, top = math.floor(x), math.floor(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    u, v = x - left, y - top
    upper = one[:, top, left] * (1 - u) + one[:, top, right] * u
    lower = one[:, bottom, left] * (1 - u) + one[:, bottom, right] * u
    return upper * (1 - v) + lower * v


def scene(seed, dtype=torch.float64):
    """Two images of three levels, and boxes of all sizes, some partly or wholly outside."""
    rng = torch.Generator().manual_seed(seed)
    maps = [torch.randn(2, 3, 48 // s, 64 // s, generator=rng, dtype=dtype) for s in (4, 8, 16)]
    middle = torch.rand(12, 2, generator=rng, dtype=dtype) * 90 - 15
    size = torch.linspace(1, 60, 12, dtype=dtype)[:, None] * (
        0.5 + torch.rand(12, 2, generator=rng, dtype=dtype)
    )
    boxes = torch.cat([middle - size / 2, middle + size / 2], 1)
    boxes[0] = torch.tensor([10.0, 10.0, 10.0, 10.0])  # of no size
    return maps, (4, 8, 16), boxes, torch.randint(0, 2, (12,), generator=rng)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("size", "sampling", "aligned"), [(2, 2, True), (3, 1, True), (2, 3, False)])
def test_equals_the_plain_loop(seed, size, sampling, aligned):
    maps, strides, boxes, image = scene(seed)
    align = RoIAlign(size, sampling, aligned, canonical=12.0, level=1)
    level = align.level_of(boxes, 3)
    assert set(level.tolist()) == {0, 1, 2}
    expected = plain(maps, strides, boxes, image, level, size, sampling, aligned)
    torch.testing.assert_close(align(maps, strides, boxes, image), expected)


def test_a_linear_map_is_sampled_exactly_at_the_bins_middles():
    """Map cell (i, j) holds its centre's coordinates in pixels, so each bin must hold its own."""
    y, x = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    maps = [((torch.stack([x, y]) + 0.5) * 8)[None]]
    box = torch.tensor([[30.0, 50.0, 170.0, 130.0]])
    bins = RoIAlign(7)(maps, [8], box, torch.zeros(1, dtype=torch.long))[0]
    part = (torch.arange(7) + 0.5) / 7
    torch.testing.assert_close(bins[0], (30 + 140 * part).expand(7, 7))
    torch.testing.assert_close(bins[1], (50 + 80 * part)[:, None].expand(7, 7))


def test_gradients_are_those_of_finite_differences():
    maps, strides, boxes, image = scene(5)
    maps = [one[:, :1].clone().requires_grad_() for one in maps]
    align = RoIAlign(2, canonical=12.0, level=1)
    assert torch.autograd.gradcheck(lambda *m: align(m, strides, boxes[:4], image[:4]), maps)


def test_half_the_side_is_one_level_lower():
    boxes = torch.tensor([[0.0, 0, side, side] for side in (1, 50, 112, 223, 224, 300, 448, 5000)])
    assert RoIAlign(7).level_of(boxes, 4).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_no_boxes_give_no_bins():
    maps, strides, boxes, image = scene(0)
    assert RoIAlign(7)(maps, strides, boxes[:0], image[:0]).shape == (0, 3, 7, 7)


@pytest.mark.parametrize("aligned", [True, False])
def test_equals_torchvisions(aligned):
    ops = pytest.importorskip("torchvision.ops")
    maps, strides, boxes, image = scene(1, torch.float32)
    rois = torch.cat([image[:, None].float(), boxes], 1)
    theirs = ops.roi_align(maps[1], rois, 7, 1 / 8, 2, aligned)
    ours = RoIAlign(7, 2, aligned)(maps[1:2], strides[1:2], boxes, image)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
