"""Our meshes as trimesh's, which others' estimators take; always in metres and in the mesh's own frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from pose_ros.errors import BackendError
from pose_ros.geometry.mesh import Mesh


def as_trimesh(mesh: Mesh) -> Any:
    """A trimesh.Trimesh with its texture, or with colours of its corners where it has none or several."""
    try:
        import trimesh
    except ImportError as error:
        raise BackendError("meshes are handed over by trimesh: pip install 'pose_ros[objects]'") from error
    faces = len(mesh.triangles)
    vertices = mesh.vertices[mesh.triangles].reshape(-1, 3)
    made = trimesh.Trimesh(
        vertices,
        np.arange(3 * faces).reshape(-1, 3),
        vertex_normals=np.repeat(mesh.normals, 3, axis=0),
        process=False,
    )
    if len(mesh.textures) == 1 and (mesh.texture == 0).all():
        from PIL import Image

        material = trimesh.visual.material.SimpleMaterial(image=Image.fromarray(mesh.textures[0]))
        made.visual = trimesh.visual.TextureVisuals(mesh.uv.reshape(-1, 2), material=material)
    else:
        corners = np.tile(np.eye(3), (faces, 1))
        rgb = mesh.colors(np.repeat(np.arange(faces), 3), corners)
        alpha = np.full((len(rgb), 1), 255.0)
        made.visual = trimesh.visual.ColorVisuals(
            made, vertex_colors=np.concatenate([rgb, alpha], axis=1).round().astype(np.uint8)
        )
    return made
