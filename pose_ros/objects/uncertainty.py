"""How far off a pose may be, from the information its measurements give."""

from __future__ import annotations

import numpy as np
import torch

from pose_ros.geometry.rigid import skew
from pose_ros.objects.model import ObjectModel

INDEPENDENT = 0.5  # of the measurements: neighbouring pixels err together
# m, rad: errors of camera and mesh that no number of pixels averages out.
LEAST_SHIFT, LEAST_TURN = 3e-4, 4e-3


def covariance_of(
    information: torch.Tensor, rotation: torch.Tensor, model: torch.Tensor, models: list[ObjectModel]
) -> np.ndarray:
    """(B,6,6): translation of the object's origin, then rotation, along and about the camera's axes.

    information (B,6,6): JᵀWJ as refine gives it; rotation (B,3,3); model (B,): index into models.

    What was not observed is as uncertain as it can be: a shift by the object's own size, any turn. About a
    continuous symmetry's axis a turn means nothing, and is as uncertain.
    """
    information = information.cpu().double().numpy() * INDEPENDENT
    rotation = rotation.cpu().double().numpy()
    result = np.zeros_like(information)
    for number, index in enumerate(model.tolist()):
        model = models[index]
        prior = np.diag([1 / model.diameter**2] * 3 + [1 / (np.pi**2 / 3)] * 3)
        covariance = np.linalg.inv(information[number] + prior)
        covariance += np.diag([LEAST_SHIFT**2] * 3 + [LEAST_TURN**2] * 3)
        # The information is about the object's middle; a turn moves an origin that lies beside it.
        surface = model.surface.points
        lever = np.eye(6)
        lever[:3, 3:] = skew((surface.min(0) + surface.max(0)) / 2)
        covariance = lever @ covariance @ lever.T
        if model.symmetries.axis is not None:
            covariance += _free_turn(model.symmetries.axis, model.symmetries.center)
        elif model.symmetries.is_sphere:
            for axis in np.eye(3):
                covariance += _free_turn(axis, model.symmetries.center)
        turn = np.kron(np.eye(2), rotation[number])
        result[number] = turn @ covariance @ turn.T
    return result


def _free_turn(axis: np.ndarray, center: np.ndarray) -> np.ndarray:
    """Covariance (6,6) of an unknown turn about an axis through a centre: an origin beside it moves, too."""
    step = np.concatenate([np.cross(center, axis), axis])
    return np.outer(step, step) * np.pi**2 / 3
