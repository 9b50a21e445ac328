"""Portraits: one person before the camera, head and eyes turned at random, with exact poses of both."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.source import FIRST_STAMP_NS
from pose_ros.sources.synthetic.body import Body
from pose_ros.sources.synthetic.cast import _shape as choose_shape
from pose_ros.sources.synthetic.motion import Pose
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.render import Figure, Picture, Renderer, develop, mesh
from pose_ros.sources.synthetic.room import furnish
from pose_ros.sources.synthetic.wardrobe import atlas, dress
from pose_ros.types import RGBDFrame

NEAR, FAR = 0.7, 3.0  # m, of the head from the camera
HEAD_YAW, HEAD_PITCH, HEAD_ROLL = 45.0, 20.0, 12.0  # deg either way, against the way to the camera
EYE_YAW, EYE_PITCH = 25.0, 6.0  # deg either way, against the head; more pitch would take the lids along
WINDOW = 0.27  # m to each side of the head: only so much of the picture is drawn
WHITE, PUPIL = (0.82, 0.79, 0.76), 0.0018  # linear rgb; m, of the radius
IRIS_COLOURS = ((0.11, 0.055, 0.022), (0.07, 0.04, 0.018), (0.09, 0.16, 0.28), (0.11, 0.16, 0.07))
IRIS_RADIUS = 0.00585  # m, alike in almost all people


@dataclass(frozen=True)
class Portrait:
    """One picture and its truth, all in the optical frame.

    camera_from_head: origin between the ears, axes as REP-155's human_description. joints: COCO's names ->
    (3,) m. eyes (2,3) m: centres of the left and right eyeball. iris (2,3) m: middles of the irises. gaze
    (3,): unit, where both eyes look.
    """

    frame: RGBDFrame
    camera_from_head: RigidTransform
    joints: dict[str, np.ndarray]
    eyes: np.ndarray
    iris: np.ndarray
    gaze: np.ndarray


def portrait(
    seed: int,
    distance: float | None = None,
    head: tuple[float, float, float] | None = None,
    eyes: tuple[float, float] | None = None,
) -> Portrait:
    """The same seed gives the same picture; what is not given is drawn at random.

    distance: m. head: yaw, pitch, roll against the camera's heading, deg. eyes: yaw, pitch against the head.
    Angles are positive to the person's left, downwards, to the right shoulder.
    """
    rng = np.random.default_rng([seed, 155])
    shape = choose_shape(rng)
    body, outfit = Body(shape), dress(rng, shape.gender)
    drawn = np.exp(rng.uniform(np.log(NEAR), np.log(FAR)))
    distance = drawn if distance is None else distance
    heading = rng.uniform(-0.35, 0.35)
    drawn = rng.uniform(-1, 1, 3) * (HEAD_YAW, HEAD_PITCH, HEAD_ROLL)
    yaw, pitch, roll = np.radians(drawn if head is None else head)
    drawn = rng.uniform(-1, 1, 2) * (EYE_YAW, EYE_PITCH)
    eyes = np.radians(drawn if eyes is None else eyes)
    angles = {"head_yaw": yaw - heading, "head_pitch": pitch, "head_roll": roll,
              "left_shoulder_abduct": 0.2, "right_shoulder_abduct": 0.2}  # fmt: skip
    angles = {name: np.array([value]) for name, value in angles.items()}
    posed = body.pose(
        Pose(np.zeros((1, 2)), np.array([np.pi + heading]), angles).segments(), np.zeros((1, 3))
    )
    vertices, world_from_head = posed.vertices[0].copy(), posed.rotations["head"][0]
    place = posed.joints["head"][0]
    shift = np.array([distance - place[0], rng.normal(0, 0.1) - place[1], -vertices[:, 2].min()])
    normals = mesh().normals(vertices)
    vertices = vertices + shift
    balls = [_sphere(vertices[ball]) for ball in _eyeballs()]
    place = place + shift
    camera, world_from_camera = _camera(rng, place)
    clothed = (vertices + normals * outfit.thickness[:, None]).astype(np.float32)
    room = furnish(rng, np.array([[2.0, 0.0], place[:2]]), [])
    picture = Renderer(room, camera, world_from_camera).picture([Figure(clothed, normals, outfit)])
    camera_from_world = world_from_camera.inverse()
    turn = camera_from_world.rotation @ world_from_head
    gaze = turn @ _direction(*eyes)
    centres = camera_from_world.apply(np.array([centre for centre, _ in balls]))
    radius = float(np.mean([radius for _, radius in balls]))
    colour = np.array(IRIS_COLOURS[rng.integers(len(IRIS_COLOURS))]) * rng.uniform(0.7, 1.3)
    _paint_eyes(picture, camera, centres, radius, gaze, colour)
    exposure = rng.uniform(0.12, 0.35) / max(float(picture.linear[picture.owner == 0].mean()), 1e-6)
    rgb = develop(picture, rng, exposure, rng.uniform(0.005, 0.02))
    sensor = DepthSensor(camera.fx, rng.uniform(0.05, 0.08))
    depth = sensor.measure(picture.depth, picture.cosine, picture.linear.mean(-1) * exposure, rng)
    return Portrait(
        RGBDFrame(rgb, depth, camera, FIRST_STAMP_NS, "synthetic_optical_frame"),
        RigidTransform(turn, camera_from_world.apply(place)),
        {name: camera_from_world.apply(xyz[0] + shift) for name, xyz in posed.joints.items()},
        centres,
        centres + np.sqrt(radius**2 - IRIS_RADIUS**2) * gaze,
        gaze,
    )


def _direction(yaw: float, pitch: float) -> np.ndarray:
    """(3,) in the head's frame."""
    return np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)])


