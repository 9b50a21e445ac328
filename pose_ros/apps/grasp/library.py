"""The grasps of models that are told of by path: what `objects/models` says of each label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pose_ros.apps.grasp.errors import GraspError
from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.isaac_file import grasps_of_isaac, read_isaac_grasps
from pose_ros.apps.grasp.onboard import OnboardConfig, load_grasps
from pose_ros.apps.grasp.skin import Rays, skin_of
from pose_ros.errors import MeshError
from pose_ros.geometry.mesh import UNITS, Z_FROM_UP, Mesh, load_mesh
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.types import Symmetries

SAME = 2e-3  # share of its size by which a mesh's box may differ from what is said of it


@dataclass(frozen=True)
class KnownObject:
    """A model with its grasps."""

    mesh: Mesh
    symmetries: Symmetries
    grasps: GraspSet


def known_object(
    label: str,
    entry: Mapping[str, Any],
    gripper: Gripper,
    config: OnboardConfig,
    folder: Path | None = None,
) -> KnownObject:
    """From what `objects/models` says of a label; PoseError tells what is missing or wrong.

    Its grasps are those of `folder`/LABEL.yaml (isaac_grasp) if there is such a file, else its mesh's.
    """
    mesh, symmetries = mesh_of(label, entry), symmetries_of(entry)
    file = folder / f"{label}.yaml" if folder else None
    if file and file.is_file():
        skin = skin_of(mesh, Rays(mesh), np.random.default_rng(config.seed))
        grasps = grasps_of_isaac(read_isaac_grasps(file), gripper, skin)
    else:
        grasps = load_grasps(mesh, gripper, symmetries, config)
    return KnownObject(mesh, symmetries, grasps)


def mesh_of(label: str, entry: Mapping[str, Any]) -> Mesh:
    """The mesh of an entry's path, in metres, in the frame that detections are of.

    Where the entry does not say unit and up axis, those are taken that give the mesh the box it tells of.
    """
    path = entry.get("mesh")
    if not path:
        raise MeshError(f"{label}: objects/models names no mesh")
    units = [entry["unit"]] if entry.get("unit") else list(UNITS)
    ups = [entry["up"]] if entry.get("up") else list(Z_FROM_UP)
    box, failure = entry.get("bounds"), None
    for up in ups:
        for unit in units:
            try:
                mesh = load_mesh(path, unit, up)
            except MeshError as error:
                failure = failure or error
                continue
            if box is None or _is_box(mesh, np.asarray(box, float)):
                return mesh
    raise failure or MeshError(f"{label}: {path} is not as large as objects/models says: was it changed?")


def _is_box(mesh: Mesh, box: np.ndarray) -> bool:
    return box.shape == (2, 3) and bool(np.abs(mesh.bounds - box).max() < SAME * mesh.diameter)


def symmetries_of(entry: Mapping[str, Any]) -> Symmetries:
    """Symmetries as `objects/models` has them."""
    told = entry.get("symmetries")
    if not told:
        return Symmetries.none()
    try:
        matrices = np.asarray(told["discrete"], float).reshape(-1, 4, 4)
        axis = None if told.get("axis") is None else np.asarray(told["axis"], float).reshape(3)
        return Symmetries(
            RigidTransform(matrices[:, :3, :3], matrices[:, :3, 3]),
            axis,
            bool(told.get("sphere")),
            np.asarray(told.get("center", (0, 0, 0)), float).reshape(3),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GraspError(f"symmetries in objects/models cannot be understood: {error}") from error
