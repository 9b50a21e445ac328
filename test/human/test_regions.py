"""Regions cut out what they say and map back to where it came from."""

import cv2
import numpy as np
import pytest

from pose_ros.errors import ShapeError
from pose_ros.human.regions import Regions


def some_regions(seed=0, n=5):
    rng = np.random.default_rng(seed)
    return Regions(rng.uniform(150, 350, (n, 2)), rng.uniform(80, 200, n), rng.uniform(-np.pi, np.pi, n))


def test_a_mark_in_the_image_is_found_in_the_crop_and_mapped_back():
    for region in map(lambda n: some_regions().select(np.array([n])), range(5)):
        mark = region.to_image(np.array([[[0.3, 0.6]]]))[0, 0]
        yy, xx = np.mgrid[:480, :640]
        blob = 255 * np.exp(-((xx - mark[0]) ** 2 + (yy - mark[1]) ** 2) / (2 * 4.0**2))
        crop = region.crop(np.repeat(blob[..., None], 3, -1).astype(np.uint8), 256)[0, ..., 0].astype(float)
        v, u = np.mgrid[:256, :256]
        found = np.array([(crop * u).sum(), (crop * v).sum()]) / crop.sum()
        back = region.to_image(((found + 0.5) / 256)[None, None])[0, 0]
        np.testing.assert_allclose(back, mark, atol=0.1)


def test_up_of_the_region_is_the_top_point():
    center, top = np.array([[200.0, 200], [300, 250]]), np.array([[260.0, 140], [300, 330]])
    regions = Regions.around(center, top, margin=1.25)
    edge = 0.5 - 0.5 / 1.25
    np.testing.assert_allclose(regions.to_image(np.array([[[0.5, edge]]] * 2))[:, 0], top)
    np.testing.assert_allclose(regions.to_image(np.array([[[0.5, 0.5]]] * 2))[:, 0], center)


def test_outside_the_image_is_black():
    region = Regions(np.array([[-500.0, -500]]), np.array([50.0]), np.zeros(1))
    assert not region.crop(np.full((48, 64, 3), 255, np.uint8), 32).any()


def test_crop_without_turn_or_scale_is_the_image():
    rgb = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    region = Regions(np.array([[31.5, 31.5]]), np.array([64.0]), np.zeros(1))
    np.testing.assert_array_equal(region.crop(rgb, 64)[0], rgb)
    assert cv2.absdiff(region.crop(rgb, 64)[0], rgb).max() == 0


def test_joined_and_selected():
    a, b = some_regions(1, 2), some_regions(2, 3)
    both = a.joined(b)
    assert len(both) == 5
    np.testing.assert_array_equal(both.select(np.array([3])).center, b.center[1:2])
    assert len(Regions.empty().crop(np.zeros((4, 4, 3), np.uint8), 8)) == 0


def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError, match="size"):
        Regions(np.zeros((2, 2)), np.zeros(3), np.zeros(2))
