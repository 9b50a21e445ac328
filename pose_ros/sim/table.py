"""A table with objects, a camera and a robot arm beside it: everything follows from the seed.

World: z up, the table's top at z = 0, objects about the origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pose_ros.config import option
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sim.arm import Arm
from pose_ros.sim.camera import DepthCamera, items_of
from pose_ros.sim.engine import RATE, SimError, connect
from pose_ros.sim.things import Body, Shelf, pose_in
from pose_ros.sources.synthetic.objects.catalogue import Model, choose_models
from pose_ros.sources.synthetic.objects.layout import Kind, Layout, Rests, lay_table
from pose_ros.sources.synthetic.objects.render import Item
from pose_ros.sources.synthetic.objects.scene import shares
from pose_ros.sources.synthetic.objects.shapes import Shape
from pose_ros.sources.synthetic.objects.stage import draw_camera
from pose_ros.sources.synthetic.render import Picture
from pose_ros.types import Symmetries

TRIES = 60  # layouts drawn until things lie apart and in sight
IN_SIGHT = 0.85  # share of every known object's outline
BESIDE = (np.radians(80), np.radians(170))  # where the robot stands, seen from the camera's azimuth
TABLE_FRICTION = 0.9
AT_REST = (0.004, 0.05)  # m/s and rad/s


@dataclass(frozen=True)
class TableConfig:
    """Of random tables."""

    models: int = option(8, "that are known; a table shows some of them", range=(1, 50))
    fewest: int = option(3, "known objects on a table", range=(1, 20))
    most: int = option(5, "known objects on a table", range=(1, 20))
    strangers: int = option(1, "at most so many things that nobody has a model of", range=(0, 5))
    gap: float = option(0.03, "between neighbours", unit="m", range=(0.0, 0.2))
    base: float = option(0.5, "from the middle of the table to the robot's base", unit="m", range=(0.3, 1.0))
    meshes: str = option("", "folder of meshes to use, too, e.g. pybullet_data's")
    width: int = option(640, "of the picture", unit="px", range=(64, 1920))
    height: int = option(480, "of the picture", unit="px", range=(48, 1080))


def make_shelf(seed: int, folder: Path, config: TableConfig | None = None) -> Shelf:
    """The models of the tables of this seed."""
    config = config or TableConfig()
    rng = np.random.default_rng([seed, 1])
    return Shelf(choose_models(rng, config.models, config.meshes, off_centre=0.1), folder)


class Table:
    """One table, things at rest on it, the arm folded back. `bodies`: by number of the model, 0 and below are
    strangers."""

    def __init__(
        self, shelf: Shelf, seed: tuple[int, ...], config: TableConfig | None = None, robot: str = "panda"
    ) -> None:
        self.config, self.shelf, self.seed = config or TableConfig(), shelf, seed
        self.client = connect()
        self.on_step: Callable[[], None] | None = None  # called after every step of the physics
        rng = np.random.default_rng([*seed, 2])
        layout = self._layout(rng)
        self.stage = layout.stage
        self.camera = DepthCamera.draw(rng, layout.view)
        self._floor()
        place = self.camera.world_from_camera.translation
        azimuth = np.arctan2(place[1], place[0]) + rng.choice([-1, 1]) * rng.uniform(*BESIDE)
        at = self.config.base * np.array([np.cos(azimuth), np.sin(azimuth), 0])
        base = RigidTransform(rotation_exp(np.array([0, 0, azimuth + np.pi])), at)
        self.arm = Arm(self.client, robot, base)
        self.arm.reset(self.arm.kind.look)
        self.bodies: dict[int, Body] = {}
        self._looks: dict[int, Model] = {}
        for item in layout.items:
            key = item.model or min([0, *self.bodies]) - 1
            number = item.model or shelf.add(_stranger(item))
            self.bodies[key] = shelf.put(self.client, number, item.world_from_object)
            self._looks[key] = shelf.models[number - 1]
        self._settle()

    def close(self) -> None:
        self.client.disconnect()

    def _layout(self, rng: np.random.Generator) -> Layout:
        c = self.config
        kind = Kind((c.fewest, c.most), (0, c.strangers), (0.55, 0.75), (0.6, 1.2), c.gap)
        camera = draw_camera(rng, c.width, c.height)
        known = self.shelf.models[: c.models]
        for _ in range(TRIES):
            layout = lay_table(rng, known, _RESTS, kind, camera)
            if layout is not None and min(shares(layout), default=0) > IN_SIGHT:
                return layout
        raise SimError(f"no layout of {c.fewest} to {c.most} objects fits the table: ask for fewer")

    def _floor(self) -> None:
        c = self.client
        shape = c.createCollisionShape(c.GEOM_BOX, halfExtents=[1.5, 1.5, 0.05])
        look = c.createVisualShape(
            c.GEOM_BOX,
            halfExtents=[0.75, 0.75, 0.05],
            rgbaColor=[0.72, 0.6, 0.47, 1],
            specularColor=[0, 0, 0],
        )
        self.floor = c.createMultiBody(0, shape, look, [0, 0, -0.05])
        c.changeDynamics(self.floor, -1, lateralFriction=TABLE_FRICTION, restitution=0.0)

    def _settle(self, longest: float = 3.0) -> None:
        """Let things come to rest; then they are where they are."""
        self.step(0.4)
        for _ in range(round(longest / 0.1)):
            speeds = [self.client.getBaseVelocity(body.number) for body in self.bodies.values()]
            if all(np.linalg.norm(v) < AT_REST[0] and np.linalg.norm(w) < AT_REST[1] for v, w in speeds):
                return
            self.step(0.1)

    def step(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds * RATE)):
            self.client.stepSimulation()
            if self.on_step is not None:
                self.on_step()

    @property
    def known(self) -> list[int]:
        """Numbers of the models that lie here."""
        return sorted(number for number in self.bodies if number > 0)

    def pose(self, number: int) -> RigidTransform:
        """world_from_object, the truth."""
        return pose_in(self.client, self.bodies[number])

    def lowest(self, number: int) -> float:
        """Height (m) of an object's lowest point above the table."""
        mesh = self._looks[number].mesh
        return float(self.pose(number).apply(mesh.vertices)[:, 2].min())

    def picture(self) -> Picture:
        """What the camera sees now, robot and all; `owner` counts as `items` does."""
        return self.camera.picture(self.stage, self.items())

    def items(self) -> list[Item]:
        things = [
            Item(look.mesh, self.pose(key), max(key, 0), look.paint, look.gloss)
            for key, look in self._looks.items()
        ]
        return [*things, *items_of(self.arm)]


_RESTS = Rests()


def _stranger(item: Item) -> Model:
    return Model(Shape("stranger", item.mesh, Symmetries.none()), item.paint, item.gloss)
