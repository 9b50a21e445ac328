"""Who plays: bodies, clothes, and ways through the room on which nobody runs into anybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pose_ros.body.rig import Shape
from pose_ros.errors import SourceError
from pose_ros.sources.synthetic.arms import ARM_MOTIONS
from pose_ros.sources.synthetic.body import Body, PosedBody
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS
from pose_ros.sources.synthetic.motion import MOTIONS, Pose, Stage
from pose_ros.sources.synthetic.render import Figure, mesh
from pose_ros.sources.synthetic.room import chair
from pose_ros.sources.synthetic.solids import Solid
from pose_ros.sources.synthetic.wardrobe import Outfit, atlas, dress

TRIES = 60  # places for one person, and casts for one scene, before giving up


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
    "walk": _Where(ahead=(2.6, 3.8), aside=(0.0, 0.15), along=(0.3, 0.8), across=(0.5, 1.1)),
    "cross": _Where(ahead=(2.2, 4.2), aside=(0.0, 0.05), along=(0.25, 0.4), across=(1.2, 1.6), radius=0.5),
    "edge": _Where(ahead=(1.1, 2.4), aside=(0.3, 0.55), radius=0.65),
    "lunge": _Where(radius=0.75), "arm_raise": _Where(radius=0.7), "bend": _Where(radius=0.8),
    "kneel": _Where(turned=1.0, radius=0.6), "lie": _Where(ahead=(2.6, 4.0), radius=1.1),
    "push_up": _Where(ahead=(2.8, 4.0), turned=1.5, radius=1.2),
    **{name: _Where(ahead=(2.5, 3.2), aside=(0.0, 0.12), turned=0.35, radius=0.7) for name in ARM_MOTIONS},
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
        return ALL_MOTIONS[self.motion](np.random.default_rng(self.seed), times, self.stage)

    def act(self, times: np.ndarray) -> tuple[PosedBody, list[Figure]]:
        """T frames of the person, soles on the floor: the body, and what is to be drawn of it."""
        pose = self.pose(times)
        body = self.body.pose(pose.segments(), np.zeros((len(times), 3)))
        clothed, normals = dressed(body, self.outfit)
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


def dressed(body: PosedBody, outfit: Outfit) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of each of T frames the clothed vertices (V,3) m and their unit normals (V,3)."""
    normals = [mesh().normals(vertices) for vertices in body.vertices]
    clothed = [v + n * outfit.thickness[:, None] for v, n in zip(body.vertices, normals, strict=True)]
    return clothed, normals


def choose_cast(rng: np.random.Generator, people: int, motion: str, times: np.ndarray) -> list[Actor]:
    """So many people who do `motion`, or "mixed": each their own. They keep their distance at all `times`."""
    for effort in range(TRIES):
        names = [motion if motion != "mixed" else str(rng.choice(sorted(MOTIONS))) for _ in range(people)]
        seeds = rng.integers(2**31, size=people).tolist()
        stages = _places(rng, names, seeds, times, effort / TRIES)
        if stages is not None:
            shapes = [_shape(rng) for _ in names]
            looks = [(Body(shape), dress(rng, shape.gender)) for shape in shapes]
            parts = zip(looks, names, seeds, stages, strict=True)
            return [Actor(*look, name, seed, stage) for look, name, seed, stage in parts]
    raise SourceError(f"no room for {people} people who do {motion!r}: take fewer or another seed")


def _places(
    rng: np.random.Generator, names: list[str], seeds: list[int], times: np.ndarray, effort: float
) -> list[Stage] | None:
    """A stage for each, or None where no place was found for somebody. effort: 0 at first, 1 at last."""
    stages: list[Stage] = []
    ways: list[tuple[np.ndarray, float]] = []
    for name, seed in zip(names, seeds, strict=True):
        where = WHERE[name]
        for attempt in range(TRIES):
            stage = _stage(rng, where, effort + attempt / TRIES)
            way = ALL_MOTIONS[name](np.random.default_rng(seed), times, stage).position
            if all(_apart(way, where.radius, *other) for other in ways):
                break
        else:
            return None
        stages.append(stage)
        ways.append((way, where.radius))
    return stages


def _apart(way: np.ndarray, radius: float, other: np.ndarray, other_radius: float) -> bool:
    """Whether two ways (T,2) m keep their distance, and do not hide each other all the time from 0, 0."""
    bearings = np.arctan2(way[:, 1], way[:, 0]) - np.arctan2(other[:, 1], other[:, 0])
    near = np.hypot(*(way - other).T).min() < radius + other_radius - 0.1
    return not near and float(np.abs(bearings).mean()) > 0.15


def _stage(rng: np.random.Generator, where: _Where, effort: float) -> Stage:
    """A place by the ranges of `where`. As effort grows to 2, farther off and with smaller walks."""
    ahead = rng.uniform(where.ahead[0], where.ahead[0] + (1 + effort) * (where.ahead[1] - where.ahead[0]))
    aside = rng.choice([-1, 1]) * rng.uniform(where.aside[0], where.aside[1] + 0.1 * effort) * ahead
    facing = np.arctan2(-aside, -ahead) + rng.uniform(-where.turned, where.turned)
    extent = np.array([rng.uniform(*where.along), rng.uniform(*where.across)]) / (1 + effort)
    return Stage(np.array([ahead, aside]), float(facing), (float(extent[0]), float(extent[1])))


def _shape(rng: np.random.Generator) -> Shape:
    """Mostly adults of every build, now and then a child of about ten."""
    age = rng.uniform(0.42, 0.5) if rng.random() < 0.1 else rng.uniform(0.6, 0.95)
    gender = float(np.clip(rng.choice([0.1, 0.9]) + rng.normal(0, 0.08), 0, 1))
    muscle, weight, proportions = np.clip(rng.normal(0.5, 0.17, 3), 0.1, 0.9).tolist()
    height = float(np.clip(rng.normal(0.45, 0.12), 0.2, 0.7))
    return Shape(gender, float(age), muscle, weight, height, proportions)


def seat(rng: np.random.Generator, actor: Actor) -> list[Solid]:
    """A chair under the person's buttocks where they sit lowest, be it after the sequence's end."""
    times = np.arange(0, 12, 0.1)
    lowest = np.argmax(actor.pose(times).angles["left_knee"])
    body, (figure,) = actor.act(times[lowest : lowest + 1])
    bones = actor.body.model.bones
    buttocks = np.isin(atlas().vertices.bone, [bones.index(f"upperleg01.{side}") for side in "LR"])
    height = figure.vertices[buttocks, 2].min() + 0.01
    return chair(rng, body.joints["pelvis"][0, :2], actor.stage.heading, float(height))
