"""Synthetic RGB-D sequences of people in a room, with exact joints: everything follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pose_ros.config import option
from pose_ros.errors import SourceError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform, quaternion_from_matrix, rotation_exp
from pose_ros.sources.rgbd_folder import write_rgbd_folder
from pose_ros.sources.source import FIRST_STAMP_NS, Source
from pose_ros.sources.synthetic.body import Body, PosedBody, Shape
from pose_ros.sources.synthetic.motion import MOTIONS, Pose, Stage
from pose_ros.sources.synthetic.noise import DepthSensor
from pose_ros.sources.synthetic.render import Figure, Picture, Renderer, develop, mesh
from pose_ros.sources.synthetic.room import Room, Solid, chair, furnish
from pose_ros.sources.synthetic.wardrobe import Outfit, atlas, dress
from pose_ros.sources.truth import JOINTS, ROTATED_JOINTS, PeopleTruth, PersonTruth
from pose_ros.types import RGBDFrame

RATE = 30.0  # Hz
# A joint is seen if its own person's surface lies at most so far in front of it. Joints of the face lie on
# the skin; the others lie inside, the hips deepest.
FACE_DEPTH, BODY_DEPTH, BEHIND = 0.06, 0.15, 0.03  # m
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
BATCH = 8  # frames posed at once
TRIES = 300


@dataclass(frozen=True)
class SyntheticConfig:
    seed: int = option(1, "everything follows from it: the same seed gives the same bytes", range=(0, 2**31))
    frames: int = option(90, "length at 30 Hz", range=(1, 100_000))
    people: int = option(2, "how many", range=(0, 4))
    motion: str = option("mixed", "what they do; mixed draws one for each", choices=("mixed", *MOTIONS))
    width: int = option(640, "of the picture", unit="px", range=(64, 1920))
    height: int = option(480, "of the picture", unit="px", range=(48, 1080))


@dataclass(frozen=True)
class _Where:
    """Where a motion takes place. All ranges are uniform; lengths in m, angles in rad."""

    ahead: tuple[float, float] = (1.9, 4.2)  # before the camera
    aside: tuple[float, float] = (0.0, 0.36)  # off its axis, as a share of `ahead`
    turned: float = 0.7  # at most so far away from facing the camera
    along: tuple[float, float] = (0.0, 0.0)  # semi-axes of a walk
    across: tuple[float, float] = (0.0, 0.0)
    radius: float = 0.45  # that nobody else may enter


WHERE = {
    "stand": _Where(), "turn": _Where(radius=0.5),
    "behind": _Where(turned=np.pi), "squat": _Where(radius=0.6),
    "reach": _Where(radius=0.75), "wave": _Where(radius=0.65), "sit": _Where(turned=0.9, radius=0.7),
    "walk": _Where(ahead=(2.6, 3.8), aside=(0.0, 0.15), along=(0.3, 0.8), across=(0.5, 1.1), radius=0.5),
    "cross": _Where(ahead=(2.2, 4.2), aside=(0.0, 0.05), along=(0.25, 0.4), across=(1.2, 1.6), radius=0.5),
    "edge": _Where(ahead=(1.1, 2.2), aside=(0.4, 0.55), radius=0.75),
}  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """One person: body, clothes and a motion that is fixed for all time."""

    body: Body
    outfit: Outfit
    motion: str
    seed: int
    stage: Stage

    def pose(self, times: np.ndarray) -> Pose:
        return MOTIONS[self.motion](np.random.default_rng(self.seed), times, self.stage)

    def act(self, times: np.ndarray) -> tuple[PosedBody, list[Figure]]:
        """T frames of the person, soles on the floor: the body, and what is to be drawn of it."""
        pose = self.pose(times)
        body = self.body.pose(pose.segments(), np.zeros((len(times), 3)))
        normals = [mesh().normals(vertices) for vertices in body.vertices]
        clothed = [
            v + n * self.outfit.thickness[:, None] for v, n in zip(body.vertices, normals, strict=True)
        ]
        joints = body.joints
        held = (joints["left_ankle"] + joints["right_ankle"]) / 2 if pose.on_feet else joints["pelvis"]
        floor = np.array([vertices[:, 2].min() for vertices in clothed])
        shift = np.concatenate([pose.position - held[:, :2], -floor[:, None]], axis=1)
        placed = PosedBody(
            body.vertices + shift[:, None].astype(np.float32),
            {name: xyz + shift for name, xyz in joints.items()},
            body.rotations,
        )
        figures = [
            Figure((vertices + move).astype(np.float32), normal, self.outfit)
            for vertices, normal, move in zip(clothed, normals, shift, strict=True)
        ]
        return placed, figures


class SyntheticSource(Source):
    """Rendered people. `truth` is complete once all frames were drawn; asked before, it draws them."""

    def __init__(self, config: SyntheticConfig = SyntheticConfig()) -> None:
        self.config, self.name = config, f"synthetic {config.seed}"
        rng = np.random.default_rng(config.seed)
        self.times = np.arange(config.frames) / RATE
        self.camera, world_from_camera = _camera(rng, config)
        self.actors, paths = _cast(rng, config, self.times)
        seats = [part for actor in self.actors if actor.motion == "sit" for part in _seat(rng, actor)]
        self.room: Room = furnish(rng, paths, seats)
        self.sensor = DepthSensor(self.camera.fx, rng.uniform(0.05, 0.08))
        self._exposure, self._grain = rng.uniform(1.1, 1.7), rng.uniform(0.01, 0.03)
        self.renderer = Renderer(self.room, self.camera, world_from_camera)
        self._truth: dict[str, tuple[PersonTruth, ...]] = {}

    def __len__(self) -> int:
        return self.config.frames

    def __iter__(self) -> Iterator[RGBDFrame]:
        for index, picture in self.pictures():
            rng = np.random.default_rng([self.config.seed, index])
            rgb = develop(picture, rng, self._exposure, self._grain)
            depth = self.sensor.measure(picture.depth, picture.cosine, picture.linear.mean(-1), rng)
            stamp = FIRST_STAMP_NS + round(self.times[index] * 1e9)
            yield RGBDFrame(rgb, depth, self.camera, stamp, self.frame_id)

    def pictures(self) -> Iterator[tuple[int, Picture]]:
        """(index, noiseless picture) of every frame; the frame's truth is known once it is drawn."""
        for start in range(0, len(self), BATCH):
            acts = [actor.act(self.times[start : start + BATCH]) for actor in self.actors]
            for n in range(min(BATCH, len(self) - start)):
                picture = self.renderer.picture([figures[n] for _, figures in acts])
                self._truth[f"{start + n:05d}"] = tuple(
                    self._person(id, body, n, picture) for id, (body, _) in enumerate(acts)
                )
                yield start + n, picture

    @property
    def truth(self) -> PeopleTruth:
        if len(self._truth) < len(self):
            for _ in self.pictures():
                pass
        return PeopleTruth({key: self._truth[key] for key in self.keys()})

    def _person(self, id: int, body: PosedBody, n: int, picture: Picture) -> PersonTruth:
        camera_from_world = self.renderer.camera_from_world
        joints = {name: camera_from_world.apply(body.joints[name][n]) for name in JOINTS}
        rotations = {
            name: quaternion_from_matrix(camera_from_world.rotation @ body.rotations[name][n])
            for name in ROTATED_JOINTS
        }
        visible = {name: self._visible(name, xyz, id, picture) for name, xyz in joints.items()}
        return PersonTruth(id, joints, visible, rotations)

    def _visible(self, name: str, joint: np.ndarray, id: int, picture: Picture) -> bool:
        """In the picture, and the surface on its ray is the person's own and just in front of it."""
        pixel = self.camera.project(joint)
        if not (np.isfinite(pixel).all() and (pixel > -0.5).all()):
            return False
        u, v = np.rint(pixel).astype(int)
        if u >= self.camera.width or v >= self.camera.height or picture.owner[v, u] != id:
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


