"""A virtual thing: what it looks like, what it hangs on, and how. Read from YAML, a name each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from pose_ros.apps.ar.anchor import Anchor
from pose_ros.apps.ar.render import Placed
from pose_ros.apps.ar.shapes import SHAPES, shape
from pose_ros.apps.ar.virtual_mesh import VirtualMesh
from pose_ros.errors import ConfigError, MeshError, unknown
from pose_ros.geometry.mesh import Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform

REPLACED_MARGIN = 0.02  # m about a thing's box, in which what is real is what it stands for


@dataclass(frozen=True)
class ThingConfig:
    """One entry of a file of things; see the fields' own words."""

    anchor: str  # object, frame or a joint, as Anchor.parse reads it
    shape: str = ""  # one of SHAPES, or
    mesh: str = ""  # a CAD file, relative to the file of things
    unit: str = "m"  # of the CAD file's numbers
    up: str = "z"  # of the CAD file
    scale: float = 1.0
    xyz: tuple[float, ...] = (0.0, 0.0, 0.0)  # m, in the anchor's frame
    rpy: tuple[float, ...] = (0.0, 0.0, 0.0)  # rad, about fixed axes, as in a URDF
    rgb: tuple[float, ...] = ()  # one colour for all of it, 0 to 255
    tolerance: float = (
        -1.0
    )  # m by which something real may be nearer and not hide it; -1: by the kind of anchor
    replaces: bool = False  # it stands for what is real inside its box, which does not hide it


# Hair lies about a head, sleeves about a wrist, and poses are wrong by as much.
USUAL_TOLERANCE = {"objects": 0.01, "frames": 0.0, "people": 0.03, "head": 0.05}


@dataclass(frozen=True)
class Thing:
    """anchor_from_mesh: where the mesh is fastened. tolerance m, replaced (2,3) m: as in Placed."""

    name: str
    anchor: Anchor
    mesh: VirtualMesh
    anchor_from_mesh: RigidTransform
    tolerance: float
    replaced: np.ndarray | None = None

    @classmethod
    def made(cls, name: str, config: ThingConfig, folder: Path = Path()) -> Thing:
        anchor = Anchor.parse(config.anchor)
        if bool(config.shape) == bool(config.mesh):
            raise ConfigError(f"give either a mesh (a CAD file) or a shape: {', '.join(SHAPES)}")
        if not config.scale > 0:
            raise ConfigError(f"scale is {config.scale}, it must be positive")
        mesh = (
            shape(config.shape) if config.shape else load_mesh(folder / config.mesh, config.unit, config.up)
        )
        mesh = mesh.scaled(config.scale)
        if config.rgb:
            mesh = Mesh.plain(mesh.vertices, mesh.triangles, np.uint8(np.clip(config.rgb, 0, 255)))
        tolerance = config.tolerance
        if tolerance < 0:
            tolerance = USUAL_TOLERANCE.get(anchor.kind, USUAL_TOLERANCE[anchor.needs])
        fastened = RigidTransform(Rotation.from_euler("xyz", config.rpy).as_matrix(), np.array(config.xyz))
        replaced = mesh.bounds + [[-REPLACED_MARGIN], [REPLACED_MARGIN]] if config.replaces else None
        return cls(name, anchor, VirtualMesh.of(mesh), fastened, tolerance, replaced)

    def placed(self, camera_from_anchor: RigidTransform) -> Placed:
        return Placed(self.mesh, camera_from_anchor @ self.anchor_from_mesh, self.tolerance, self.replaced)


# What is drawn where no file says what: a newcomer sees something at once.
USUAL_THINGS = {
    "hat": {"shape": "hat", "anchor": "head"},
    "left_ring": {"shape": "ring", "anchor": "left_wrist"},
    "right_ring": {"shape": "ring", "anchor": "right_wrist"},
    "axes": {"shape": "axes", "anchor": "object", "tolerance": 1.0},
}


def load_things(path: str) -> tuple[Thing, ...]:
    """Things of a YAML file, the usual ones for ""; ConfigError names the file, the thing and the reason."""
    if not path:
        return things_from(USUAL_THINGS)
    file = Path(path).expanduser()
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"things: {path} cannot be read: {error}") from error
    try:
        return things_from(document, file.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def things_from(document: Any, folder: Path = Path()) -> tuple[Thing, ...]:
    if not isinstance(document, Mapping) or not document:
        raise ConfigError("things are written as `name: {shape: hat, anchor: head}`, one or more")
    things = []
    for name, entry in document.items():
        try:
            things.append(Thing.made(str(name), _config(entry), folder))
        except (ConfigError, MeshError) as error:
            raise ConfigError(f"thing {name}: {error}") from error
    return tuple(things)


def _config(entry: Any) -> ThingConfig:
    known = {field.name: field for field in fields(ThingConfig)}
    if not isinstance(entry, Mapping) or "anchor" not in entry:
        raise ConfigError("is written as {shape: hat, anchor: head, …}, and needs its anchor")
    values = {}
    for name, value in entry.items():
        if name not in known:
            raise ConfigError(unknown("option", name, known))
        default = known[name].default
        if isinstance(default, tuple):
            values[name] = _three(name, value)
        elif isinstance(default, float):
            values[name] = _numbers(name, [value], 1)[0]
        elif isinstance(default, bool) != isinstance(value, bool):
            raise ConfigError(
                f"{name} takes {'true or false' if isinstance(default, bool) else 'text'}, got {value!r}"
            )
        else:
            values[name] = value if isinstance(default, bool) else str(value)
    return ThingConfig(**values)


def _three(name: str, value: Any) -> tuple[float, ...]:
    return _numbers(name, value if isinstance(value, (list, tuple)) else [], 3)


def _numbers(name: str, values: Any, count: int) -> tuple[float, ...]:
    good = [isinstance(v, (int, float)) and not isinstance(v, bool) and np.isfinite(v) for v in values]
    if len(good) != count or not all(good):
        raise ConfigError(f"{name} takes {count} finite number{'s' if count > 1 else ''}, got {values!r}")
    return tuple(float(v) for v in values)
