"""The three-dimensional figure of each tracked person: anny's surface, fitted, coarse enough to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from pose_ros.body.body_model import body_model
from pose_ros.human.body_fit import BodyFit, spread_vertices
from pose_ros.human.body_solve import BodyFitConfig
from pose_ros.skeleton import Skeleton
from pose_ros.types import Keypoints3D, Person, RGBDFrame

COARSE = 0.045  # m; one vertex a cell of this size is shown


@dataclass(frozen=True)
class BodyMesh:
    """vertices (V,3) m in the image's optical frame. triangles (F,3), counter-clockwise seen from outside.

    surface_error: median distance of the person's depth from the fitted surface, m.
    """

    id: str
    vertices: np.ndarray
    triangles: np.ndarray
    surface_error: float


class BodyMesher:
    """Fits the people of each frame and gives their surfaces; remembers them by their ids.

    Loading anny takes a second (the first time on a machine longer); ImportError where it is not installed.
    """

    def __init__(self, config: BodyFitConfig | None = None, device: str | torch.device = "cpu") -> None:
        self._config, self._device = config or BodyFitConfig(), device
        self._fits: dict[Skeleton, BodyFit] = {}
        self._corners, self.triangles = coarse_triangles(COARSE)

    def reset(self) -> None:
        """Forget everyone."""
        for fit in self._fits.values():
            fit.reset()

    def __call__(self, frame: RGBDFrame, people: Iterable[Person]) -> list[BodyMesh]:
        """The surfaces of those whose torso is known."""
        people = list(people)
        if not people:
            return []
        skeleton = people[0].keypoints2d.skeleton
        if skeleton not in self._fits:
            self._fits[skeleton] = BodyFit(self._config, skeleton, self._device)
        fit = self._fits[skeleton]
        keypoints, rough = people[0].keypoints2d, [person.keypoints3d for person in people]
        for person in people[1:]:
            keypoints = keypoints.joined(person.keypoints2d)
        fits = fit(frame, keypoints, _stacked(rough), [person.id for person in people])
        if fits.bodies is None:
            return []
        corners = np.searchsorted(fit.poser.chosen, self._corners)
        surfaces = fit.surface(fits.bodies)[:, corners]
        return [
            BodyMesh(people[n].id, surface, self.triangles, float(fits.surface_error[n]))
            for n, surface in zip(np.flatnonzero(fits.fitted), surfaces, strict=True)
        ]


def coarse_triangles(cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Indices (V,) among anny's vertices, all of them among the fit's own, and triangles (F,3) between these.

    Vertices that share a cell of a grid become one: Rossignac and Borrel 1993, as geometry.decimate.
    """
    model, own = body_model(), spread_vertices()
    xyz = model.rest_vertices
    _, cells = np.unique(np.floor(xyz / cell).astype(int), axis=0, return_inverse=True)
    cells = cells.reshape(-1)
    # The first of the fit's own vertices in a cell stands for all; a cell without one takes its neighbour's.
    held, first = np.unique(cells[own], return_index=True)
    corner = np.full(cells.max() + 1, -1)
    corner[held] = np.arange(len(held))
    missing = corner[cells] < 0
    if missing.any():
        nearest = np.linalg.norm(xyz[missing][:, None] - xyz[own[first]][None], axis=-1).argmin(1)
        cells[missing] = held[nearest]
    triangles = corner[cells[model.triangles]]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    _, unique = np.unique(np.sort(triangles, axis=1), axis=0, return_index=True)
    return own[first], triangles[np.sort(unique)]


def _stacked(parts: list[Keypoints3D]) -> Keypoints3D:
    names = ("xyz", "score", "covariance", "origin")
    return Keypoints3D(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names), parts[0].skeleton
    )
