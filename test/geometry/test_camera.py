"""Projection and its inverse, with and without a lens."""

import numpy as np
import pytest

from pose_ros.errors import CameraError
from pose_ros.geometry.camera import PinholeCamera

LENSES = {
    "none": (),
    "plumb_bob": (0.1, -0.25, 0.001, -0.0005, 0.07),
    "rational_polynomial": (0.4, -0.5, 1e-4, 1e-4, 0.3, 0.3, -0.4, 0.25),
    "equidistant": (0.01, -0.02, 0.003, -0.001),
}


def camera(model="none"):
    return PinholeCamera(615, 610, 322.5, 238, 640, 480, model, LENSES[model])


@pytest.mark.parametrize("model", LENSES)
def test_project_undoes_unproject(model):
    rng = np.random.default_rng(0)
    pixels = rng.uniform((0, 0), (639, 479), (7, 50, 2))
    depth = rng.uniform(0.3, 6, (7, 50))
    points = camera(model).unproject(pixels, depth)
    np.testing.assert_allclose(points[..., 2], depth)
    np.testing.assert_allclose(camera(model).project(points), pixels, atol=1e-4)


def test_plumb_bob_equals_its_formula():
    """Brown's model as sensor_msgs/CameraInfo states it, written out for one point."""
    k1, k2, p1, p2, k3 = LENSES["plumb_bob"]
    x, y = 0.31, -0.22
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    xd = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    yd = y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    pixel = camera("plumb_bob").project([2 * x, 2 * y, 2.0])
    np.testing.assert_allclose(pixel, [615 * xd + 322.5, 610 * yd + 238])


def test_behind_the_camera_is_nan():
    pixels = camera().project([[0, 0, -1.0], [0, 0, 0], [0, 0, 1], [np.nan, 0, 1]])
    assert np.isnan(pixels[[0, 1]]).all()
    assert np.isnan(pixels[3, 0])
    np.testing.assert_allclose(pixels[2], [322.5, 238])


def test_ray_grid_goes_through_pixel_centres():
    grid = camera().ray_grid
    assert grid.shape == (480, 640, 3)
    np.testing.assert_allclose(grid[100, 200], camera().rays([200, 100]), rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fx": 0.0}, "focal length"),
        ({"fy": np.nan}, "not finite"),
        ({"width": 0}, "size"),
        ({"distortion_model": "fish"}, "valid: none, plumb_bob"),
        ({"distortion_model": "plumb_bob", "distortion": (0.1,)}, "0 or 4 or 5"),
    ],
)
def test_impossible_cameras_are_refused(change, message):
    values = {"fx": 600, "fy": 600, "cx": 320, "cy": 240, "width": 640, "height": 480}
    with pytest.raises(CameraError, match=message):
        PinholeCamera(**(values | change))
