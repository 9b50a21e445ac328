"""How probable it is that a pose is right."""

from __future__ import annotations

import torch

from pose_ros.objects.verify import Evidence

# Logistic regressions on synthetic scenes with known truth (see the README's decisions).
EVIDENCE_BIAS = -8.0
EVIDENCE_WEIGHTS = (2.0, 3.5, 0.5, 5.0, -3.0, -7.0, -4.0, 1.0, 3.0, -3.0)
BIAS = -1.0
WEIGHTS = (1.0, 0.8)
CLEAR = 3.0  # a rival whose log-odds are lower by this does not matter


def features(
    evidence: Evidence, mismatch: torch.Tensor, is_textured: bool, size: torch.Tensor
) -> torch.Tensor:
    """(B,10): what speaks for a pose and, with negative weights, against it.

    mismatch (B,): of colours, 0 where the model has none. size (B,): length of the segment in diameters.
    """
    e = evidence
    textured = torch.full_like(mismatch, float(is_textured))
    wrong = torch.log((1 - e.match * e.explained).clamp_min(0.005)) / 3
    rows = [
        e.match,
        e.explained,
        e.inside,
        e.visible,
        e.seen_through,
        e.residual,
        mismatch,
        textured,
        size,
        wrong,
    ]
    return torch.stack(rows, 1)


def log_odds(rows: torch.Tensor) -> torch.Tensor:
    """(B,) of being right, from features (B,10), looking at each pose alone."""
    weights = torch.tensor(EVIDENCE_WEIGHTS, dtype=rows.dtype, device=rows.device)
    return rows @ weights + EVIDENCE_BIAS


def probability(odds: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """(B,) of being right, from log-odds (B,) and by how much (B,) they exceed the best other pose's."""
    return torch.sigmoid(WEIGHTS[0] * odds + WEIGHTS[1] * margin.clamp(-CLEAR, CLEAR) + BIAS)
