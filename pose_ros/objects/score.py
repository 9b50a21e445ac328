"""How probable it is that a pose is right."""

from __future__ import annotations

import torch

from pose_ros.objects.verify import Evidence

# Logistic regression on synthetic scenes; see features().
BIAS = -9.0
WEIGHTS = (6.0, 6.0, 2.0, 1.0, -4.0, -6.0, -2.0, 4.0)


def features(evidence: Evidence, mismatch: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """(B,8): what speaks for a pose and, with negative weights, against it.

    mismatch (B,): of colours, 0 where the model has none. margin (B,): by how much the fitness exceeds that
    of the best other pose of the same model for the same segment.
    """
    e = evidence
    return torch.stack(
        [
            e.match,
            e.explained,
            e.inside,
            e.visible,
            e.seen_through,
            e.residual,
            mismatch,
            margin.clamp(0, 0.3),
        ],
        1,
    )


def probability(rows: torch.Tensor) -> torch.Tensor:
    """(B,) from features (B,8)."""
    weights = torch.tensor(WEIGHTS, dtype=rows.dtype, device=rows.device)
    return torch.sigmoid(rows @ weights + BIAS)
