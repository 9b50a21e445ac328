"""A CAD file made ready to be found: surface, distance field, symmetries. Made once, then kept."""

from __future__ import annotations

import hashlib
import json
import pickle
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
import yaml

from pose_ros.errors import MeshError, unknown
from pose_ros.geometry.mesh import SUFFIXES, Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.objects.bank import Bank
from pose_ros.objects.field import DistanceField, distance_field
from pose_ros.objects.surface import Surface, skin_of, surface_of
from pose_ros.objects.symmetry import SymmetryFinder, color_symmetries
from pose_ros.types import Symmetries
from pose_ros.weights import cache_dir

FORMAT = 3  # of the cache; raise it when what is computed changes
ENTRY_KEYS = ("mesh", "unit", "up", "symmetries")


@dataclass(frozen=True)
class ObjectModel:
    """Everything that is computed from a CAD file alone; frame: the mesh's own, in metres.

    symmetries: of shape and colour, what may be exchanged freely. shape_symmetries: of the shape alone,
    what depth cannot tell apart.
    """

    label: str
    mesh: Mesh
    diameter: float
    symmetries: Symmetries
    shape_symmetries: Symmetries
    surface: Surface
    field: DistanceField
    path: Path | None = None
    unit: str = "m"  # of the numbers in the file at `path`
    up: str = "z"  # axis that is up in it; z is in `mesh`

    @property
    def bounds(self) -> np.ndarray:
        """(2,3) m: least and greatest corner of the box along the mesh's axes."""
        return self.mesh.bounds

    @property
    def is_textured(self) -> bool:
        """Its colours tell apart poses that its shape does not, or differ enough to be followed."""
        return self.mesh.has_color and float(self.surface.colors.std(0).max()) > 8.0


def onboard(
    label: str, mesh: Mesh, symmetries: Symmetries | None = None, path: Path | None = None
) -> ObjectModel:
    """Compute a model; `symmetries` override what would be found."""
    skin = skin_of(mesh, np.random.default_rng(0))
    field, skin = distance_field(mesh, skin)
    diameter = mesh.diameter
    surface = surface_of(skin, diameter)
    bare = _Shape(field, surface, diameter)
    of_shape = SymmetryFinder(Bank.of([bare], torch.device("cpu")), surface).shape()
    if symmetries is None:
        symmetries = color_symmetries(of_shape, surface) if mesh.has_color else of_shape
    return ObjectModel(label, mesh, diameter, symmetries, of_shape, surface, field, path)


@dataclass(frozen=True)
class _Shape:
    field: DistanceField
    surface: Surface
    diameter: float


def load_model(
    label: str, path: Path, unit: str = "m", up: str = "z", symmetries: Symmetries | None = None
) -> ObjectModel:
    """The model of a CAD file, from the cache if neither the file nor what was said of it has changed."""
    mesh = load_mesh(path, unit, up)
    digest = hashlib.sha256(path.read_bytes())
    for texture in mesh.textures:
        digest.update(texture.tobytes())
    digest.update(pickle.dumps((FORMAT, unit, up, symmetries)))
    file = cache_dir() / "objects" / f"{digest.hexdigest()[:32]}.npz"
    model = _cached(file, label, mesh, path)
    if model is None:
        model = onboard(label, mesh, symmetries, path)
        with suppress(OSError):  # where nothing can be kept, it is computed again next time
            _keep(file, model)
    return replace(model, unit=unit, up=up)


def load_models(path: Path | str) -> dict[str, ObjectModel]:
    """Models by label, from a folder of CAD files or a YAML file.

    In a folder the stem of each file is its label, and its numbers are metres, z up; with a
    models_info.json (BOP) they are millimetres, and the symmetries are that file's. YAML:
    ``{label: {mesh: path, unit: m|cm|mm|in, up: x|y|z, symmetries: auto|none}}``, paths relative to it.
    MeshError names the file that is wrong.
    """
    path = Path(path).expanduser()
    if path.is_file():
        return {label: load_model(label, **entry) for label, entry in _entries(path).items()}
    if not path.is_dir():
        raise MeshError(f"{path} is neither a folder of CAD files nor a YAML file")
    files = {file.stem: file for file in sorted(path.iterdir()) if file.suffix.lower() in SUFFIXES}
    if not files:
        raise MeshError(f"{path} has no CAD file; valid: {', '.join(SUFFIXES)}")
    info = _models_info(path / "models_info.json")
    models = {}
    for label, file in files.items():
        number = label.rsplit("_", 1)[-1]
        known = info.get(str(int(number))) if number.isdecimal() else None
        if info:
            models[label] = load_model(label, file, "mm", "z", known and _bop_symmetries(known))
        else:
            models[label] = load_model(label, file)
    return models


