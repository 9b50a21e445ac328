"""Objects in the world of physics: bodies of models, put down and read off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial import ConvexHull

from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.sim.engine import parts_of, pose_of, quiet
from pose_ros.sim.pieces import convex_pieces, write_pieces
from pose_ros.sources.bop_models import BOPModel, label_of, write_models
from pose_ros.sources.synthetic.objects.catalogue import Model
from pose_ros.sources.synthetic.objects.place import centre_of_mass

DENSITY = 600.0  # kg/m³ of a mesh's convex pieces, about that of wood and filled boxes
MASSES = (0.03, 0.6)  # kg
FRICTION = 0.6  # of everyday things; times the pads' 1.0 it is the coefficient a grasp has to live with


@dataclass(frozen=True)
class Body:
    """number: of the engine. object_from_body: the engine's frame has its origin at the centre of mass."""

    number: int
    object_from_body: RigidTransform
    mass: float


class Shelf:
    """Models with their files, made once, from which bodies are put into any world.

    Below `folder`: models/ with obj_NNNNNN (numbers from 1, in mm, as object_pose takes them), looks/ and
    pieces/ in m for the engine.
    """

    def __init__(self, models: list[Model], folder: Path) -> None:
        self.models, self.folder = list(models), Path(folder)
        self.model_folder = self.folder / "models"
        known = {n: BOPModel(m.shape.name, m.mesh, m.shape.symmetries) for n, m in enumerate(models, 1)}
        write_models(self.model_folder, known)
        for name in ("looks", "pieces"):
            (self.folder / name).mkdir(exist_ok=True)
        self._volume: dict[int, float] = {}

    def add(self, model: Model) -> int:
        """One more, which nobody is told of; its number."""
        self.models.append(model)
        return len(self.models)

    @staticmethod
    def label(number: int) -> str:
        """What object_pose calls a model."""
        return label_of(number)

    def put(self, client: Any, number: int, world_from_object: RigidTransform, still: bool = False) -> Body:
        """A body of model `number`. still: it has no mass, and stays where it is."""
        model = self.models[number - 1]
        pieces, look = self._pieces(number), self._look(number)
        mass = float(np.clip(DENSITY * self._volume[number], *MASSES))
        with quiet():
            collision = client.createCollisionShape(client.GEOM_MESH, fileName=str(pieces))
            visual = client.createVisualShape(
                client.GEOM_MESH, fileName=str(look), rgbaColor=_paint(model), specularColor=[0.2, 0.2, 0.2]
            )
        object_from_body = RigidTransform(np.eye(3), centre_of_mass(model.mesh))
        position, quaternion = parts_of(world_from_object)
        number = client.createMultiBody(
            0.0 if still else mass, collision, visual, position, quaternion,
            object_from_body.translation.tolist(),
        )  # fmt: skip
        client.changeDynamics(
            number, -1, lateralFriction=FRICTION, spinningFriction=0.002, rollingFriction=0.0005,
            restitution=0.0, linearDamping=0.04, angularDamping=0.1,
        )  # fmt: skip
        return Body(number, object_from_body, mass)

    def _pieces(self, number: int) -> Path:
        file = self.folder / "pieces" / f"{label_of(number)}.obj"
        if number not in self._volume:
            pieces = convex_pieces(self.models[number - 1].mesh)
            write_pieces(pieces, file)
            self._volume[number] = float(sum(ConvexHull(piece).volume for piece in pieces))
        return file

    def _look(self, number: int) -> Path:
        """The mesh in m for the engine's own pictures."""
        file = self.folder / "looks" / f"{label_of(number)}.obj"
        if not file.exists():
            write_look(self.models[number - 1].mesh, file)
        return file


def pose_in(client: Any, body: Body) -> RigidTransform:
    """world_from_object of a body now."""
    return pose_of(*client.getBasePositionAndOrientation(body.number)) @ body.object_from_body.inverse()


def write_look(mesh: Mesh, file: Path) -> None:
    """An OBJ in m with flat normals, and its first picture where it has one."""
    corners = mesh.vertices[mesh.triangles].reshape(-1, 3)
    normals = np.repeat(mesh.normals, 3, axis=0)
    lines = []
    if mesh.textures:
        cv2.imwrite(str(file.with_suffix(".png")), cv2.cvtColor(mesh.textures[0], cv2.COLOR_RGB2BGR))
        material = f"newmtl print\nKd 1 1 1\nmap_Kd {file.stem}.png\n"
        file.with_suffix(".mtl").write_text(material)
        lines += [f"mtllib {file.stem}.mtl", "usemtl print"]
    uv = mesh.uv.reshape(-1, 2) % 1.0
    lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in corners]
    lines += [f"vt {u:.5f} {v:.5f}" for u, v in uv]
    lines += [f"vn {x:.4f} {y:.4f} {z:.4f}" for x, y, z in normals]
    for n in range(1, len(corners), 3):
        lines.append("f " + " ".join(f"{k}/{k}/{k}" for k in (n, n + 1, n + 2)))
    file.write_text("\n".join(lines) + "\n")


def _paint(model: Model) -> list[float]:
    if model.mesh.textures:
        return [1.0, 1.0, 1.0, 1.0]
    rgb = model.mesh.corner_rgb.mean((0, 1)) / 255 if model.mesh.has_color else model.paint
    return [*np.asarray(rgb, float).tolist(), 1.0]
