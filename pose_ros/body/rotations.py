"""Rotations in torch, batched and differentiable."""

from __future__ import annotations

import torch


def exp_rotation(vector: torch.Tensor) -> torch.Tensor:
    """Rotation vectors (…,3) to matrices (…,3,3); Rodrigues."""
    angle = vector.square().sum(-1).clamp_min(1e-12).sqrt()[..., None, None]
    cross = skew(vector)
    return (
        torch.eye(3, device=vector.device)
        + (angle.sin() / angle) * cross
        + ((1 - angle.cos()) / angle**2) * (cross @ cross)
    )


def log_rotation(rotation: torch.Tensor) -> torch.Tensor:
    """Matrices (…,3,3) to rotation vectors (…,3), by way of the quaternion: steady up to half a turn."""
    m = rotation
    diagonal = torch.diagonal(m, dim1=-2, dim2=-1)
    x, y, z = diagonal.unbind(-1)
    squares = torch.stack([1 + x + y + z, 1 + x - y - z, 1 - x + y - z, 1 - x - y + z], -1)
    a = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    s = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = torch.stack([
        torch.stack([squares[..., 0], *a], -1), torch.stack([a[0], squares[..., 1], s[0], s[1]], -1),
        torch.stack([a[1], s[0], squares[..., 2], s[2]], -1),
        torch.stack([a[2], s[1], s[2], squares[..., 3]], -1)], -2)  # fmt: skip
    best = squares.argmax(-1)[..., None, None].expand(*squares.shape[:-1], 1, 4)
    q = torch.nn.functional.normalize(rows.gather(-2, best)[..., 0, :], dim=-1)
    q = torch.where(q[..., :1] < 0, -q, q)
    sine = q[..., 1:].square().sum(-1, keepdim=True).clamp_min(1e-16).sqrt()
    return q[..., 1:] * (2 * torch.atan2(sine, q[..., :1]) / sine)


def left_jacobian(vector: torch.Tensor) -> torch.Tensor:
    """Left Jacobian of SO(3) at (…,3); Solà et al., "A micro Lie theory for state estimation", eq. 145."""
    angle = vector.square().sum(-1).clamp_min(1e-6).sqrt()[..., None, None]
    cross = skew(vector)
    return (
        torch.eye(3, device=vector.device)
        + ((1 - angle.cos()) / angle**2) * cross
        + ((angle - angle.sin()) / angle**3) * (cross @ cross)
    )


def skew(vector: torch.Tensor) -> torch.Tensor:
    """(…,3) to the matrix (…,3,3) with skew(a) b = a x b."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)