def _entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        document = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise MeshError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(document, Mapping) or not document:
        raise MeshError(f"{path} must name models: {{label: {{mesh: path, unit: mm, up: z}}}}")
    entries = {}
    for label, entry in document.items():
        entry = {"mesh": entry} if isinstance(entry, str) else entry
        if not isinstance(entry, Mapping) or "mesh" not in entry:
            raise MeshError(f"{path}: {label} must have a mesh")
        if wrong := [key for key in entry if key not in ENTRY_KEYS]:
            raise MeshError(f"{path}: {label}: {unknown('key', wrong[0], ENTRY_KEYS)}")
        symmetries = entry.get("symmetries", "auto")
        if symmetries not in ("auto", "none"):
            raise MeshError(f"{path}: {label}: {unknown('symmetries', symmetries, ('auto', 'none'))}")
        entries[str(label)] = {
            "path": (path.parent / str(entry["mesh"])).resolve(),
            "unit": str(entry.get("unit", "m")),
            "up": str(entry.get("up", "z")),
            "symmetries": Symmetries.none() if symmetries == "none" else None,
        }
    return entries


def _models_info(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        info = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise MeshError(f"{path} cannot be read: {error}") from error
    if not isinstance(info, Mapping):
        raise MeshError(f"{path} must tell of models by number, as BOP's does")
    return info


def _bop_symmetries(info: Mapping[str, Any]) -> Symmetries | None:
    """Symmetries as BOP writes them; None where the file says nothing, so that they are found."""
    matrices = [np.reshape(matrix, (4, 4)) for matrix in info.get("symmetries_discrete", [])]
    axes = info.get("symmetries_continuous", [])
    if not matrices and not axes:
        return None
    motions = [np.eye(4), *matrices]
    discrete = RigidTransform(
        np.stack([matrix[:3, :3] for matrix in motions]),
        np.stack([matrix[:3, 3] for matrix in motions]) * 1e-3,
    )
    if not axes:
        return Symmetries(discrete)
    center = np.asarray(axes[0]["offset"], float) * 1e-3
    if len(axes) > 1:
        return Symmetries(Symmetries.none().discrete, None, True, center)
    axis = np.asarray(axes[0]["axis"], float)
    return Symmetries(discrete, axis / np.linalg.norm(axis), False, center)


def _keep(file: Path, model: ObjectModel) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part.npz")
    surface, field = model.surface, model.field
    np.savez_compressed(
        half,
        diameter=model.diameter,
        **{f"surface.{name}": value for name, value in vars(surface).items()},
        **{f"field.{name}": value for name, value in vars(field).items()},
        **_plain("symmetries", model.symmetries),
        **_plain("shape_symmetries", model.shape_symmetries),
    )
    half.replace(file)


def _plain(prefix: str, symmetries: Symmetries) -> dict[str, np.ndarray]:
    return {
        f"{prefix}.rotation": symmetries.discrete.rotation,
        f"{prefix}.translation": symmetries.discrete.translation,
        f"{prefix}.axis": np.zeros(0) if symmetries.axis is None else symmetries.axis,
        f"{prefix}.is_sphere": np.array(symmetries.is_sphere),
        f"{prefix}.center": symmetries.center,
    }


def _cached(file: Path, label: str, mesh: Mesh, path: Path) -> ObjectModel | None:
    """The model kept in a file; None where there is none or it is broken."""
    try:
        with np.load(file) as kept:
            values = dict(kept)
    except (OSError, ValueError, EOFError, BadZipFile, zlib.error):
        return None

    def symmetries(prefix: str) -> Symmetries:
        axis = values[f"{prefix}.axis"]
        return Symmetries(
            RigidTransform(values[f"{prefix}.rotation"], values[f"{prefix}.translation"]),
            axis if len(axis) else None,
            bool(values[f"{prefix}.is_sphere"]),
            values[f"{prefix}.center"],
        )

    def part(prefix: str) -> dict[str, np.ndarray]:
        return {key.split(".")[1]: value for key, value in values.items() if key.startswith(prefix + ".")}

    try:
        return ObjectModel(
            label,
            mesh,
            float(values["diameter"]),
            symmetries("symmetries"),
            symmetries("shape_symmetries"),
            Surface(**part("surface")),
            DistanceField(**part("field") | {"voxel": float(values["field.voxel"])}),
            path,
        )
    except (KeyError, TypeError):
        return None
