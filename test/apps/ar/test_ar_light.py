"""The light of a scene: known lights are recovered from shaded scenes; where nothing tells, what is usual."""

from functools import cache

import numpy as np
import pytest
import trimesh
from ar_scene import cast_rays

from pose_ros.apps.ar.colour import to_light, to_rgb
from pose_ros.apps.ar.light import ABOVE, Light, LightTracker, estimate_light
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sources.synthetic.noise import DepthSensor

CAMERA = PinholeCamera(290, 290, 159.5, 119.5, 320, 240)
# Light from the left, from the right, from the camera, from straight above, from the side and below.
DIRECTIONS = np.array(
    [[-0.8, -0.5, -0.4], [0.7, -0.6, -0.4], [0.1, -0.2, -1], [0, -1, -0.3], [0.7, 0.3, -0.6]]
)
DIRECTIONS /= np.linalg.norm(DIRECTIONS, axis=1, keepdims=True)


@cache
def scene():
    """Balls on a floor before a wall: depth (H,W), normals (H,W,3), which part each pixel shows (H,W)."""
    parts = []
    for x, y, z, radius in (
        (-0.6, 0.2, 2.0, 0.4),
        (0.5, 0.1, 2.3, 0.5),
        (0.0, 0.45, 1.6, 0.25),
        (0.1, -0.5, 2.6, 0.35),
    ):
        ball = trimesh.creation.icosphere(4, radius)
        ball.apply_translation([x, y, z])
        parts.append(ball)
    for extents, centre in (((8, 0.1, 8), (0, 0.85, 3)), ((8, 8, 0.1), (0, 0, 3.4))):
        slab = trimesh.creation.box(extents)
        slab.apply_translation(centre)
        parts.append(slab)
    whole = trimesh.util.concatenate(parts)
    owner = np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts])
    mesh = Mesh.plain(np.array(whole.vertices), np.array(whole.faces))
    triangle, weights, depth = cast_rays(mesh, RigidTransform.identity(), CAMERA, 1)
    normals = np.einsum(
        "...k,...kc->...c", weights[:, :, 0], np.array(whole.vertex_normals)[mesh.triangles[triangle[..., 0]]]
    )
    flat = owner[triangle[..., 0]] >= 4
    normals[flat] = mesh.normals[triangle[..., 0]][flat]
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return depth[..., 0].astype(np.float32), normals, owner[triangle[..., 0]]


def picture(light, albedo=0.18, noise=0.0, seed=0):
    """albedo: one, or one a part (6,)."""
    depth, normals, owner = scene()
    reflected = np.broadcast_to(albedo, 6)[owner][..., None] * light.on(normals)
    rng = np.random.default_rng(seed)
    reflected = reflected * (1 + noise * rng.normal(size=depth.shape))[..., None]
    return to_rgb(reflected), depth


def angle(a, b):
    return np.degrees(np.arccos(np.clip(a @ b, -1, 1)))


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("share", [0.6, 1.5])
def test_a_known_light_is_recovered(direction, share):
    truth = Light(direction, np.full(3, 0.45), np.full(3, 0.45 * share))
    rgb, depth = picture(truth)
    light = estimate_light(rgb, depth, CAMERA)
    assert angle(light.direction, direction) < 6
    # A light beside the camera is hard to tell from one that is everywhere.
    np.testing.assert_allclose(light.directed / light.ambient, share, rtol=0.25)
    np.testing.assert_allclose(light.ambient + light.directed / 2, 0.45 * (1 + share / 2), rtol=0.2)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_noise_of_picture_and_depth_and_holes_do_little(direction):
    truth = Light(direction, np.full(3, 0.4), np.full(3, 0.6))
    rgb, depth = picture(truth, noise=0.2)
    rng = np.random.default_rng(1)
    sensor = DepthSensor(CAMERA.fx, near=0.2)
    cosine = np.abs((scene()[1] * CAMERA.ray_grid).sum(-1)) / np.linalg.norm(CAMERA.ray_grid, axis=-1)
    measured = sensor.measure(depth, cosine, np.full(depth.shape, 0.5), rng).astype(np.float32)
    measured[rng.random(depth.shape) < 0.1] = np.nan
    assert angle(estimate_light(rgb, measured, CAMERA).direction, direction) < 15


