"""Boxes come back from their corners in a picture and the depth on them."""

import numpy as np
import pytest
from boxes import CAMERA, box_model, drawn

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp, rotation_log
from pose_ros.objects.backends.box_lift import BOX_POINTS, lift_box


def case(seed, camera=CAMERA):
    """A box of 1 : 2 : 3 at most, its pose, size, and what is seen of it."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.08, 0.16, 3)
    turn = rotation_exp(rng.normal(0, 0.5, 3)) @ rotation_exp(np.array([-2.5, 0, 0]))
    pose = RigidTransform(turn, np.array([*rng.uniform(-0.06, 0.06, 2), rng.uniform(0.5, 0.8)]))
    frame, masks = drawn([(box_model("box", size).mesh, pose)], camera)
    pixels = camera.project(pose.apply(BOX_POINTS * size / 2))
    return rng, size, pose, frame, masks[0], pixels


def lifted(frame, mask, pixels):
    camera = frame.camera
    return lift_box(camera.rays(pixels), camera.ray_grid[mask].astype(float), frame.depth[mask])


@pytest.mark.parametrize("seed", range(8))
def test_exact_points_give_the_box(seed):
    _, size, pose, frame, mask, pixels = case(seed)
    found = lifted(frame, mask, pixels)
    turn = rotation_log(pose.rotation.T @ found.camera_from_box.rotation)
    assert np.linalg.norm(turn) < np.radians(3)
    np.testing.assert_allclose(found.camera_from_box.translation, pose.translation, rtol=0.02, atol=0.003)
    np.testing.assert_allclose(found.size, size, rtol=0.07)
    assert found.error < 0.02


@pytest.mark.parametrize("seed", range(8))
def test_noisy_points_are_told_by_the_covariance(seed):
    rng, _, pose, frame, mask, pixels = case(seed)
    found = lifted(frame, mask, pixels + rng.normal(0, 1.5, pixels.shape))
    place = found.camera_from_box.translation - pose.translation
    turn = rotation_log(found.camera_from_box.rotation @ pose.rotation.T)
    error = np.concatenate([place, turn])
    assert error @ np.linalg.solve(found.covariance, error) < 30  # chi squared of 6: 30 is 1 in 25,000
    assert np.linalg.norm(turn) < np.radians(25)
    assert np.linalg.norm(place) < 0.04


def test_distance_scales_the_box():
    _, _, _, frame, mask, pixels = case(3)
    near = lifted(frame, mask, pixels)
    camera = frame.camera
    rays = camera.ray_grid[mask].astype(float)
    far = lift_box(camera.rays(pixels), rays, 2 * frame.depth[mask])
    np.testing.assert_allclose(far.size, 2 * near.size, rtol=1e-6)
    np.testing.assert_allclose(
        far.camera_from_box.translation, 2 * near.camera_from_box.translation, rtol=1e-6
    )


def test_a_ball_touches_its_box():
    size, pose = np.full(3, 0.12), RigidTransform(np.eye(3), np.array([0.02, -0.03, 0.7]))
    rays = CAMERA.ray_grid.reshape(-1, 3).astype(float)
    a, b, c = (rays**2).sum(1), rays @ pose.translation, pose.translation @ pose.translation - 0.06**2
    hit = b**2 > a * c
    depth = (b[hit] - np.sqrt(b[hit] ** 2 - a[hit] * c)) / a[hit]
    found = lift_box(CAMERA.rays(CAMERA.project(pose.apply(BOX_POINTS * size / 2))), rays[hit], depth)
    np.testing.assert_allclose(found.camera_from_box.translation, pose.translation, rtol=0.015)
    np.testing.assert_allclose(found.size, size, rtol=0.05)


def test_a_distorted_lens_makes_no_difference():
    plain = (CAMERA.fx, CAMERA.fy, CAMERA.cx, CAMERA.cy, CAMERA.width, CAMERA.height)
    camera = PinholeCamera(*plain, "plumb_bob", (0.08, -0.1, 0.001, 0.0, 0.0))
    _, size, pose, frame, mask, pixels = case(2, camera)
    found = lifted(frame, mask, pixels)
    np.testing.assert_allclose(found.camera_from_box.translation, pose.translation, rtol=0.03, atol=0.004)
    np.testing.assert_allclose(found.size, size, rtol=0.1)


def test_nothing_measured_or_no_box_is_none():
    _, _, _, frame, mask, pixels = case(1)
    rays, depth = frame.camera.ray_grid[mask].astype(float), frame.depth[mask]
    assert lift_box(frame.camera.rays(pixels), rays, np.full_like(depth, np.nan)) is None
    one = np.broadcast_to(frame.camera.rays(pixels)[:1], (9, 3))
    assert lift_box(one, rays, depth) is None
    elsewhere = rays + [3.0, 0, 0]
    assert lift_box(frame.camera.rays(pixels), elsewhere, depth) is None
