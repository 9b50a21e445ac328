"""Warping: the anti-diagonals against a plain loop, and what a path must be."""

import numpy as np
import pytest

from pose_ros.apps.posture.warping import warp
from pose_ros.errors import ShapeError


def plain(cost, open_ends, stall):
    """The same sum, cell by cell."""
    rows, columns = cost.shape
    total = np.full((rows, columns), np.inf)
    for i in range(rows):
        for j in range(columns):
            before = [0.0] if (i == 0 and (open_ends or j == 0)) else []
            if i and j:
                before.append(total[i - 1, j - 1])
            if i:
                before.append(total[i - 1, j] + stall)
            if j:
                before.append(total[i, j - 1] + stall)
            total[i, j] = cost[i, j] + min(before)
    return total[-1].min() if open_ends else total[-1, -1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (12, 9), (9, 30)])
@pytest.mark.parametrize("open_ends", [True, False])
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_it_is_the_plain_loop(shape, open_ends, stall):
    for seed in range(8):
        cost = np.random.default_rng(seed).random(shape)
        path, total = warp(cost, open_ends, stall)
        assert total == pytest.approx(plain(cost, open_ends, stall))
        steps = np.diff(path, axis=0)
        stays = (steps.min(axis=1) == 0).sum() if len(steps) else 0
        assert cost[path[:, 0], path[:, 1]].sum() + stall * stays == pytest.approx(total)
        assert set(map(tuple, steps)) <= {(0, 1), (1, 0), (1, 1)}
        assert (path[0, 0], path[-1, 0]) == (0, shape[0] - 1)
        if not open_ends:
            assert (path[0, 1], path[-1, 1]) == (0, shape[1] - 1)


def test_a_stretched_signal_is_found_inside_a_longer_one():
    slow = np.sin(np.linspace(0, 2 * np.pi, 40))
    quick = np.concatenate([np.full(15, 3.0), np.sin(np.linspace(0, 2 * np.pi, 20)), np.full(9, 3.0)])
    path, _ = warp(np.abs(slow[:, None] - quick))
    assert path[0, 1] == pytest.approx(15, abs=1)
    assert path[-1, 1] == pytest.approx(34, abs=1)
    np.testing.assert_allclose(slow[path[:, 0]], quick[path[:, 1]], atol=0.25)


@pytest.mark.parametrize("wrong", [np.zeros((0, 3)), np.zeros(3), np.array([[np.nan]])])
def test_what_is_no_cost_is_refused(wrong):
    with pytest.raises(ShapeError):
        warp(wrong)
