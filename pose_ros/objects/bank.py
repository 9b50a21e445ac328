"""All models side by side on one device, so that hypotheses of different models go through one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from pose_ros.objects.field import DistanceField
from pose_ros.objects.surface import Surface


class Shape(Protocol):
    """What of a model the bank holds."""

    field: DistanceField
    surface: Surface
    diameter: float


@dataclass(frozen=True)
class Bank:
    """M models; a hypothesis names its own by an index (B,) into them.

    Here every object's frame has its origin in the middle of the object, at `center` (M,3) of the mesh's
    frame: about an origin far outside, turns and shifts could hardly be told apart.

    values (V,4): the voxels of all distance fields. points, normals, colors (M,S,3): samples of the
    surfaces; models with fewer samples repeat some. visible (M,D,S) bool along `directions` (D,3);
    visible_center (M,D,3): mean of what is in sight, weighted as pixels are.
    """

    values: torch.Tensor
    offset: torch.Tensor
    shape: torch.Tensor
    origin: torch.Tensor
    voxel: torch.Tensor
    points: torch.Tensor
    normals: torch.Tensor
    colors: torch.Tensor
    visible: torch.Tensor
    visible_center: torch.Tensor
    directions: torch.Tensor
    diameter: torch.Tensor
    center: torch.Tensor

    @classmethod
    def of(cls, models: Sequence[Shape], device: torch.device) -> Bank:
        fields = [model.field for model in models]
        surfaces = [model.surface for model in models]
        sizes = [int(np.prod(field.values.shape[:3])) for field in fields]
        samples = max(len(surface.points) for surface in surfaces)
        rows = [np.resize(np.arange(len(surface.points)), samples) for surface in surfaces]

        center = np.stack([(s.points.min(0) + s.points.max(0)) / 2 for s in surfaces])

        def tensor(values: list, dtype: torch.dtype = torch.float32) -> torch.Tensor:
            return torch.as_tensor(np.stack(values), dtype=dtype, device=device)

        visible = [surface.visible[:, row] for surface, row in zip(surfaces, rows, strict=True)]
        centers = []
        for surface, middle in zip(surfaces, center, strict=True):
            facing = surface.visible * np.clip(-surface.directions @ surface.normals.T, 0, None)
            centers.append(
                facing @ (surface.points - middle) / np.maximum(facing.sum(1, keepdims=True), 1e-9)
            )
        return cls(
            torch.as_tensor(np.concatenate([field.values.reshape(-1, 4) for field in fields]), device=device),
            tensor([np.array(start) for start in np.cumsum([0, *sizes[:-1]])], torch.int64),
            tensor([np.array(field.values.shape[:3]) for field in fields]),
            tensor([field.origin - middle for field, middle in zip(fields, center, strict=True)]),
            tensor([np.array(field.voxel) for field in fields]),
            tensor([s.points[row] - middle for s, row, middle in zip(surfaces, rows, center, strict=True)]),
            tensor([surface.normals[row] for surface, row in zip(surfaces, rows, strict=True)]),
            tensor([surface.colors[row] for surface, row in zip(surfaces, rows, strict=True)]),
            tensor(visible, torch.bool),
            tensor(centers),
            torch.as_tensor(surfaces[0].directions, dtype=torch.float32, device=device),
            tensor([np.array(model.diameter) for model in models]),
            tensor(list(center)),
        )

    def from_mesh(
        self, model: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor
    ) -> torch.Tensor:
        """Translations (B,3) of poses here, whose translations at the mesh's origin are given."""
        return translation + (rotation @ self.center[model][..., None])[..., 0]

    def to_mesh(self, model: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        """Translations (B,3) of the mesh's origin in poses as they are here."""
        return translation - (rotation @ self.center[model][..., None])[..., 0]

    @property
    def device(self) -> torch.device:
        return self.values.device

    def distance(self, model: torch.Tensor, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Signed distance (B,P) m and its gradient (B,P,3) at points (B,P,3) in the objects' frames.

        To first order from the nearest voxel: exact where the surface is flat, and one look-up instead of
        the eight of trilinear interpolation. Beyond the grid it goes on linearly.
        """
        scaled = (points - self.origin[model, None]) / self.voxel[model, None, None]
        shape = self.shape[model]
        cell = torch.minimum(scaled.round().clamp_min(0), shape[:, None] - 1)
        stride = torch.stack([shape[:, 1] * shape[:, 2], shape[:, 2], torch.ones_like(shape[:, 0])], -1)
        # Whole numbers below 2**24 are exact in float32; a grid has fewer voxels.
        index = (cell @ stride[:, :, None])[..., 0].long() + self.offset[model, None]
        found = self.values.index_select(0, index.reshape(-1)).reshape(*index.shape, 4)
        gradient = found[..., 1:]
        beyond = (scaled - cell) * self.voxel[model, None, None]
        return found[..., 0] + (gradient * beyond).sum(-1), gradient

    def view_of(self, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
        """Row (B,) of `directions` along which each object is looked at."""
        view = (translation[:, None] @ rotation)[:, 0]
        return (torch.nn.functional.normalize(view, dim=-1) @ self.directions.T).argmax(-1)
