"""Masks at full size: gaps without depth are closed, what is seen through a thing is not."""

import numpy as np
import pytest
from tabletop import CAMERA

from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.masks import at_full_size
from pose_ros.types import RGBDFrame

THING, BEHIND = 0.7, 0.9  # m


def mask_of(pieces, depth) -> np.ndarray:
    """The mask of piece 1 of cells (240,320), given depth (480,640) m."""
    frame = RGBDFrame(np.zeros((480, 640, 3), np.uint8), depth.astype(np.float32), CAMERA, 0, "camera")
    grid = DepthGrid.of(frame, 0.0015, 3.0)
    return at_full_size(frame, grid, pieces.astype(np.int32), [(np.array([False, True]), 0.5)]).mask[0]


def ring(hole=20) -> np.ndarray:
    pieces = np.zeros((240, 320), np.int32)
    pieces[100:160, 140:200] = 1
    pieces[130 - hole : 130 + hole, 170 - hole : 170 + hole] = 0
    return pieces


def depth_of(pieces, elsewhere=BEHIND) -> np.ndarray:
    return np.where(pieces > 0, THING, elsewhere).repeat(2, 0).repeat(2, 1)


def test_a_mask_is_its_cells():
    pieces = ring(0)
    assert (mask_of(pieces, depth_of(pieces)) == (pieces > 0).repeat(2, 0).repeat(2, 1)).all()


@pytest.mark.parametrize(("inside", "filled"), [(BEHIND, False), (THING, True), (np.nan, True)])
def test_holes(inside, filled):
    pieces = ring()
    depth = depth_of(pieces)
    depth[220:300, 300:380] = inside
    found = mask_of(pieces, depth)
    assert found[221:299, 301:379].all() == filled
    assert found[221:299, 301:379].any() == filled
    assert not found[:195].any()


@pytest.mark.parametrize(("inside", "filled"), [(BEHIND, False), (np.nan, True)])
def test_a_notch_is_closed_where_nothing_is_seen_only(inside, filled):
    pieces = ring(0)
    pieces[100:120, 168:172] = 0
    depth = depth_of(pieces)
    depth[200:240, 336:344] = inside
    found = mask_of(pieces, depth)
    assert found[210:238, 337:343].all() == filled
    assert found[210:238, 337:343].any() == filled


def test_pieces_at_the_border_of_an_odd_picture():
    frame = RGBDFrame(np.zeros((480, 640, 3), np.uint8), np.full((480, 640), 0.7, np.float32), CAMERA, 0, "c")
    grid = DepthGrid.of(frame, 0.0015, 3.0)
    pieces = np.zeros((240, 320), np.int32)
    pieces[230:, 310:] = 1
    found = at_full_size(frame, grid, pieces, [(np.array([False, True]), 0.5)])
    assert found.mask[0].sum() == 400
    assert found.mask[0, 460:, 620:].all()
    assert len(at_full_size(frame, grid, pieces, [])) == 0
