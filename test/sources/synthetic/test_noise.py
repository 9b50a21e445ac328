"""What the depth sensor does to walls and boxes whose depth is known."""

import numpy as np
import pytest

from pose_ros.sources.synthetic.noise import DepthSensor

SENSOR = DepthSensor(focal=600)
SHAPE = (240, 320)


def measure(depth, cosine=1.0, brightness=0.5, seed=0):
    full = (np.broadcast_to(np.float32(value), SHAPE) for value in (depth, cosine, brightness))
    return SENSOR.measure(*full, np.random.default_rng(seed))


def test_noise_grows_with_the_square_of_depth():
    spread = {z: np.nanstd(measure(z)) for z in (1.0, 2.0, 4.0)}
    assert 0.0005 < spread[1.0] < 0.004
    assert spread[2.0] / spread[1.0] == pytest.approx(4, rel=0.25)
    assert spread[4.0] / spread[2.0] == pytest.approx(4, rel=0.25)


@pytest.mark.parametrize("z", [0.5, 1.0, 2.5, 5.0])
def test_a_wall_is_where_it_is(z):
    assert np.nanmedian(measure(z)) == pytest.approx(z, rel=0.005)
    assert np.isnan(measure(z)).mean() < 0.02


def test_depth_comes_in_steps_of_disparity():
    depth = measure(3.0)
    steps = SENSOR.focal * SENSOR.baseline / np.unique(depth[np.isfinite(depth)]) * SENSOR.subpixel
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-2)


def test_out_of_range_is_none():
    assert np.isnan(measure(0.2)).all()
    assert np.isnan(measure(9.0)).all()
    assert np.isnan(measure(np.inf)).all()


def test_slant_and_far_darkness_lose_pixels():
    assert np.isnan(measure(2.0, cosine=0.1)).mean() > 10 * np.isnan(measure(2.0)).mean()
    assert np.isnan(measure(2.0, cosine=0.03)).all()
    assert np.isnan(measure(5.0, brightness=0.0)).mean() > 5 * np.isnan(measure(5.0)).mean()
    assert np.isnan(measure(1.0, brightness=0.0)).mean() < 0.02


def test_shadow_lies_beside_the_nearer_thing():
    """A box before a wall: left of it the projector, on the right, does not reach fb (1/near - 1/far) px."""
    depth = np.full(SHAPE, 3.0)
    depth[60:180, 120:200] = 1.0
    lost = np.isnan(measure(depth))[80:160]
    width = SENSOR.focal * SENSOR.baseline * (1 / 1.0 - 1 / 3.0)
    assert width > 20
    assert lost[:, 120 - int(width) + 4 : 116].mean() > 0.98
    assert lost[:, 60 : 120 - int(width) - 4].mean() < 0.05
    assert lost[:, 206:].mean() < 0.05
    assert 0.2 < lost[:, 198:202].mean() < 0.9  # an edge without shadow: some lost, some flying


def test_same_seed_same_noise():
    np.testing.assert_array_equal(measure(2.0, seed=3), measure(2.0, seed=3))
    assert not np.array_equal(measure(2.0, seed=3), measure(2.0, seed=4), equal_nan=True)
