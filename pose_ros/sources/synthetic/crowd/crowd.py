"""Pictures of random people with exact joints. One seed makes one room with one cast, seen so many times.

Whoever asks for the same seed gets the same pictures, whatever other seeds were asked for before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from pose_ros.skeleton import COCO_17
from pose_ros.sources.synthetic.body import PosedBody
from pose_ros.sources.synthetic.cast import dressed
from pose_ros.sources.synthetic.crowd.backdrops import backdrop
from pose_ros.sources.synthetic.crowd.clutter import clutter, ground
from pose_ros.sources.synthetic.crowd.people import Player, player, restyled
from pose_ros.sources.synthetic.crowd.shot import Shot, shot
from pose_ros.sources.synthetic.crowd.stances import stance, tumbled
from pose_ros.sources.synthetic.render import GAMMA, Figure, Lamp, Picture, Renderer, develop
from pose_ros.sources.synthetic.room import Room, chair, furnish
from pose_ros.sources.synthetic.scene import is_visible
from pose_ros.sources.synthetic.wardrobe import atlas

PICTURES = 12  # of one room and cast
CAST = 4  # people who may be in them
LEAST = 40  # px; of whom less is in sight, nobody could tell a pose: those pixels are nobody's
ROOMS = 0.5  # share of pictures with a room; the others have something pasted behind


@dataclass(frozen=True)
class Snapshot:
    """rgb (H,W,3) uint8; joints of COCO-17 xy (N,17,2) px, NaN behind the camera; visible (N,17) bool: inside
    and not hidden; owner (H,W) uint8: 0 nobody's, n = person n - 1.
    """

    rgb: np.ndarray
    xy: np.ndarray
    visible: np.ndarray
    owner: np.ndarray


def snapshots(seed: int, photos: Sequence[np.ndarray] = (), count: int = PICTURES) -> Iterator[Snapshot]:
    """So many pictures of one seed; `photos` (H,W,3) uint8 serve as backgrounds and prints."""
    rng = np.random.default_rng([seed, 0])
    cast = [player(rng) for _ in range(CAST)]
    far = rng.uniform(4.0, 8.0)
    room = _relit(rng, furnish(rng, np.column_stack([np.linspace(1.0, far, 4), np.zeros(4)]), []))
    lamps = [Lamp(*light, room.solids) for light in room.lights]
    for n in range(count):
        yield _snapshot(np.random.default_rng([seed, 1 + n]), cast, room, lamps, list(photos))


def _snapshot(
    rng: np.random.Generator, cast: list[Player], room: Room, lamps: list[Lamp], photos: list[np.ndarray]
) -> Snapshot:
    view = shot(rng)
    people = rng.choice(len(cast), len(view.feet), replace=False)
    bodies, figures, seats = [], [], []
    for who, feet, heading in zip(people, view.feet, view.heading, strict=True):
        body, figure, seated = _placed(rng, cast[who], feet, heading, photos)
        bodies.append(body)
        figures.append(figure)
        if seated and rng.random() < 0.6:
            seats += chair(rng, body.joints["pelvis"][0, :2], heading, _seat_height(figure))
    things = seats + clutter(rng, view.camera, view.world_from_camera, view.reach)
    indoors = rng.random() < ROOMS
    if not indoors:
        shell = [ground(rng)] if rng.random() < 0.4 else []
        room = Room((), room.lights, room.ambient)
        things = shell + things
    room = Room(room.solids + tuple(things), room.lights, room.ambient)
    picture = Renderer(room, view.camera, view.world_from_camera, lamps).picture(figures)
    exposure = _exposure(rng, picture)
    if not indoors:
        size = (view.camera.width, view.camera.height)
        behind = np.float32(backdrop(rng, size, photos) / 255) ** GAMMA / exposure
        nothing = ~np.isfinite(picture.depth)
        picture.linear[nothing] = behind[nothing]
    rgb = develop(picture, rng, exposure, rng.uniform(0.005, 0.04))
    return _truth(rgb, bodies, picture, view)


def _relit(rng: np.random.Generator, room: Room) -> Room:
    """From dusk with one bright lamp to an overcast day, in any tint."""
    strong = np.exp(rng.normal(0, 0.7, len(room.lights)))
    tints = np.exp(rng.normal(0, 0.15, (len(room.lights), 3)))
    moved = rng.uniform((-1.5, -3, 1.2), (6, 3, 3.2), (len(room.lights), 3))
    free = rng.random(len(room.lights)) < 0.5
    lights = tuple(
        (where if anywhere else position, strength * much * tint)
        for (position, strength), where, anywhere, much, tint in zip(
            room.lights, moved, free, strong, tints, strict=True
        )
    )
    return Room(room.solids, lights, room.ambient * rng.uniform(0.3, 1.8))


def _placed(
    rng: np.random.Generator, who: Player, feet: np.ndarray, heading: float, photos: list[np.ndarray]
) -> tuple[PosedBody, Figure, bool]:
    """Somebody (T = 1) on the floor, or a little above it, and whether they sit."""
    name, pose = stance(rng)
    segments = pose.segments()
    if rng.random() < 0.04:
        name, segments = "tumbled", tumbled(rng, segments)
    turn = Rotation.from_euler("Z", heading).as_matrix()
    body = who.body.pose({part: turn @ rotation for part, rotation in segments.items()}, np.zeros((1, 3)))
    outfit = restyled(who.outfit, rng, photos)
    (vertices,), (normals,) = dressed(body, outfit)
    lift = rng.uniform(0, 0.6) if rng.random() < 0.1 else 0.0
    shift = np.array([*(feet - body.joints["pelvis"][0, :2]), lift - vertices[:, 2].min()])
    joints = {joint: xyz + shift for joint, xyz in body.joints.items()}
    placed = PosedBody(body.vertices + shift.astype(np.float32), joints, body.rotations)
    return placed, Figure((vertices + shift).astype(np.float32), normals, outfit), name == "sit"


def _seat_height(figure: Figure) -> float:
    chart = atlas()
    bones = [chart.model.bones.index(f"upperleg01.{side}") for side in "LR"]
    return float(figure.vertices[np.isin(chart.vertices.bone, bones), 2].min() + 0.01)


def _exposure(rng: np.random.Generator, picture: Picture) -> float:
    """The factor at which people, or all that is there, have some mean brightness, white = 1."""
    seen = picture.owner >= 0
    if not seen.any() or rng.random() < 0.5:
        seen = np.isfinite(picture.depth)
    mean = float(picture.linear[seen].mean()) if seen.any() else 1.0
    return float(np.exp(rng.uniform(np.log(0.06), np.log(0.4))) / max(mean, 1e-3))


def _truth(rgb: np.ndarray, bodies: Sequence[PosedBody], picture: Picture, view: Shot) -> Snapshot:
    camera_from_world = view.world_from_camera.inverse()
    owner = np.zeros(picture.owner.shape, np.uint8)
    xy, visible = [], []
    for id, body in enumerate(bodies):
        mine = picture.owner == id
        if mine.sum() < LEAST:
            continue
        joints = camera_from_world.apply(np.array([body.joints[name][0] for name in COCO_17.joints]))
        xy.append(view.camera.project(joints))
        visible.append([
            is_visible(name, joint, id, picture, view.camera)
            for name, joint in zip(COCO_17.joints, joints, strict=True)
        ])  # fmt: skip
        owner[mine] = len(xy)
    count = len(COCO_17)
    return Snapshot(
        rgb, np.array(xy).reshape(-1, count, 2), np.array(visible, bool).reshape(-1, count), owner
    )
