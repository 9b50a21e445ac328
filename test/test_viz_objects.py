"""Pictures of objects show them where they are."""

from types import SimpleNamespace

import numpy as np
import pytest

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.types import Objects, Symmetries, TrackedObject, TrackState
from pose_ros.viz_objects import angles_of, draw_objects, silhouette

CAMERA = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)
WIDE = PinholeCamera(400.0, 400.0, 319.5, 239.5, 640, 480, "plumb_bob", (-0.25, 0.06, 0.001, -0.001, 0.0))
GREY = np.full((480, 640, 3), 90, np.uint8)
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # z up in the picture, x to the right


def sphere(radius=0.1, rings=40) -> Mesh:
    theta, phi = np.meshgrid(
        np.linspace(0, np.pi, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij"
    )
    points = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
    index = np.arange(theta.size).reshape(theta.shape)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh.plain(points.reshape(-1, 3) * radius, faces)


def model(mesh, symmetries=None):
    return SimpleNamespace(
        mesh=mesh, diameter=0.2, bounds=mesh.bounds, symmetries=symmetries or Symmetries.none()
    )


def thing(pose, state=TrackState.TRACKED, id="ball_1"):
    distance = float(np.linalg.norm(pose.translation))
    return TrackedObject(id, "ball", state, 3, 0.9, pose, np.eye(6), 1.0, distance, True)


def objects(*things, label_image=None):
    label_image = np.zeros((480, 640), np.uint8) if label_image is None else label_image
    return Objects(things, label_image, {}, 1, "camera")


@pytest.mark.parametrize("camera", [CAMERA, WIDE], ids=["pinhole", "lens"])
@pytest.mark.parametrize("place", [(0, 0, 1.0), (0.5, -0.3, 0.9), (-0.4, 0.25, 0.7)])
def test_the_silhouette_of_a_ball_is_every_pixel_whose_ray_meets_it(camera, place):
    """Oracle: the distance of each pixel's ray from the ball's centre."""
    place = np.array(place)
    rays = camera.ray_grid / np.linalg.norm(camera.ray_grid, axis=-1, keepdims=True)
    distance = np.linalg.norm(np.cross(rays, place), axis=-1)
    mask = silhouette(sphere(), RigidTransform(np.eye(3), place), camera)
    expected = distance < 0.1
    assert expected.sum() > 2000
    wrong = mask != expected
    assert wrong.sum() < 0.01 * expected.sum()
    assert np.abs(distance[wrong] - 0.1).max(initial=0) < 0.002


def test_a_mesh_turned_inside_out_has_the_same_silhouette():
    ball = sphere()
    inside_out = Mesh.plain(ball.vertices, ball.triangles[:, ::-1])
    pose = RigidTransform(np.eye(3), [0, 0, 1.0])
    np.testing.assert_array_equal(silhouette(ball, pose, CAMERA), silhouette(inside_out, pose, CAMERA))


def test_the_outline_goes_round_the_object_and_leaves_the_rest_alone():
    ball = sphere()
    pose = RigidTransform(np.eye(3), [0.1, 0.0, 1.0])
    before = GREY.copy()
    picture = draw_objects(GREY, objects(thing(pose)), {"ball": model(ball)}, CAMERA)
    np.testing.assert_array_equal(GREY, before)
    changed = (picture != GREY).any(-1)
    mask = silhouette(ball, pose, CAMERA)
    edge = mask & ~(np.roll(mask, 2, 0) & np.roll(mask, -2, 0) & np.roll(mask, 2, 1) & np.roll(mask, -2, 1))
    assert changed[edge].mean() > 0.95
    rows, _ = np.nonzero(mask)
    assert not changed[rows.max() + 5 :].any()


def test_pixels_that_are_seen_of_it_are_tinted():
    label_image = np.zeros((480, 640), np.uint8)
    label_image[235:245, 300:340] = 1
    pose = RigidTransform(np.eye(3), [0, 0, 1.0])
    shown = draw_objects(
        GREY, objects(thing(pose), label_image=label_image), {"ball": model(sphere())}, CAMERA
    )
    assert (shown[237, 302] != 90).any()
    assert (shown[215, 302] == 90).all()


@pytest.mark.parametrize(
    "pose",
    [
        RigidTransform(np.eye(3), [0, 0, -1.0]),
        RigidTransform(np.eye(3), [0, 0, 0.05]),
        RigidTransform(np.eye(3), [50.0, 0, 1.0]),
        RigidTransform(np.eye(3), [0.63, 0.47, 1.0]),
    ],
    ids=["behind", "around the camera", "far outside", "at the corner"],
)
@pytest.mark.parametrize("camera", [CAMERA, WIDE], ids=["pinhole", "lens"])
def test_objects_anywhere_can_be_drawn(pose, camera):
    assert draw_objects(GREY, objects(thing(pose)), {"ball": model(sphere())}, camera).shape == GREY.shape


def test_what_is_lost_is_not_drawn():
    pose = RigidTransform(np.eye(3), [0, 0, 1.0])
    lost = objects(thing(pose, TrackState.LOST))
    np.testing.assert_array_equal(draw_objects(GREY, lost, {"ball": model(sphere())}, CAMERA), GREY)


@pytest.mark.parametrize("degrees", [0, 30, 90, 150])
def test_tilt_is_the_angle_from_upright(degrees):
    pose = RigidTransform(rotation_exp(np.radians([0, 0, degrees])) @ UPRIGHT, [0.0, 0, 1.0])
    assert angles_of(thing(pose), model(sphere()))["tilt"] == pytest.approx(degrees, abs=1e-4)


@pytest.mark.parametrize("degrees", [-170, -45, 0, 45, 100])
def test_turn_is_the_side_the_camera_sees(degrees):
    """Upright, x to the right: the camera sees the -y side; turned by d about z, the side at -90 - d."""
    turn = rotation_exp(np.radians([0, 0, degrees]))
    pose = RigidTransform(UPRIGHT @ turn, [0.0, 0, 1.0])
    expected = (-90 - degrees + 180) % 360 - 180
    assert angles_of(thing(pose), model(sphere()))["turn"] == pytest.approx(expected)


def test_angles_that_symmetry_leaves_open_are_not_told():
    axis = Symmetries(Symmetries.none().discrete, axis=np.array([0.0, 0, 1]))
    ball = Symmetries(Symmetries.none().discrete, is_sphere=True)
    upside_down = thing(RigidTransform(UPRIGHT @ np.diag([1.0, -1, -1]), [0, 0, 1.0]))
    assert angles_of(upside_down, model(sphere(), axis)) == pytest.approx({"tilt": 0})
    assert angles_of(upside_down, model(sphere(), ball)) == {}
    assert angles_of(upside_down, model(sphere()))["tilt"] == pytest.approx(180)