def _cast(
    rng: np.random.Generator, config: SyntheticConfig, times: np.ndarray
) -> tuple[list[Actor], np.ndarray]:
    """People whose ways keep their distance, and all the places (N,2) m where somebody is at some time."""
    actors: list[Actor] = []
    ways: list[tuple[np.ndarray, float]] = []
    for _ in range(config.people):
        motion = config.motion if config.motion != "mixed" else str(rng.choice(sorted(MOTIONS)))
        where, seed = WHERE[motion], int(rng.integers(2**31))
        for attempt in range(TRIES):
            stage = _stage(rng, where, 1 + attempt / TRIES)
            pose = MOTIONS[motion](np.random.default_rng(seed), times, stage)
            gaps = [np.hypot(*(pose.position - way).T).min() - radius for way, radius in ways]
            if min(gaps, default=np.inf) > where.radius - 0.1:
                break
        else:
            raise SourceError(f"no room for {config.people} people who {motion} (seed {config.seed})")
        ways.append((pose.position, where.radius))
        shape = _shape(rng)
        actors.append(Actor(Body(shape), dress(rng, shape.gender), motion, seed, stage))
    return actors, np.concatenate([np.array([[2.5, 0.0]]), *(way for way, _ in ways)])


def _stage(rng: np.random.Generator, where: _Where, spread: float) -> Stage:
    """A place by the ranges of `where`; the harder it is to find one, the farther back it may lie."""
    ahead = rng.uniform(where.ahead[0], where.ahead[0] + spread * (where.ahead[1] - where.ahead[0]))
    aside = rng.choice([-1, 1]) * rng.uniform(*where.aside) * ahead
    facing = np.arctan2(-aside, -ahead) + rng.uniform(-where.turned, where.turned)
    extent = (rng.uniform(*where.along), rng.uniform(*where.across))
    return Stage(np.array([ahead, aside]), float(facing), extent)


def _shape(rng: np.random.Generator) -> Shape:
    """Mostly adults of every build, now and then a child of about ten."""
    age = rng.uniform(0.42, 0.5) if rng.random() < 0.1 else rng.uniform(0.6, 0.95)
    gender = float(np.clip(rng.choice([0.1, 0.9]) + rng.normal(0, 0.08), 0, 1))
    muscle, weight, height, proportions = np.clip(rng.normal(0.5, 0.17, 4), 0.1, 0.9)
    return Shape(gender, float(age), muscle, weight, height, proportions)


def _seat(rng: np.random.Generator, actor: Actor) -> list[Solid]:
    """A chair under the person's buttocks where they sit lowest, be it after the sequence's end."""
    times = np.arange(0, 12, 0.1)
    lowest = np.argmax(actor.pose(times).angles["left_knee"])
    body, (figure,) = actor.act(times[lowest : lowest + 1])
    bones = actor.body.model.bones
    buttocks = np.isin(atlas().vertices.bone, [bones.index(f"upperleg01.{side}") for side in "LR"])
    height = figure.vertices[buttocks, 2].min() + 0.01
    return chair(rng, body.joints["pelvis"][0, :2], actor.stage.heading, float(height))
