"""Videos: smooth ways of cameras, things that slide, and things that a hand holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, stage
from pose_ros.sources.synthetic.objects.catalogue import Model
from pose_ros.sources.synthetic.objects.layout import KINDS, Layout, Rests, lay_table
from pose_ros.sources.synthetic.objects.render import Item
from pose_ros.sources.synthetic.solids import View

Way = Callable[[float], np.ndarray]  # seconds -> (3,)
SKIN = ((0.82, 0.62, 0.5), (0.6, 0.42, 0.31), (0.35, 0.24, 0.17), (0.2, 0.2, 0.22))  # the last is a gripper's


@dataclass(frozen=True)
class Video:
    """A layout whose items and camera move. held: (indices of the item and of its hand's parts)."""

    layout: Layout
    target: np.ndarray
    orbit: Way
    place: tuple[float, float, float]
    motions: dict[int, Callable[[float, RigidTransform], RigidTransform]]

    def at(self, time: float) -> Layout:
        """The layout after so many seconds."""
        items = tuple(
            replace(item, world_from_object=self.motions[k](time, item.world_from_object))
            if k in self.motions
            else item
            for k, item in enumerate(self.layout.items)
        )
        azimuth, elevation, distance = np.array(self.place) + self.orbit(time)
        pose = stage.look_at(self.target, azimuth, elevation, distance)
        return replace(self.layout, items=items, view=View(self.layout.view.camera, pose))


def wander(
    rng: np.random.Generator, amplitude: Sequence[float], slow: float = 0.08, fast: float = 0.28
) -> Way:
    """Three smooth oscillations about zero of that amplitude, at `slow` to `fast` Hz."""
    rates, phases = rng.uniform(slow, fast, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
    amplitude = np.asarray(amplitude, float) / 2
    return lambda time: amplitude * np.sin(2 * np.pi * rates * time + phases).sum(0)


def still(time: float) -> np.ndarray:
    return np.zeros(3)


def lay_video(
    rng: np.random.Generator,
    models: Sequence[Model],
    rests: Rests,
    camera: PinholeCamera,
    scene: str,
    count: int = 0,
) -> Video | None:
    """`static`: nothing moves. `video`: the camera does, one thing slides, a hand holds one. `hand_held`: the
    camera stands still and hands hold one or two."""
    number = count or int(rng.integers(3, 6))
    held = {"static": 0, "video": 1, "hand_held": min(2, number)}[scene]
    kind = replace(KINDS["table"], gap=0.03, riser=0.3, distance=(0.65, 0.9))
    resting = max(number - held, 0)
    layout = lay_table(rng, models, rests, kind, camera, max(resting, 1))
    if layout is None:
        return None
    items = list(layout.items) if resting else [item for item in layout.items if item.model == 0]
    away = layout.view.origin
    place = (np.arctan2(away[1], away[0]), np.arcsin(away[2] / np.linalg.norm(away)), np.linalg.norm(away))
    motions = {}
    if scene == "video" and resting > 1:
        motions[0] = _slide(rng)
    shown = {item.model for item in items}
    free = [k for k in rng.permutation(len(models)) if int(k) + 1 not in shown]
    for n, k in enumerate(free[:held]):
        side = (n - (held - 1) / 2) * 0.22
        parts = hold(rng, models[k], int(k) + 1, place[0], side)
        move = _carry(rng, parts[0].world_from_object.apply(models[k].mesh.bounds.mean(0)))
        motions |= {len(items) + p: move for p in range(len(parts))}
        items += parts
    target = np.array([0, 0, 0.03 + 0.05 * bool(held)])
    moves = scene == "video"
    orbit = wander(rng, (0.35, 0.12, 0.08)) if moves else still
    return Video(replace(layout, items=tuple(items)), target, orbit, place, motions)


def _slide(rng: np.random.Generator):
    """To and fro on the table, turning."""
    way = wander(rng, (0.025, 0.025, 0.6))

    def move(time: float, pose: RigidTransform) -> RigidTransform:
        x, y, yaw = way(time) - way(0)
        turn = rotation_exp(np.array([0, 0, yaw]))
        return RigidTransform(turn @ pose.rotation, pose.translation + (x, y, 0))

    return move


def _carry(rng: np.random.Generator, centre: np.ndarray):
    """Smoothly through the air about `centre` (3,) m; everything that is held moves alike."""
    shift, turn = wander(rng, (0.08, 0.08, 0.04)), wander(rng, (0.4, 0.4, 0.8))

    def move(time: float, pose: RigidTransform) -> RigidTransform:
        rotation = rotation_exp(turn(time))
        offset = rotation @ (pose.translation - centre)
        return RigidTransform(rotation @ pose.rotation, centre + offset + shift(time))

    return move


def hold(rng: np.random.Generator, model: Model, number: int, azimuth: float, side: float) -> list[Item]:
    """A model in the air with a fist and a forearm: [it, hand, arm]; `side`: m to the camera's right."""
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
    front = np.array([np.cos(azimuth), np.sin(azimuth), 0])
    rotation = rotation_exp(rng.normal(0, 1.5, 3))
    centre = side * right + np.array([0, 0, rng.uniform(0.17, 0.22)])
    pose = RigidTransform(rotation, centre - rotation @ model.mesh.bounds.mean(0))
    # The hand comes from aside and a little from the front, and takes what is outermost there.
    way = np.sign(side or rng.choice([-1, 1])) * right + rng.uniform(-0.1, 0.5) * front
    way += np.array([0, 0, rng.uniform(0.0, 0.5)])
    way /= np.linalg.norm(way)
    points = pose.apply(model.mesh.vertices)
    reach = np.percentile((points - centre) @ way, 95)
    axes = _axes(way)
    tone = np.array(SKIN[rng.integers(len(SKIN))])
    fist = build.revolve(
        [(max(np.cos(a), 0), np.sin(a)) for a in np.linspace(-np.pi / 2, np.pi / 2, 17)]
    ).scaled(np.array([0.034, 0.042, 0.045]))
    finger = build.sweep(_bow(0.042, 0.03), 0.0095)
    arm = build.revolve([(0, 0), (0.024, 0), (0.034, 0.12), (0.042, 0.3), (0, 0.3)])
    knuckles = [build.at(finger, 0, 0.021 * k, -0.012) for k in (-1.5, -0.5, 0.5, 1.5)]
    hand = build.at(build.join(fist, *knuckles), 0, 0, 0.03)
    at = RigidTransform(axes, centre + way * reach)
    sleeve = tone if rng.random() < 0.4 else rng.uniform(0.1, 0.8, 3)
    wrist = RigidTransform(axes, centre + way * (reach + 0.05))
    return [
        Item(model.mesh, pose, number, model.paint, model.gloss),
        Item(hand, at, 0, tone, 0.03),
        Item(arm, wrist, 0, sleeve),
    ]


def _bow(reach: float, depth: float) -> np.ndarray:
    """A finger bent around what is held: (P,3) m, its tip at negative z."""
    angle = np.linspace(-0.2 * np.pi, 0.9 * np.pi, 10)
    return np.stack([reach * np.sin(angle), 0 * angle, depth * np.cos(angle) - depth], axis=1)


def _axes(z: np.ndarray) -> np.ndarray:
    """A rotation (3,3) whose z is this unit vector."""
    x = np.cross([0, 0, 1.0], z)
    x = x / np.linalg.norm(x) if np.linalg.norm(x) > 1e-6 else np.array([1.0, 0, 0])
    return np.stack([x, np.cross(z, x), z], axis=1)
