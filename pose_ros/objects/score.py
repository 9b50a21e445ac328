"""How probable it is that a pose is right."""

from __future__ import annotations

import torch

from pose_ros.objects.verify import Evidence

# Logistic regressions on synthetic scenes with known truth (see the README's decisions).
EVIDENCE_BIAS = -12.18
EVIDENCE_WEIGHTS = (2.71, 4.78, -1.53, 2.46, -3.94, -3.91, -4.57, 3.43, 2.25, -1.44, 3.06, -3.86)
BIAS = -0.99
WEIGHTS = (1.1, 0.98)
CLEAR = 3.0  # a rival whose log-odds are lower by this does not matter


def features(
    evidence: Evidence,
    mismatch: torch.Tensor,
    is_textured: bool,
    size: torch.Tensor,
    segment_score: torch.Tensor,
    coarseness: torch.Tensor,
) -> torch.Tensor:
    """(B,12): what speaks for a pose and, with negative weights, against it.

    mismatch (B,): of colours against one colour for all, 0 where the model has none. size (B,): length of
    the segment in diameters. segment_score (B,): see Detections2D. coarseness (B,): tolerance of depth in
    diameters: far away everything looks alike.
    """
    e = evidence
    textured = torch.full_like(mismatch, float(is_textured))
    wrong = torch.log((1 - e.match * e.explained).clamp_min(0.005)) / 3
    looks = [e.match, e.explained, e.inside, e.visible, e.seen_through, e.residual]
    coarse = 5 * coarseness.clamp_max(0.3)
    return torch.stack([*looks, mismatch, textured, size, wrong, segment_score, coarse], 1)


def log_odds(rows: torch.Tensor) -> torch.Tensor:
    """(B,) of being right, from features (B,12), looking at each pose alone."""
    weights = torch.tensor(EVIDENCE_WEIGHTS, dtype=rows.dtype, device=rows.device)
    return rows @ weights + EVIDENCE_BIAS


def probability(odds: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """(B,) of being right, from log-odds (B,) and by how much (B,) they exceed the best other pose's."""
    return torch.sigmoid(WEIGHTS[0] * odds + WEIGHTS[1] * margin.clamp(-CLEAR, CLEAR) + BIAS)
