"""Registered depth against scenes whose depth is known in both cameras."""

import numpy as np
import pytest

from pose_ros.errors import FrameError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.depth import register_depth
from pose_ros.geometry.rigid import RigidTransform

DEPTH = PinholeCamera(300, 300, 159.5, 119.5, 320, 240)
COLOR = PinholeCamera(620, 618, 322, 241, 640, 480, "plumb_bob", (0.05, -0.1, 0, 0, 0.02))
COLOR_FROM_DEPTH = RigidTransform.exp(np.array([0.025, 0.001, 0.002, 0.01, -0.02, 0.005]))


def plane_depth(camera, normal, offset):
    """Depth of the plane normal·x = offset along every pixel's ray."""
    return (offset / (camera.ray_grid @ normal)).astype(np.float32)


def test_plane_lands_where_the_colour_camera_sees_it():
    normal, offset = np.array([0.2, -0.1, 1.0]), 2.0
    moved_normal = COLOR_FROM_DEPTH.rotation @ normal
    moved_offset = offset + moved_normal @ COLOR_FROM_DEPTH.translation
    registered = register_depth(plane_depth(DEPTH, normal, offset), DEPTH, COLOR, COLOR_FROM_DEPTH)
    middle = (slice(60, 420), slice(80, 560))
    assert np.isfinite(registered[middle]).mean() > 0.999, "no grid of holes"
    truth = plane_depth(COLOR, moved_normal, moved_offset)
    assert np.nanmax(np.abs(registered - truth)[middle]) < 0.01


def test_nearest_surface_wins():
    depth = np.full((240, 320), 3.0, np.float32)
    depth[100:140, 140:180] = 1.0
    registered = register_depth(depth, DEPTH, COLOR, RigidTransform(np.eye(3), [0.3, 0, 0]))
    u, v = np.round(COLOR.project([0.3, 0, 1.0])).astype(int)
    assert registered[v, u] == pytest.approx(1.0)


def test_identity_keeps_depth_and_its_holes():
    depth = np.random.default_rng(0).uniform(0.5, 4, (240, 320)).astype(np.float32)
    depth[::7] = np.nan
    np.testing.assert_allclose(
        register_depth(depth, DEPTH, DEPTH, RigidTransform.identity()), depth, rtol=1e-6
    )


def test_wrong_size_is_refused():
    with pytest.raises(FrameError, match="its camera says"):
        register_depth(np.ones((10, 10), np.float32), DEPTH, COLOR, COLOR_FROM_DEPTH)
