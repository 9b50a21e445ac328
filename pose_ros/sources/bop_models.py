"""The `models` folder of a data set in BOP's layout: meshes in mm and models_info.json, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pose_ros.errors import SourceError
from pose_ros.geometry.mesh import SUFFIXES, Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Symmetries

PARALLEL = 0.999  # cosine from which on two axes are one


def label_of(obj_id: int) -> str:
    return f"obj_{obj_id:06d}"


def number_of(label: str) -> int | None:
    """obj_000008 -> 8; None for a label that no BOP file can name."""
    digits = label.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else None


@dataclass(frozen=True)
class BOPModel:
    """name; mesh (m); symmetries as models_info.json has them."""

    name: str
    mesh: Mesh
    symmetries: Symmetries

    @property
    def diameter(self) -> float:
        """m"""
        return self.mesh.diameter


def mesh_files(folder: Path | str) -> dict[str, Path]:
    """label (file stem) -> mesh file, in the order of their names."""
    found: dict[str, Path] = {}
    for file in sorted(Path(folder).glob("*")):
        if file.suffix.lower() in SUFFIXES:
            found.setdefault(file.stem, file)
    return found


def load_bop_models(folder: Path | str) -> dict[str, BOPModel]:
    """label -> model. Without models_info.json nothing is symmetric, and meshes are in m instead of mm."""
    folder = Path(folder)
    files = mesh_files(folder)
    if not files:
        raise SourceError(f"{folder} has no mesh obj_NNNNNN of a kind that is read: {', '.join(SUFFIXES)}")
    info_file = folder / "models_info.json"
    infos, unit = (read_models_info(info_file), "mm") if info_file.exists() else ({}, "m")
    models = {}
    for label, file in files.items():
        name, symmetries = infos.get(label, (label, Symmetries.none()))
        models[label] = BOPModel(name, load_mesh(file, unit), symmetries)
    return models


def read_models_info(file: Path) -> dict[str, tuple[str, Symmetries]]:
    """label -> (name, symmetries in m) of a models_info.json."""
    try:
        document = json.loads(file.read_text())
        return {
            label_of(int(key)): (str(entry.get("name", label_of(int(key)))), symmetries_of(entry))
            for key, entry in document.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise SourceError(f"{file} is no models_info.json: {type(error).__name__} {error}") from error


def symmetries_of(entry: Mapping) -> Symmetries:
    """Of one object of models_info.json; several continuous axes that are not parallel make a sphere."""
    rotations, translations = [np.eye(3)], [np.zeros(3)]
    for matrix in entry.get("symmetries_discrete", ()):
        matrix = np.array(matrix, float).reshape(4, 4)
        rotations.append(matrix[:3, :3])
        translations.append(1e-3 * matrix[:3, 3])
    axes = [np.array(one["axis"], float) for one in entry.get("symmetries_continuous", ())]
    axes = [axis / np.linalg.norm(axis) for axis in axes]
    discrete = RigidTransform(np.array(rotations), np.array(translations))
    if not axes:
        return Symmetries(discrete)
    center = 1e-3 * np.array(entry["symmetries_continuous"][0].get("offset", (0, 0, 0)), float)
    if any(abs(axis @ axes[0]) < PARALLEL for axis in axes):
        return Symmetries(discrete, None, True, center)
    return Symmetries(discrete, axes[0], False, center)


def symmetries_document(symmetries: Symmetries) -> dict:
    """The reverse: what models_info.json says of them."""
    document = {}
    if len(symmetries) > 1:
        document["symmetries_discrete"] = [
            [*np.c_[rotation, 1e3 * translation].ravel().round(9).tolist(), 0, 0, 0, 1]
            for rotation, translation in zip(
                symmetries.discrete.rotation[1:], symmetries.discrete.translation[1:], strict=True
            )
        ]
    axes = np.eye(3) if symmetries.is_sphere else [symmetries.axis] if symmetries.axis is not None else []
    if len(axes):
        offset = (1e3 * symmetries.center).tolist()
        document["symmetries_continuous"] = [{"axis": np.asarray(a).tolist(), "offset": offset} for a in axes]
    return document


def write_models(folder: Path, models: Mapping[int, BOPModel]) -> None:
    """Write obj_NNNNNN.ply, or .obj with its picture, and models_info.json; old meshes are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("obj_*"), *folder.glob("models_info.json")):
        old.unlink()
    infos = {}
    for number, model in models.items():
        mesh, low, size = model.mesh, 1e3 * model.mesh.bounds[0], 1e3 * np.ptp(model.mesh.bounds, axis=0)
        _write_mesh(folder, label_of(number), mesh)
        infos[number] = {"name": model.name, "diameter": 1e3 * mesh.diameter}
        infos[number] |= {f"min_{axis}": float(value) for axis, value in zip("xyz", low, strict=True)}
        infos[number] |= {f"size_{axis}": float(value) for axis, value in zip("xyz", size, strict=True)}
        infos[number] |= symmetries_document(model.symmetries)
    (folder / "models_info.json").write_text(json.dumps(infos, indent=1))


def _write_mesh(folder: Path, label: str, mesh: Mesh) -> None:
    if mesh.textures:
        return _write_obj(folder, label, mesh)
    import trimesh

    looks = {"face_colors": mesh.corner_rgb.mean(1).astype(np.uint8)} if mesh.has_color else {}
    out = trimesh.Trimesh(1e3 * mesh.vertices, mesh.triangles, process=False, **looks)
    out.export(folder / f"{label}.ply")
    return None


def _write_obj(folder: Path, label: str, mesh: Mesh) -> None:
    """Triangles without a picture get a small one of their own colour."""
    pictures = [*mesh.textures]
    texture, uv = mesh.texture.copy(), mesh.uv.copy()
    if (texture < 0).any():
        plain = mesh.corner_rgb[texture < 0].mean((0, 1))
        pictures.append(np.full((8, 8, 3), plain, np.uint8))
        texture, uv = (
            np.where(texture < 0, len(pictures) - 1, texture),
            np.where((texture < 0)[:, None, None], 0.5, uv),
        )
    lines = [f"mtllib {label}.mtl"]
    lines += [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in 1e3 * mesh.vertices]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in uv.reshape(-1, 2)]
    materials = []
    for index, picture in enumerate(pictures):
        name = label if len(pictures) == 1 else f"{label}_{index}"
        cv2.imwrite(str(folder / f"{name}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        materials += [f"newmtl {name}", "Kd 1 1 1", f"map_Kd {name}.png", ""]
        lines.append(f"usemtl {name}")
        for face in np.flatnonzero(texture == index):
            corners = zip(mesh.triangles[face] + 1, 3 * face + np.arange(1, 4), strict=True)
            lines.append("f " + " ".join(f"{vertex}/{place}" for vertex, place in corners))
    (folder / f"{label}.mtl").write_text("\n".join(materials) + "\n")
    (folder / f"{label}.obj").write_text("\n".join(lines) + "\n")
