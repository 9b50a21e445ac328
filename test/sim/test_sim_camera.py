"""The cameras against what geometry says: rays of the engine, and a box whose corners are known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="the simulator needs pybullet")
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sim.arm import Arm
from pose_ros.sim.camera import DepthCamera, OutsideCamera, items_of
from pose_ros.sim.engine import connect, parts_of
from pose_ros.sources.synthetic.objects import build
from pose_ros.sources.synthetic.objects.render import Item
from pose_ros.sources.synthetic.objects.stage import draw_stage, look_at
from pose_ros.sources.synthetic.solids import View

CAMERA = PinholeCamera(310.0, 325.0, 148.0, 127.0, 320, 240)  # neither square nor central
PLACE = look_at(np.array([0.02, -0.01, 0.05]), 0.7, 0.8, 0.7, 0.1)
SIZE = np.array([0.06, 0.09, 0.14])
POSE = RigidTransform(rotation_exp(np.array([0.3, -0.2, 0.9])), np.array([0.03, -0.02, 0.11]))


@pytest.fixture
def client():
    world = connect(gravity=False)
    for half, pose in ((SIZE / 2, POSE), ([1, 1, 0.01], RigidTransform(np.eye(3), np.array([0, 0, -0.01])))):
        shape = world.createCollisionShape(world.GEOM_BOX, halfExtents=list(half))
        look = world.createVisualShape(world.GEOM_BOX, halfExtents=list(half))
        world.createMultiBody(0, shape, look, *parts_of(pose))
    yield world
    world.disconnect()


def cast(client, pixels: np.ndarray) -> np.ndarray:
    """Depth (N,) by the engine's own rays through pixels (N,2)."""
    ends = PLACE.apply(CAMERA.unproject(pixels, np.full(len(pixels), 3.0)))
    starts = np.tile(PLACE.translation, (len(ends), 1))
    hits = client.rayTestBatch(starts.tolist(), ends.tolist())
    return np.array([3.0 * hit[2] if hit[0] >= 0 else np.nan for hit in hits])


def some_pixels(depth: np.ndarray) -> np.ndarray:
    """Pixels of a grid that lie on no edge."""
    v, u = (grid.ravel() for grid in np.mgrid[6:234:12, 6:314:12])
    steep = [np.ptp(depth[y - 2 : y + 3, x - 2 : x + 3]) > 0.03 for x, y in zip(u, v, strict=True)]
    return np.stack([u, v], axis=1)[~np.array(steep)]


def test_depth_of_the_camera_is_what_rays_measure(client):
    stage = draw_stage(np.random.default_rng(1), 0.7)
    camera = DepthCamera.draw(np.random.default_rng(0), View(CAMERA, PLACE))
    picture = camera.picture(stage, [Item(build.box(SIZE), POSE)])
    pixels = some_pixels(picture.depth)
    on_box = pixels[picture.owner[pixels[:, 1], pixels[:, 0]] == 0]
    assert len(on_box) > 10
    error = np.abs(picture.depth[on_box[:, 1], on_box[:, 0]] - cast(client, on_box))
    assert np.median(error) < 1e-5
    assert error.max() < 1e-3  # the engine rounds its edges


def test_pictures_from_outside_have_the_same_camera(client):
    _, depth = OutsideCamera(CAMERA, PLACE).shoot(client)
    pixels = some_pixels(np.nan_to_num(depth, nan=9.0))
    assert len(pixels) > 200
    np.testing.assert_allclose(depth[pixels[:, 1], pixels[:, 0]], cast(client, pixels), atol=4e-3)


def test_the_sensor_is_near_the_truth_and_not_exact():
    stage = draw_stage(np.random.default_rng(1), 0.7)
    camera = DepthCamera.draw(np.random.default_rng(0), View(CAMERA, PLACE))
    picture = camera.picture(stage, [Item(build.box(SIZE), POSE)])
    frame = camera.frame(picture, np.random.default_rng(3), 7)
    assert (frame.stamp_ns, frame.camera) == (7, CAMERA)
    error = (frame.depth - picture.depth)[picture.owner == 0]
    assert 1e-4 < np.nanmedian(np.abs(error)) < 5e-3
    assert np.isfinite(error).mean() > 0.7


def test_the_robot_is_in_the_picture_where_its_links_are():
    world = connect(gravity=False)
    arm = Arm(world)
    items = items_of(arm)
    assert len(items) >= 10
    tip = arm.pose("panda_grasptarget").translation
    points = np.concatenate([item.world_from_object.apply(item.mesh.vertices) for item in items])
    assert np.linalg.norm(points - tip, axis=1).min() < 0.05
    assert points[:, 2].min() == pytest.approx(0.0, abs=0.01)
    world.disconnect()