def test_surfaces_of_unlike_albedo_leave_it_nearer_to_the_truth_than_a_guess():
    """Each part has an albedo of its own: what the picture tells is uncertain, and still worth something."""
    estimated, guessed = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        direction = rng.normal(size=3) * [1, 0.5, 0.5] + [0, -0.7, -0.5]
        direction /= np.linalg.norm(direction)
        truth = Light(direction, np.full(3, 0.4), np.full(3, 0.8))
        rgb, depth = picture(truth, rng.uniform(0.1, 0.3, 6), noise=0.1, seed=seed)
        estimated.append(angle(estimate_light(rgb, depth, CAMERA).direction, direction))
        guessed.append(angle(ABOVE, direction))
    assert np.mean(estimated) < 0.75 * np.mean(guessed)
    assert np.max(estimated) < 60


def test_coloured_light_colours():
    warm = np.array([1.15, 1.0, 0.85])
    rgb, depth = picture(Light(DIRECTIONS[0], 0.4 * warm, 0.4 * warm))
    light = estimate_light(rgb, depth, CAMERA)
    total = light.ambient + light.directed / 2
    np.testing.assert_allclose(total / total.mean(), warm, atol=0.03)
    # A red room is red by its paint, not by its light: hardly believed.
    rgb, depth = picture(Light(DIRECTIONS[0], 0.4 * np.array([2, 0.3, 0.3]), np.full(3, 0.1)))
    total = (lambda found: found.ambient + found.directed / 2)(estimate_light(rgb, depth, CAMERA))
    assert total.max() / total.min() < 1.8


def test_a_dark_picture_has_a_weak_light_and_a_black_one_a_little():
    bright, dark = (
        estimate_light(*picture(Light(ABOVE, np.full(3, a), np.full(3, a))), CAMERA) for a in (0.6, 0.2)
    )
    assert dark.ambient.mean() < 0.5 * bright.ambient.mean()
    depth = scene()[0]
    black = estimate_light(np.zeros((*depth.shape, 3), np.uint8), depth, CAMERA)
    assert (black.ambient + black.directed).min() > 0
    assert (black.ambient + black.directed).max() < 0.4


@pytest.mark.parametrize("value", [np.nan, 2.0], ids=["no depth", "a wall"])
def test_where_nothing_tells_the_light_is_the_usual_one_as_bright_as_the_picture(value):
    rgb = np.random.default_rng(0).integers(80, 160, (240, 320, 3), dtype=np.uint8)
    light = estimate_light(rgb, np.full((240, 320), value, np.float32), CAMERA)
    np.testing.assert_allclose(light.direction, ABOVE)
    np.testing.assert_allclose(
        light.ambient + light.directed / 2, to_light(rgb).mean((0, 1)) / 0.18, rtol=0.2
    )
    assert np.isfinite(
        estimate_light(np.full_like(rgb, 255), np.full((240, 320), value, np.float32), CAMERA).on(ABOVE)
    ).all()


def test_followed_slowly_and_anew_after_a_jump_of_time():
    left, right = (Light(d, np.full(3, 0.4), np.full(3, 0.6)) for d in DIRECTIONS[:2])
    tracker = LightTracker()
    second = 10**9
    first = tracker(*picture(left), CAMERA, 10 * second)
    assert angle(first.direction, DIRECTIONS[0]) < 6
    soon = tracker(*picture(right), CAMERA, 10 * second + second // 30)
    np.testing.assert_array_equal(soon.direction, first.direction)
    rates = []
    for step in (1 / 5, 1 / 3):  # as fast whatever the rate of frames
        tracker = LightTracker()
        tracker(*picture(left), CAMERA, 0)
        for n in range(1, round(1.0 / step) + 1):
            light = tracker(*picture(right), CAMERA, round(n * step * second))
        rates.append(angle(light.direction, DIRECTIONS[1]))
    assert rates[0] == pytest.approx(rates[1], abs=3)
    assert 5 < rates[0] < 60
    for n in range(30):
        light = tracker(*picture(right), CAMERA, (2 + n) * second)
    assert angle(light.direction, DIRECTIONS[1]) < 6
    assert (
        angle(tracker(*picture(left), CAMERA, 5 * second).direction, DIRECTIONS[0]) < 6
    )  # a bag's new start
