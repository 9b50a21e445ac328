"""Grasps of many models into isaac_grasp files, one a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.isaac_file import isaac_grasps, write_isaac_grasps
from pose_ros.apps.grasp.onboard import OnboardConfig, load_grasps
from pose_ros.geometry.mesh import Mesh
from pose_ros.types import Symmetries


def export_grasps(
    models: Mapping[str, tuple[Mesh, Symmetries]],
    out: Path,
    gripper: Gripper | None = None,
    config: OnboardConfig | None = None,
) -> dict[str, str]:
    """Write `out`/LABEL.yaml for every model that can be grasped; {label: how many, or why none}."""
    gripper = gripper or Gripper()
    out.mkdir(parents=True, exist_ok=True)
    told = {}
    for label, (mesh, symmetries) in tqdm(models.items(), desc="grasps", unit="model"):
        grasps = load_grasps(mesh, gripper, symmetries, config)
        if len(grasps):
            write_isaac_grasps(isaac_grasps(grasps, gripper, label), out / f"{label}.yaml")
        told[label] = f"{len(grasps)} grasps" if len(grasps) else f"none: {grasps.why_few()}"
    return told
