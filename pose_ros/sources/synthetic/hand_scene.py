"""Somebody who shows the hands to a camera close by, with exact joints of all fingers: all from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pose_ros.body.rig import SIDES, unit
from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import HAND_21
from pose_ros.sources.synthetic.cast import _shape
from pose_ros.sources.synthetic.fingers import Grip, HandyBody
from pose_ros.sources.synthetic.hand_paint import paint_hands
from pose_ros.sources.synthetic.motion import Angles, Pose, _alive, drift
from pose_ros.sources.synthetic.render import Figure, Picture, mesh
from pose_ros.sources.synthetic.room import furnish
from pose_ros.sources.synthetic.scene import RenderedPeople
from pose_ros.sources.synthetic.wardrobe import dress
from pose_ros.sources.truth import JOINTS, PersonTruth

PLACE = np.array([2.6, 0.0])  # m, of the feet, in the room
SKIN = 0.03  # m; the first surface on a visible joint's ray lies at most so far from it


@dataclass(frozen=True)
class HandSceneConfig:
    seed: int = option(1, "everything follows from it", range=(0, 2**31))
    frames: int = option(1, "length at 30 Hz", range=(1, 100_000))
    nearest: float = option(0.5, "distance of the camera from a hand, at least", unit="m", range=(0.35, 3.0))
    farthest: float = option(1.5, "and at most", unit="m", range=(0.35, 3.0))
    width: int = option(640, "of the picture", unit="px", range=(64, 1920))
    height: int = option(480, "of the picture", unit="px", range=(48, 1080))


class HandSource(RenderedPeople):
    """Frames of one person. `truth` has COCO's joints and `left_index_mcp` and the like, by HAND_21's names.

    A joint of a hand is `visible` where nothing lies before it but its own skin.
    """

    def __init__(self, config: HandSceneConfig = HandSceneConfig()) -> None:
        super().__init__(f"hands {config.seed}", config.seed, config.frames)
        self.config, times = config, self.times
        rng = np.random.default_rng(config.seed)
        shape = _shape(rng)
        body, outfit = HandyBody(shape), paint_hands(dress(rng, shape.gender))
        pose = Pose(np.tile(PLACE, (len(times), 1)), np.full(len(times), np.pi), _arms(rng, times))
        grips = {side: _grips(rng, times) for side in SIDES}
        posed, hands = body.act(pose.segments(), np.zeros((len(times), 3)), grips)
        floor = np.array([vertices[:, 2].min() for vertices in posed.vertices])
        shift = np.concatenate([PLACE - posed.joints["pelvis"][:, :2], -floor[:, None]], axis=1)
        self._figures = []
        for vertices, move in zip(posed.vertices, shift, strict=True):
            normals = mesh().normals(vertices)
            placed = vertices + normals * outfit.thickness[:, None] + move
            self._figures.append(Figure(placed.astype(np.float32), normals, outfit))
        self._joints = {name: posed.joints[name] + shift for name in JOINTS}
        for side, xyz in hands.items():
            for k, joint in enumerate(HAND_21.joints[1:], start=1):
                self._joints[f"{side}_{joint}"] = xyz[:, k] + shift
        camera, world_from_camera = self._camera(rng)
        self.set_up(rng, furnish(rng, np.array([(0.5, 0.0), PLACE]), []), camera, world_from_camera)

    def pictures(self) -> Iterator[tuple[int, Picture]]:
        for index, figure in enumerate(self._figures):
            picture = self.renderer.picture([figure])
            self._truth[f"{index:05d}"] = (self._person(index, picture),)
            yield index, picture

    def _camera(self, rng: np.random.Generator) -> tuple[PinholeCamera, RigidTransform]:
        """A camera at a drawn distance from one hand, aimed between the hand and the face."""
        config, first = self.config, {name: xyz[0] for name, xyz in self._joints.items()}
        hand = first[f"{rng.choice(list(SIDES))}_middle_mcp"]
        yaw, pitch = rng.uniform(-0.6, 0.6), rng.uniform(-0.3, 0.35)
        away = np.array([-np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])
        position = hand + away * rng.uniform(config.nearest, config.farthest)
        other = (first["neck"] + first["left_wrist"] + first["right_wrist"]) / 3
        target = hand + rng.uniform(0.2, 0.8) * (other - hand)
        forward = unit(target - position)
        right = unit(np.cross(forward, [0, 0, 1]))
        focal = rng.uniform(0.84, 0.98) * config.width
        centre = (np.array([config.width, config.height]) - 1) / 2
        camera = PinholeCamera(focal, focal, *centre, config.width, config.height)
        rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
        return camera, RigidTransform(rotation, position)

    def _person(self, index: int, picture: Picture) -> PersonTruth:
        camera_from_world = self.renderer.view.world_from_camera.inverse()
        joints = {name: camera_from_world.apply(xyz[index]) for name, xyz in self._joints.items()}
        return PersonTruth(0, joints, {name: self._is_visible(xyz, picture) for name, xyz in joints.items()})

    def _is_visible(self, joint: np.ndarray, picture: Picture) -> bool:
        pixel = self.camera.project(joint)
        if not (np.isfinite(pixel).all() and (pixel > -0.5).all()):
            return False
        u, v = np.rint(pixel).astype(int)
        if u >= self.camera.width or v >= self.camera.height:
            return False
        return bool(picture.owner[v, u] == 0 and abs(joint[2] - picture.depth[v, u]) < SKIN)


def _arms(rng: np.random.Generator, times: np.ndarray) -> Angles:
    """Both hands raised before the body, moving gently."""
    angles = _alive(rng, times)
    ranges = {
        "shoulder_flex": (0.1, 1.1), "shoulder_abduct": (0.05, 0.6), "shoulder_twist": (-0.3, 0.6),
        "elbow": (0.9, 2.2), "pronate": (-1.4, 1.4), "wrist": (-0.6, 0.6),
    }  # fmt: skip
    for side in SIDES:
        for name, limits in ranges.items():
            angles[f"{side}_{name}"] = rng.uniform(*limits) + drift(rng, times, 0.15, 3.0)
    return angles


def _grips(rng: np.random.Generator, times: np.ndarray) -> list[Grip]:
    """From one grip to another and back."""
    a, b = Grip.drawn(rng), Grip.drawn(rng)
    share = 0.5 - 0.5 * np.cos(np.pi * times / rng.uniform(1.5, 3.0))

    def between(x, y, s: float):
        return (1 - s) * x + s * y

    return [
        Grip(between(a.bend, b.bend, s), between(a.spread, b.spread, s), between(a.opposed, b.opposed, s))
        for s in share
    ]
