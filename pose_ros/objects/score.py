"""How probable it is that a pose is right."""

from __future__ import annotations

import torch

from pose_ros.objects.verify import Evidence

# Logistic regressions on synthetic scenes with known truth (see the README's decisions).
EVIDENCE_BIAS = -13.04
EVIDENCE_WEIGHTS = (2.61, 5.72, -3.11, 5.25, -3.64, -5.49, -4.59, 4.12, 3.47, -0.63, 1.17, -3.15)
UNNAMED = (1.16, 0.96, -1.02)  # of the log-odds, of the margin, bias
# Fitted where every other name was wrong; here four of five are taken to be right (log 4 more).
NAMED = (0.76, 1.31, 0.23 + 1.39)
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


def probability(odds: torch.Tensor, margin: torch.Tensor, is_named: bool) -> torch.Tensor:
    """(B,) of being right, from log-odds (B,) and by how much (B,) they exceed the best other pose's.

    is_named: somebody said that the segment shows this very model, and may be wrong.
    """
    slope, gain, bias = NAMED if is_named else UNNAMED
    return torch.sigmoid(slope * odds + gain * margin.clamp(-CLEAR, CLEAR) + bias)
