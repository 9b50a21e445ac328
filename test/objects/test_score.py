"""The score's laws: what speaks for a pose raises it, what speaks against lowers it."""

import pytest
import torch

from pose_ros.objects.score import features, log_odds, probability
from pose_ros.objects.verify import Evidence

GOOD = {
    "match": 0.95,
    "seen_through": 0.02,
    "visible": 0.9,
    "explained": 0.95,
    "inside": 0.95,
    "residual": 0.3,
}


def odds(size=1.0, quality=0.8, mismatch=0.0, coarseness=0.02, textured=False, **changes) -> float:
    evidence = Evidence(**{name: torch.tensor([value]) for name, value in (GOOD | changes).items()})
    rows = features(
        evidence, torch.tensor([mismatch]), textured, torch.tensor([size]), torch.tensor([quality]),
        torch.tensor([coarseness]),
    )  # fmt: skip
    assert rows.shape == (1, 12)
    return float(log_odds(rows)[0])


@pytest.mark.parametrize(
    ("name", "worse"),
    [("match", 0.5), ("explained", 0.5), ("seen_through", 0.5), ("residual", 0.8)],
)
def test_worse_evidence_is_less_probable(name, worse):
    assert odds() > odds(**{name: worse})


def test_wrong_colours_and_coarse_depth_are_less_probable():
    assert odds(mismatch=0.3, textured=True) > odds(mismatch=1.2, textured=True)
    assert odds(coarseness=0.01) > odds(coarseness=0.2)


def test_a_pose_that_is_hardly_there_is_improbable_and_a_good_one_probable():
    good = torch.tensor([odds(), odds(match=0.3, explained=0.3, seen_through=0.6, residual=0.9)])
    right, wrong = probability(good, torch.tensor([3.0, 3.0]), is_named=False)
    assert right > 0.7
    assert wrong < 0.05


@pytest.mark.parametrize("is_named", [False, True])
def test_probabilities_rise_with_odds_and_margin_and_a_far_rival_counts_as_none(is_named):
    steps = torch.linspace(-6, 6, 50)
    by_odds = probability(steps, torch.zeros(50), is_named)
    by_margin = probability(torch.zeros(50), steps, is_named)
    assert (by_odds.diff() > 0).all()
    assert (by_margin.diff() >= 0).all()
    assert by_margin[-1] > by_margin[0]
    far = probability(torch.zeros(2), torch.tensor([3.0, 300.0]), is_named)
    assert far[0] == far[1]
    assert ((by_odds > 0) & (by_odds < 1)).all()


def test_a_name_makes_a_doubtful_pose_more_probable():
    steps, margin = torch.linspace(-2, 2, 20), torch.ones(20)
    assert (probability(steps, margin, True) > probability(steps, margin, False)).all()
