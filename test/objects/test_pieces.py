"""Pieces: where surfaces are cut, which of them are joined, and how much of an outline is a thing's own."""

import numpy as np
import pytest
from tabletop import CAMERA, box, can, look, picture, table

from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.pieces import absorbed, cut_apart, openness, unions
from pose_ros.types import RGBDFrame


def grid_of(depth) -> DepthGrid:
    rgb = np.zeros((*depth.shape, 3), np.uint8)
    return DepthGrid.of(RGBDFrame(rgb, depth.astype(np.float32), CAMERA, 0, "camera"), 0.0015, 3.0)


def pieces_of(shown):
    grid = DepthGrid.of(shown.frame, 0.0015, 3.0)
    things = shown.masks.any(0)[::2, ::2] & grid.valid
    return grid, cut_apart(grid, things, things, grid.folds(np.radians(40)))


def owners(shown, pieces):
    """Piece -> number of the thing that most of it shows."""
    coarse = shown.masks[:, ::2, ::2]
    return {k: int((coarse & (pieces == k)).sum((1, 2)).argmax()) for k in range(1, pieces.max() + 1)}


@pytest.mark.parametrize("seed", range(3))
def test_a_box_is_one_piece_and_two_that_touch_are_two(seed):
    rng = np.random.default_rng(seed)
    pose = look(0.8, rng.uniform(35, 55), yaw=rng.uniform(-20, 20))
    one = picture([box(0, 0, 0, (0.1, 0.08, 0.1), 0.5)], [table()], pose)
    _, pieces = pieces_of(one)
    assert pieces.max() == 1
    assert (pieces[one.masks[0][::2, ::2]] == 1).mean() > 0.97
    # The lower one in front of the other: they meet in an inward fold.
    two = picture([box(0, 0, 0, (0.1, 0.06, 0.12)), box(0, -0.065, 0, (0.1, 0.07, 0.05))], [table()], pose)
    _, pieces = pieces_of(two)
    large = [k for k in range(1, pieces.max() + 1) if (pieces == k).sum() > 150]
    assert sorted(owners(two, pieces)[k] for k in large) == [0, 1]


def test_planes_do_not_fold_and_corners_fold_inwards_only():
    u = CAMERA.ray_grid[..., 0]
    valley, ridge = 1.0 / (1 + np.abs(u)), 1.0 / (1 - np.abs(u))
    slant = 1.0 / (1 + 0.8 * u)
    angle = np.radians(40)
    # 1 / z = 1 + |u|: nearer towards both sides, like a corner of a room.
    assert grid_of(valley).folds(angle)[:, 155:163].mean() > 0.5
    assert grid_of(valley).folds(angle)[:, :140].sum() == 0
    assert grid_of(ridge).folds(angle).sum() == 0
    assert grid_of(slant).folds(angle).sum() == 0
    shallow = 1.0 / (1 + 0.2 * np.abs(u))  # by 23 degrees
    assert grid_of(shallow).folds(angle).sum() == 0


def test_a_jump_is_no_slope_even_through_a_flying_pixel():
    depth = np.full((480, 640), 1.2)
    depth[:, 320:] = 0.8
    right, _ = grid_of(depth).linked
    assert not right[100, 159]
    assert right[100, :159].all()
    assert right[100, 160:].all()
    depth[:, 320:322] = 0.96  # half of each side, in inverse depth
    right, _ = grid_of(depth).linked
    assert not right[100, 159]
    assert not right[100, 160]
    u = CAMERA.ray_grid[..., 0]
    steep = 1.0 / (1 + 5.0 * (u - u.min()))  # steps from cell to cell are up to 1.6 cm
    assert all(linked.all() for linked in grid_of(steep).linked)


def test_unions_hold_every_piece_and_what_fits_best_first():
    shown = picture([can(0, 0, 0, 0.1, 0.1), can(0.3, 0, 0, 0.06, 0.1)], [table()], look(0.8, 45))
    grid, pieces = pieces_of(shown)
    # The first can is cut by hand into two halves of one surface.
    first = pieces == next(k for k, owner in owners(shown, pieces).items() if owner == 0)
    middle = int(np.nonzero(first)[1].mean())
    labels = np.zeros_like(pieces)
    labels[first], labels[(pieces > 0) & ~first] = 1, 3
    labels[:, middle:][first[:, middle:]] = 2
    found = unions(grid, labels)
    assert set(found) == {frozenset([1]), frozenset([2]), frozenset([3]), frozenset([1, 2])}
    assert found[frozenset([1, 2])] > 0.8


def test_a_fold_makes_a_bad_joint():
    # A thin rod leans on the middle of a wall-like box.
    shown = picture(
        [box(0, 0, 0, (0.14, 0.06, 0.14)), box(0, -0.06, 0, (0.06, 0.06, 0.06))], [table()], look(0.8, 35)
    )
    grid, pieces = pieces_of(shown)
    found = unions(grid, absorbed(grid, pieces))
    everything = max(found, key=len)
    assert len(everything) >= 2
    assert found[everything] < 0.9
    assert all(found[frozenset([k])] == 1.0 for k in everything)


def test_splinters_join_what_they_fit_and_no_cell_is_lost():
    shown = picture([can(0, 0, 0, 0.1, 0.1)], [table()], look(0.7, 45))
    grid, pieces = pieces_of(shown)
    columns = np.nonzero(pieces == 1)[1]
    splinter = (pieces == 1) & (np.arange(pieces.shape[1]) > columns.max() - 5)
    assert 20 < splinter.sum() < 300
    labels = np.where(splinter, 2, pieces)
    assert (absorbed(grid, labels) == pieces).all()


def test_openness():
    depth = np.full((60, 60), 1.2, np.float32)
    mask = np.zeros((60, 60), bool)
    mask[20:40, 20:40] = True
    depth[mask] = 0.8
    nobody = np.zeros_like(mask)
    assert openness(mask, depth, nobody, 0.0015, 0) == pytest.approx(1.0)
    assert openness(mask, depth, nobody, 0.0015, 20) < 0.9
    depth[20:40, 40:50] = 0.5  # hides one side
    assert 0.65 < openness(mask, depth, nobody, 0.0015, 0) < 0.85
    depth[20:40, 40:50] = 0.8  # a neighbour at the same depth
    beside = openness(mask, depth, depth == 0.8, 0.0015, 0)
    assert 0.8 < beside < 0.95
