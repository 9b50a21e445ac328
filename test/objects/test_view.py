import numpy as np
import pytest
import torch
from known import CPU
from posed import CAMERA

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.objects.view import View, depth_sigma, rectified, straight_image, unrectified
from pose_ros.types import RGBDFrame

LENS = PinholeCamera(500.0, 503.0, 318.0, 242.0, 640, 480, "plumb_bob", (-0.28, 0.08, 0.001, -0.0008, 0.0))


def frame(depth, camera=CAMERA, rgb=None) -> RGBDFrame:
    rgb = np.zeros((*depth.shape, 3), np.uint8) if rgb is None else rgb
    return RGBDFrame(rgb, depth.astype(np.float32), camera, 7, "camera")


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -np.inf, -1.0, 0.0])
def test_no_depth_is_zero(nothing):
    depth = np.full((480, 640), 0.8)
    depth[10, 20] = nothing
    view = View.of(frame(depth), CPU)
    assert view.depth[10, 20] == 0
    assert (view.depth > 0).sum() == depth.size - 1


def test_projection_is_the_cameras_and_tells_what_is_outside():
    rng = np.random.default_rng(0)
    points = rng.uniform([-0.7, -0.6, -0.2], [0.7, 0.6, 1.5], (500, 3))
    view = View.of(frame(np.ones((480, 640))), CPU)
    pixel, place, inside = view.project(torch.as_tensor(points, dtype=torch.float32))
    expected = CAMERA.project(points)
    front = points[:, 2] > 0.01
    np.testing.assert_allclose(pixel[front], expected[front], rtol=1e-4, atol=1e-2)
    column, row = np.round(expected).T
    within = front & (column >= 0) & (column < 640) & (row >= 0) & (row < 480)
    assert (inside.numpy() == within).all()
    assert (place.numpy() == np.where(within, row * 640 + column, 0))[within | ~front].all()


def test_the_slope_of_a_ramp_is_its_own():
    u, v = np.meshgrid(np.arange(640), np.arange(480))
    gray = (20 + 0.2 * u + 0.1 * v).astype(np.uint8)
    view = View.of(frame(np.ones((480, 640)), rgb=np.repeat(gray[..., None], 3, 2)), CPU)
    inner = (slice(50, 430), slice(50, 590))
    place = torch.as_tensor((v * 640 + u)[inner].reshape(-1))
    np.testing.assert_allclose(view.slope(place).mean(0), [0.2, 0.1], atol=0.01)


def test_noise_grows_with_depth():
    sigma = depth_sigma(torch.linspace(0.2, 3, 20))
    assert (sigma.diff() > 0).all()


def test_a_frame_without_distortion_is_left_alone():
    given = frame(np.ones((480, 640)))
    assert rectified(given) is given
    labels = np.eye(480, 640, dtype=np.uint8)
    assert unrectified(labels, CAMERA) is labels


def test_rectified_pixels_show_what_their_straight_rays_meet():
    """Depth that tells the ray: x / z as the lens sees it, at pixels of the straight picture."""
    rays = LENS.ray_grid
    straight = rectified(frame(1 + 0.5 * rays[..., 0], LENS))
    assert not straight.camera.is_distorted
    assert (straight.stamp_ns, straight.frame_id) == (7, "camera")
    known = np.isfinite(straight.depth)
    assert known[100:380, 120:520].all()
    expected = 1 + 0.5 * straight.camera.ray_grid[..., 0]
    assert np.abs(straight.depth - expected)[known].max() < 0.5 / 500 + 1e-3


def test_labels_come_back_to_where_they_were():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 5, (24, 32)), np.ones((20, 20))).astype(np.uint8)
    back = unrectified(straight_image(labels, LENS), LENS)
    inner = (slice(60, 420), slice(80, 560))
    assert (back == labels)[inner].mean() > 0.93
    wrong = straight_image(labels, LENS)
    assert (wrong == labels)[inner].mean() < 0.9  # the lens matters here


def test_depth_that_is_not_there_does_not_appear():
    depth = np.full((480, 640), np.nan)
    depth[200:300, 200:300] = 1.0
    straight = rectified(frame(depth, LENS))
    assert set(np.unique(straight.depth[np.isfinite(straight.depth)])) == {1.0}
    assert np.isnan(straight.depth).sum() > 480 * 640 - 12_000