def _camera(rng, head: np.ndarray) -> tuple[PinholeCamera, RigidTransform]:
    """What a VGA camera at x = 0 sees about the head (3,) m, which it has somewhere in the middle."""
    focal, (width, height) = rng.uniform(0.84, 0.98) * 640, (640, 480)
    position = np.array([0.0, 0.0, head[2] + rng.uniform(-0.3, 0.3) * min(head[0], 1.0)])
    forward = head - position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    aside = np.radians([rng.uniform(-12, 12), rng.uniform(-16, 16), rng.normal(0, 1)])
    pose = RigidTransform(rotation @ rotation_exp(aside), position)
    whole = PinholeCamera(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    seen = pose.inverse().apply(head)
    reach = focal * WINDOW / seen[2]
    low = np.clip(whole.project(seen) - reach, 0, None).astype(int)
    high = np.clip(whole.project(seen) + reach, None, (width, height)).astype(int)
    size = (high - low).tolist()
    return PinholeCamera(focal, focal, whole.cx - low[0], whole.cy - low[1], *size), pose


@lru_cache(maxsize=1)
def _eyeballs() -> tuple[np.ndarray, ...]:
    """Vertices of the left and of the right eyeball."""
    points, bones = atlas().vertices, atlas().model.bones
    return tuple(np.flatnonzero(points.bone == bones.index(f"eye.{letter}")) for letter in "LR")


def _sphere(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre (3,) and radius of the sphere through points (N,3), by least squares."""
    rows = np.concatenate([2 * points, np.ones((len(points), 1))], axis=1)
    *centre, rest = np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0]
    return np.array(centre), float(np.sqrt(rest + np.dot(centre, centre)))


def _paint_eyes(picture: Picture, camera: PinholeCamera, centres, radius: float, gaze, colour) -> None:
    """Irises and pupils on the eyeballs, finer than the body's texture and where the eyes look, in place.

    An eyeball's pixels are those at its depth; the light on them is what the skin about them has.
    """
    offsets = (np.arange(4) - 1.5) / 4  # a pixel's colour is the mean over 4 x 4 points
    for centre in centres:
        u, v = camera.project(centre)
        reach = int(np.ceil(camera.fx * radius / centre[2])) + 1
        columns = np.arange(max(int(u) - reach, 0), min(int(u) + reach + 1, camera.width))
        rows = np.arange(max(int(v) - reach, 0), min(int(v) + reach + 1, camera.height))
        if not (len(columns) and len(rows)):
            continue
        x, y = np.meshgrid(columns, rows)
        pixels = np.stack([x, y], -1)[..., None, None, :] + np.stack(np.meshgrid(offsets, offsets), -1)
        rays = camera.rays(pixels)
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        along = rays @ centre
        inside = radius**2 - (centre @ centre - along**2)
        way = along - np.sqrt(np.maximum(inside, 0))
        surface = rays * way[..., None]
        here = picture.depth[rows[:, None], columns]
        ball = (inside > 0).all((-1, -2)) & (np.abs(surface[..., 2].mean((-1, -2)) - here) < 0.0025)
        off = np.linalg.norm(np.cross(surface - centre, gaze), axis=-1)
        front = (surface - centre) @ gaze > 0
        texture = np.where((front & (off < IRIS_RADIUS))[..., None], colour, WHITE)
        rim = front & (off < IRIS_RADIUS) & (off > 0.85 * IRIS_RADIUS)
        texture = np.where(rim[..., None], 0.5 * colour, texture)
        texture = np.where((front & (off < PUPIL))[..., None], 0.004, texture).mean((2, 3))
        normal = (surface.mean((2, 3)) - centre) / radius
        shade = 0.6 + 0.4 * np.clip(-normal[..., 2], 0, 1)
        skin = np.median(picture.linear[rows[:, None], columns].mean(-1)) / 0.25
        picture.linear[rows[:, None], columns] = np.where(
            ball[..., None], texture * (skin * shade)[..., None], picture.linear[rows[:, None], columns]
        )
