"""Synthetic RGB-D sequences of people in a room, with exact joints: everything follows from the seed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pose_ros.config import option
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, quaternion_from_matrix, rotation_exp
from pose_ros.sources.rgbd_folder import write_rgbd_folder
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.sources.synthetic.body import PosedBody
from pose_ros.sources.synthetic.cast import choose_cast, seat
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.render import Picture, Renderer, develop
from pose_ros.sources.synthetic.room import Room, furnish
from pose_ros.sources.truth import JOINTS, ROTATED_JOINTS, PeopleTruth, PersonTruth
from pose_ros.types import RGBDFrame

RATE = 30.0  # Hz
# A joint is visible if the first surface on its ray is its own person's and lies at most so far in front of
# it (any part of the body: a hand right before the hip does not hide it, an arm well before the chest does)
# or, at the skin, this little behind. Joints of the face lie on the skin, the others inside, hips deepest.
FACE_DEPTH, BODY_DEPTH, BEHIND = 0.06, 0.15, 0.03  # m
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
BATCH = 8  # frames posed at once


@dataclass(frozen=True)
class SyntheticConfig:
    seed: int = option(1, "everything follows from it: the same seed gives the same bytes", range=(0, 2**31))
    frames: int = option(90, "length at 30 Hz", range=(1, 100_000))
    people: int = option(2, "how many", range=(0, 4))
    motion: str = option("mixed", "what they do; mixed draws one for each", choices=("mixed", *ALL_MOTIONS))
    width: int = option(640, "of the picture", unit="px", range=(64, 1920))
    height: int = option(480, "of the picture", unit="px", range=(48, 1080))


class RenderedPeople(Source):
    """Rendered people. `truth` is complete once all frames were drawn; asked before, it draws them."""

    def __init__(self, name: str, seed: int, frames: int) -> None:
        self.name, self.seed = name, seed
        self.times = np.arange(frames) / RATE
        self._truth: dict[str, tuple[PersonTruth, ...]] = {}

    def set_up(
        self, rng: np.random.Generator, room: Room, camera: PinholeCamera, world_from_camera: RigidTransform
    ) -> None:
        """The stage, and a sensor and exposure for it."""
        self.camera = camera
        self.sensor = DepthSensor(camera.fx, rng.uniform(0.05, 0.08))
        brightness, self._grain = rng.uniform(0.15, 0.24), rng.uniform(0.01, 0.03)
        self.renderer = Renderer(room, camera, world_from_camera)
        self._exposure = self.renderer.exposure(brightness)

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[RGBDFrame]:
        for index, picture in self.pictures():
            rng = np.random.default_rng([self.seed, index])
            rgb = develop(picture, rng, self._exposure, self._grain)
            depth = self.sensor.measure(picture.depth, picture.cosine, picture.linear.mean(-1), rng)
            stamp = FIRST_STAMP_NS + round(self.times[index] * 1e9)
            yield RGBDFrame(rgb, depth, self.camera, stamp, self.frame_id)

    @abstractmethod
    def pictures(self) -> Iterator[tuple[int, Picture]]:
        """(index, noiseless picture) of every frame; the frame's truth is known once it is drawn."""

    @property
    def truth(self) -> PeopleTruth:
        if len(self._truth) < len(self):
            for _ in self.pictures():
                pass
        return PeopleTruth({key: self._truth[key] for key in self.keys()})


class SyntheticSource(RenderedPeople):
    """People who move about a room."""

    def __init__(self, config: SyntheticConfig = SyntheticConfig()) -> None:
        super().__init__(f"synthetic {config.seed}", config.seed, config.frames)
        rng = np.random.default_rng(config.seed)
        camera, world_from_camera = _camera(rng, config)
        # The scene must not depend on how much of it is asked for, unless it is long.
        rehearsal = np.arange(max(config.frames, 300)) / RATE
        self.actors = choose_cast(rng, config.people, config.motion, rehearsal)
        seats = [part for actor in self.actors if actor.motion == "sit" for part in seat(rng, actor)]
        ways = [actor.pose(rehearsal).position for actor in self.actors]
        self.room = furnish(rng, np.concatenate([[(2.5, 0.0)], *ways]), seats)
        self.set_up(rng, self.room, camera, world_from_camera)

    def pictures(self) -> Iterator[tuple[int, Picture]]:
        for start in range(0, len(self), BATCH):
            acts = [actor.act(self.times[start : start + BATCH]) for actor in self.actors]
            for n in range(min(BATCH, len(self) - start)):
                picture = self.renderer.picture([figures[n] for _, figures in acts])
                self._truth[f"{start + n:05d}"] = tuple(
                    self._person(id, body, n, picture) for id, (body, _) in enumerate(acts)
                )
                yield start + n, picture

    def _person(self, id: int, body: PosedBody, n: int, picture: Picture) -> PersonTruth:
        camera_from_world = self.renderer.view.world_from_camera.inverse()
        joints = {name: camera_from_world.apply(body.joints[name][n]) for name in JOINTS}
        rotations = {
            name: quaternion_from_matrix(camera_from_world.rotation @ body.rotations[name][n])
            for name in ROTATED_JOINTS
        }
        visible = {name: is_visible(name, xyz, id, picture, self.camera) for name, xyz in joints.items()}
        return PersonTruth(id, joints, visible, rotations)


def is_visible(name: str, joint: np.ndarray, id: int, picture: Picture, camera: PinholeCamera) -> bool:
    """Joint (3,) m in the picture, and the surface on its ray is the person's own and just in front of it."""
    pixel = camera.project(joint)
    if not (np.isfinite(pixel).all() and (pixel > -0.5).all()):
        return False
    u, v = np.rint(pixel).astype(int)
    if u >= camera.width or v >= camera.height or picture.owner[v, u] != id:
        return False
    gap = joint[2] - picture.depth[v, u]
    return bool(-BEHIND < gap < (FACE_DEPTH if name in FACE else BODY_DEPTH))


def write_people(out: Path | str, config: SyntheticConfig, progress: bool = True) -> list[str]:
    """Write a synthetic sequence as an RGB-D folder with truth.json; returns the keys of its frames."""
    source = SyntheticSource(config)
    frames = tqdm(source, total=len(source), desc=source.name, unit="frame", disable=not progress)
    keys = write_rgbd_folder(out, frames)
    source.truth.save(Path(out) / "truth.json")
    return keys


def _camera(rng: np.random.Generator, config: SyntheticConfig) -> tuple[PinholeCamera, RigidTransform]:
    """A camera above the world's origin, as high as a table, robot or tripod, aimed at people."""
    focal = rng.uniform(0.84, 0.98) * config.width
    centre = (np.array([config.width, config.height]) - 1) / 2 + rng.uniform(-0.01, 0.01, 2) * config.width
    camera = PinholeCamera(focal, focal * rng.uniform(0.998, 1.002), *centre, config.width, config.height)
    height, target = rng.uniform(0.9, 1.7), np.array([3.0, rng.uniform(-0.15, 0.15), rng.uniform(0.8, 1.05)])
    position = np.array([0.0, 0.0, height])
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    roll = rotation_exp(np.array([0, 0, rng.normal(0, np.radians(1.0))]))
    return camera, RigidTransform(rotation @ roll, position)
