"""Peaks of heat maps between the cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from pose_ros.human.estimators.dark import decode


def bumps(xy, height=32, width=24, sigma=2.0, top=0.9):
    """Maps (B,K,H,W) of Gaussians about xy (B,K,2) cells."""
    y, x = np.mgrid[:height, :width]
    away = (x - xy[..., 0, None, None]) ** 2 + (y - xy[..., 1, None, None]) ** 2
    return torch.from_numpy(top * np.exp(-away / (2 * sigma**2))).float()


@pytest.mark.parametrize("seed", range(3))
def test_bumps_between_the_cells_are_found(seed):
    xy = np.random.default_rng(seed).uniform((6, 6), (17, 25), (4, 17, 2))
    found, score = decode(bumps(xy))
    # Smoothing with a kernel of finite reach costs a few hundredths of a cell.
    np.testing.assert_allclose(found, xy, atol=0.03)
    assert ((score > 0.7) & (score <= 0.9)).all()


@pytest.mark.parametrize("seed", range(3))
def test_the_step_is_that_of_newton_on_the_smoothed_logarithm(seed):
    """With finite differences in plain loops."""
    rng = np.random.default_rng(seed)
    heat = bumps(rng.uniform((3, 3), (20, 28), (1, 3, 2))) + 0.02 * torch.rand(1, 3, 32, 24)
    found, _ = decode(heat)
    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 0.8**2))
    kernel /= kernel.sum()
    for k in range(3):
        maps = heat[0, k].double().numpy()
        y, x = np.unravel_index(maps.argmax(), maps.shape)
        around = {}
        for dy, dx in itertools.product((-1, 0, 1), repeat=2):
            total = 0.0
            for a, b in itertools.product(range(-5, 6), repeat=2):
                i, j = y + dy + a, x + dx + b
                i, j = (
                    (-i - 1 if i < 0 else 63 - i if i > 31 else i),
                    (-j - 1 if j < 0 else 47 - j if j > 23 else j),
                )
                total += kernel[a + 5] * kernel[b + 5] * maps[i, j]
            around[dy, dx] = np.log(total)
        g = np.array([around[0, 1] - around[0, -1], around[1, 0] - around[-1, 0]]) / 2
        dxx = around[0, 1] - 2 * around[0, 0] + around[0, -1]
        dyy = around[1, 0] - 2 * around[0, 0] + around[-1, 0]
        dxy = (
            around[1, 1] + around[-1, -1] + 2 * around[0, 0]
            - around[0, 1] - around[0, -1] - around[1, 0] - around[-1, 0]
        ) / 2  # fmt: skip
        step = np.linalg.solve([[dxx, dxy], [dxy, dyy]], g)
        np.testing.assert_allclose(found[0, k], np.array([x, y]) - np.clip(step, -1, 1), atol=2e-3)


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_flat_maps_give_a_cell_and_no_nonsense(value):
    xy, score = decode(torch.full((2, 3, 16, 12), value))
    assert torch.isfinite(xy).all()
    assert ((xy >= 0) & (xy <= torch.tensor([11, 15]))).all()
    assert (score == value).all()


@pytest.mark.parametrize("corner", [(0, 0), (23, 0), (0, 31), (23, 31)])
def test_peaks_at_the_edge_stay_near_it(corner):
    xy, _ = decode(bumps(np.array(corner, float)[None, None]))
    assert (abs(xy[0, 0].numpy() - corner) <= 1).all()


def test_it_is_the_reading_of_transformers():
    pytest.importorskip("transformers")
    module = pytest.importorskip("transformers.models.vitpose.image_processing_pil_vitpose")
    xy = np.random.default_rng(5).uniform((3, 3), (20, 28), (4, 17, 2))
    heat = bumps(xy)
    cells, score = module.get_keypoint_predictions(heat.numpy())
    theirs = module.post_dark_unbiased_data_processing(cells, heat.numpy(), kernel=11)
    ours, own_score = decode(heat)
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    np.testing.assert_array_equal(own_score, score[..., 0])
