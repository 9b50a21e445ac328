"""Planes are found whatever their number, tilt and the kind of noise."""

import numpy as np
import pytest
from tabletop import CAMERA, box, look, picture, scattered, table

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.objects.depth_grid import DepthGrid
from pose_ros.objects.planes import find_planes
from pose_ros.types import RGBDFrame


def planes_of(frame, noise=0.0015, least_area=0.03):
    grid = DepthGrid.of(frame, noise, 5.0)
    return grid, find_planes(grid, least_area, 8)


def quantised(depth, rng):
    """Kinect's way: disparity in eighths of a pixel, at 580 px and 75 mm."""
    disparity = 580 * 0.075 / depth + rng.normal(0, 0.06, depth.shape)
    return (580 * 0.075 / (np.round(disparity * 8) / 8)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", ["none", "stereo", "kinect"])
def test_a_table_of_any_tilt(seed, noise):
    rng = np.random.default_rng(seed)
    pose = look(rng.uniform(0.6, 1.3), rng.uniform(25, 85), rng.uniform(-90, 90), rng.uniform(-180, 180))
    shown = picture(scattered(rng, 5), [table(0, 4, 4)], pose, rng if noise == "stereo" else None)
    frame = shown.frame
    if noise == "kinect":
        frame = RGBDFrame(frame.rgb, quantised(frame.depth, rng), frame.camera, 0, "camera")
    _, planes = planes_of(frame)
    normal, distance = pose.rotation[2], pose.translation[2]
    found = planes[0]
    assert found.normal @ normal > np.cos(np.radians(1.0))
    assert 1 / np.linalg.norm(found.plane) == pytest.approx(distance, rel=0.01)
    things = shown.masks.any(0)[::2, ::2]
    assert found.region[~things].mean() > 0.85
    assert found.region[things].mean() < 0.25


def test_all_the_planes_of_a_room():
    scenery = [
        box(0, 0, -0.8, (6, 6, 0.05)),
        box(0, 1.1, -1, (6, 0.1, 4)),
        box(-1.2, 0, -1, (0.1, 6, 4)),
        table(0, 0.7, 0.6),
        table(-0.3, 0.5, 0.5, 0.7),
    ]
    pose = look(1.4, 35, 12, 25)
    _, planes = planes_of(picture([], scenery, pose, np.random.default_rng(1)).frame)
    up, back, left = pose.rotation[2], -pose.rotation[1], pose.rotation[0]
    height = pose.translation[2]
    wanted = [(up, height), (up, height + 0.3), (up, height + 0.75)]
    wanted += [(back, 1.05 - pose.translation[1]), (left, pose.translation[0] + 1.15)]
    for normal, distance in wanted:
        assert any(
            p.normal @ normal > np.cos(np.radians(2.5))
            and abs(1 / np.linalg.norm(p.plane) - distance) < 0.03 * distance
            for p in planes
        ), (normal, distance)


def test_height_is_metres_towards_the_camera():
    pose = look(0.9, 50)
    shown = picture([box(0, 0, 0, (0.1, 0.1, 0.08))], [table(0, 3, 3)], pose)
    grid, planes = planes_of(shown.frame)
    height = planes[0].height(grid)
    world = pose.apply(grid.points.astype(float))
    np.testing.assert_allclose(height[grid.valid], world[..., 2][grid.valid], atol=1.5e-3)
    assert height[grid.valid].max() == pytest.approx(0.08, abs=2e-3)


def test_a_small_plane_is_none():
    shown = picture([], [table(0, 0.2, 0.1)], look(0.6, 60))
    assert planes_of(shown.frame)[1] == []
    assert len(planes_of(shown.frame, least_area=0.01)[1]) == 1


def test_normals_face_the_camera_and_jumps_are_no_slopes():
    shown = picture([box(0, 0, 0, (0.2, 0.2, 0.2), 0.5)], [table(0, 3, 3)], look(0.9, 45))
    grid = DepthGrid.of(shown.frame, 0.0015, 3.0)
    facing = (grid.normals * grid.rays).sum(-1)[grid.valid]
    assert (facing < 0).mean() > 0.999
    up = look(0.9, 45).rotation[2]
    on_table = ~shown.masks[0][::2, ::2]
    assert np.median(grid.normals[on_table & grid.valid] @ up) > 0.999


def test_distortion_bends_no_plane():
    plain = (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, 640, 480)
    camera = PinholeCamera(*plain, "plumb_bob", (0.1, -0.2, 0.001, 0.001, 0.0))
    shown = picture([], [table(0, 4, 4)], look(0.9, 50), camera=camera)
    _, planes = planes_of(shown.frame)
    assert len(planes) == 1
    assert planes[0].normal @ look(0.9, 50).rotation[2] > np.cos(np.radians(0.3))
