"""Windows about boxes: points and pixels go the same way there and back."""

import cv2
import numpy as np
import pytest

from pose_ros.human.box_crops import BoxCrops

BOXES = np.array([[40.0, 30, 90, 200], [100, 100, 300, 160], [-30, -20, 60, 80]])


def test_a_window_holds_its_box_and_no_more_than_the_margin():
    windows = BoxCrops.around(BOXES, 0.75, 1.25)
    half = windows.height[:, None] * [0.75, 1] / 2
    side = BOXES[:, 2:] - BOXES[:, :2]
    room = 2 * half / side
    assert (room >= 1.25 - 1e-9).all()
    np.testing.assert_allclose(room.min(axis=1), 1.25)


@pytest.mark.parametrize("rows", [64, 200])
def test_points_of_the_crop_go_back_to_where_they_were(rows):
    windows = BoxCrops.around(BOXES, 0.75, 1.1)
    points = np.random.default_rng(1).uniform(-50, 300, (3, 5, 2))
    maps = windows.crop_from_image(rows)
    crop = np.einsum("nij,nkj->nki", maps[..., :2], points) + maps[:, None, :, 2]
    unit = (crop - np.array([rows * 0.75 - 1, rows - 1]) / 2) / rows
    np.testing.assert_allclose(windows.to_image(unit), points, atol=1e-9)


@pytest.mark.parametrize("height", [60.0, 130.0, 620.0])  # enlarged, a little smaller, averaged first
def test_a_blob_lies_where_the_map_says(height):
    y, x = np.mgrid[:700, :600]
    at = np.array([310.3, 340.6])
    blob = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * (height / 12) ** 2))
    rgb = np.repeat(np.uint8(255 * blob)[..., None], 3, 2)
    windows = BoxCrops(np.array([[300.0, 350.0]]), np.array([height]), 0.75)
    crop = windows.cut(rgb, 64)[0, ..., 1].astype(float)
    rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]]
    found = np.array([(crop * columns).sum(), (crop * rows).sum()]) / crop.sum()
    unit = (found - (np.array(crop.shape[::-1]) - 1) / 2) / 64
    np.testing.assert_allclose(windows.to_image(unit[None, None])[0, 0], at, atol=0.01 * height)


def test_outside_the_image_is_black():
    crop = BoxCrops.around(BOXES[2:], 0.75, 1.0).cut(np.full((300, 400, 3), 200, np.uint8), 100)[0]
    assert crop[0, 0].max() == 0
    assert crop[-1, -1].min() == 200


def test_thin_lines_survive_strong_shrinking():
    rgb = np.zeros((1600, 1200, 3), np.uint8)
    cv2.line(rgb, (101, 0), (101, 1599), (255, 255, 255), 3)
    crop = BoxCrops.around([[0, 0, 1199, 1599]], 0.75, 1.0).cut(rgb, 64)[0, ..., 0]
    assert crop.max(axis=1)[2:-2].min() > 20  # in every row


def test_nobody_gives_nothing():
    windows = BoxCrops.around(np.zeros((0, 4)), 0.75, 1.25)
    assert windows.cut(np.zeros((10, 10, 3), np.uint8), 64).shape == (0, 64, 48, 3)
    assert windows.to_image(np.zeros((0, 17, 2))).shape == (0, 17, 2)
