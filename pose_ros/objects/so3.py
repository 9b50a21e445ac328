"""Rotations in batches on any device: exponential map, even sampling of SO(3)."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation


def rotation_exp(theta: torch.Tensor) -> torch.Tensor:
    """Rotation vectors (B,3) to matrices (B,3,3), Rodrigues' formula."""
    squared = (theta * theta).sum(-1)[:, None, None]
    angle = squared.clamp_min(1e-16).sqrt()
    sine = torch.where(squared < 1e-8, 1 - squared / 6, torch.sin(angle) / angle)
    cosine = torch.where(
        squared < 1e-8, 0.5 - squared / 24, (1 - torch.cos(angle)) / squared.clamp_min(1e-16)
    )
    cross = skew(theta)
    return torch.eye(3, device=theta.device, dtype=theta.dtype) + sine * cross + cosine * (cross @ cross)


def skew(vector: torch.Tensor) -> torch.Tensor:
    """(B,3) to (B,3,3) with ``skew(a) @ b == cross(a, b)``."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)


def even_rotations(count: int) -> np.ndarray:
    """(count,3,3) rotations spread evenly over SO(3).

    Source: Alexa, "Super-Fibonacci spirals: fast, low-discrepancy sampling of SO(3)", CVPR 2022.
    """
    phi, psi = 2**0.5, 1.533751168755204288118041
    step = np.arange(count) + 0.5
    inner, outer = np.sqrt(step / count), np.sqrt(1 - step / count)
    alpha, beta = 2 * np.pi * step / phi, 2 * np.pi * step / psi
    quaternion = [inner * np.sin(alpha), inner * np.cos(alpha), outer * np.sin(beta), outer * np.cos(beta)]
    return Rotation.from_quat(np.stack(quaternion, axis=1)).as_matrix()


def angle_between(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Angle (…) rad of the turn from one rotation (…,3,3) to another."""
    trace = (first * second).sum((-2, -1))
    return torch.arccos(((trace - 1) / 2).clamp(-1, 1))


def orthogonal(matrices: np.ndarray) -> np.ndarray:
    """The nearest rotations (…,3,3): float32 arithmetic leaves some that are not quite."""
    flat = Rotation.from_matrix(np.reshape(matrices, (-1, 3, 3)))
    return flat.as_matrix().reshape(matrices.shape)
