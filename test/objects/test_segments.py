import numpy as np
import pytest
import torch
from known import seen, view_of
from posed import CAMERA, random_pose
from scipy.ndimage import distance_transform_edt

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.segments import FAR, LEAST_POINTS, Outline, distance_to, segments_of
from pose_ros.types import Detections2D


def disc(middle=(320, 240), radius=60.0) -> np.ndarray:
    u, v = np.meshgrid(np.arange(640), np.arange(480))
    return np.hypot(u - middle[0], v - middle[1]) <= radius


def outline_of(mask: np.ndarray) -> Outline:
    return Outline(torch.as_tensor(distance_to(mask))[None], torch.zeros(1, 2))


def test_points_are_those_of_the_mask_and_the_rest_is_handed_on():
    frame, masks = seen([("box", random_pose(np.random.default_rng(n))) for n in (0,)])
    wall = np.zeros_like(masks[0])
    wall[:50, :50] = True
    given = Detections2D(np.stack([wall, masks[0]]), ("", "box"), np.array([0.3, 0.7]))
    segments = segments_of(frame, given, view_of(frame))
    assert (segments.label, segments.index, list(segments.score)) == (("", "box"), (0, 1), [0.3, 0.7])
    np.testing.assert_allclose(segments.points[0, :, 2], 1.4, atol=1e-6)
    column, row = CAMERA.project(segments.points[1].numpy().astype(float)).round().astype(int).T
    assert masks[0][row, column].all()
    np.testing.assert_allclose(frame.depth[row, column], segments.points[1, :, 2], atol=1e-6)
    assert (segments.mask[1].reshape(480, 640).numpy() == masks[0]).all()


@pytest.mark.parametrize("length", [0.05, 0.1, 0.3])
def test_the_extent_is_the_length(length):
    depth = np.full((480, 640), 0.8, np.float32)
    frame, _ = seen([])
    frame.depth[:] = depth
    half = length / 2 * CAMERA.fx / 0.8
    mask = np.zeros((480, 640), bool)
    mask[230:250, round(320 - half) : round(320 + half)] = True
    segments = segments_of(frame, Detections2D.unnamed(mask[None]), view_of(frame))
    assert segments.extent[0] == pytest.approx(length, rel=0.1)


def test_a_few_pixels_of_the_wall_behind_do_not_change_the_extent():
    frame, (mask,) = seen([("ball", RigidTransform(np.eye(3), np.array([0, 0, 0.6])))])
    border = mask & ~np.roll(mask, 3, axis=1)
    frame.depth[border] = np.linspace(0.6, 1.4, border.sum())
    assert 0.01 < border.sum() / mask.sum() < 0.1
    segments = segments_of(frame, Detections2D.unnamed(mask[None]), view_of(frame))
    assert segments.extent[0] == pytest.approx(0.075, abs=0.01)


def test_segments_with_hardly_any_depth_are_left_out():
    frame, _ = seen([])
    masks = np.zeros((3, 480, 640), bool)
    masks[0, 0, : LEAST_POINTS - 1] = True
    masks[1, 0, :LEAST_POINTS] = True
    masks[2, 100:200, 100:200] = True
    frame.depth[100:200, 100:200] = np.nan
    segments = segments_of(frame, Detections2D.unnamed(masks), view_of(frame))
    assert segments.index == (1,)
    none = segments_of(frame, Detections2D.empty(480, 640), view_of(frame))
    assert len(none) == 0
    assert none.points.shape[0] == none.mask.shape[0] == none.outline.away.shape[0] == 0


def test_distances_to_a_mask_are_those_of_scipy_up_to_a_limit():
    mask = disc() | disc((500, 100), 20)
    expected = np.minimum(distance_transform_edt(~mask)[::2, ::2], FAR)
    np.testing.assert_allclose(distance_to(mask), expected, atol=3.0)  # px, at half resolution
    assert (distance_to(np.zeros((480, 640), bool)) == FAR).all()


def test_the_outline_leads_back_to_the_region():
    """The distance falls along its slope, and is nothing within."""
    outline = outline_of(disc(radius=60))
    turn = torch.linspace(0, 6.2, 50)
    around = torch.stack([turn.cos(), turn.sin()], -1)[None]
    middle = torch.tensor([320.0, 240.0])
    for radius in (70, 80, 90):
        distance, slope = outline.outside(middle + radius * around)
        assert torch.allclose(distance, torch.tensor(radius - 60.0), atol=3.0)
        assert ((slope * around).sum(-1) > 0.8).all()
    distance, _ = outline.outside(middle + 50 * around)
    assert (distance == 0).all()


def test_an_outline_of_a_part_of_the_image_is_that_of_the_whole():
    mask = disc()
    whole = outline_of(mask)
    part = Outline(torch.as_tensor(distance_to(mask)[60:200, 80:240])[None], torch.tensor([[160.0, 120.0]]))
    pixel = torch.rand(1, 300, 2, generator=torch.Generator().manual_seed(0)) * 200 + torch.tensor(
        [220.0, 140.0]
    )
    for ours, theirs in zip(part.outside(pixel), whole.outside(pixel), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_pixels_far_outside_are_no_trouble():
    outline = outline_of(disc())
    distance, slope = outline.outside(torch.tensor([[[-1e4, 1e4], [1e5, -50.0]]]))
    assert distance.isfinite().all()
    assert slope.isfinite().all()


def test_the_same_frame_gives_the_same_points():
    frame, masks = seen([("box", RigidTransform(np.eye(3), np.array([0, 0, 0.6])))])
    first, second = (segments_of(frame, Detections2D.unnamed(masks), view_of(frame)).points for _ in "ab")
    assert torch.equal(first, second)
