"""DeepCut from maps to people: drawn truth, real images, and where there is nothing or too much."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from test_openpose_decode import STANDING, drawn, noisy_maps
from torch import nn

from pose_ros.eval.coco import eval_keypoints
from pose_ros.human.estimators import deepcut, openpose
from pose_ros.human.estimators.deepcut import DeepCut, DeepCutConfig, as_people, as_start
from pose_ros.human.estimators.deepcut_costs import problem_of
from pose_ros.human.estimators.deepcut_learnt import LEARNT
from pose_ros.human.estimators.deepcut_options import find_options, kind_of, offset_pairs, scales
from pose_ros.human.estimators.deepcut_problem import improved
from pose_ros.human.estimators.openpose_layouts import BODY_25, COCO
from pose_ros.human.pipeline import HumanConfig

CPU = torch.device("cpu")


class Blind(nn.Module):
    """Stands for the network: sees nothing."""

    def forward(self, image):
        size = [side // 8 for side in image.shape[2:]]
        return torch.zeros(1, COCO.heat_channels, *size), torch.zeros(1, COCO.field_channels, *size)


@pytest.fixture
def made(monkeypatch):
    """DeepCut without weights, for maps that are drawn."""

    def make(layout=COCO, **options):
        monkeypatch.setattr(openpose, "load_network", lambda variant, weights: (Blind(), layout))
        return DeepCut(DeepCutConfig(**options), CPU)

    return make


def standing(rng, count, apart, size):
    """People (N,18,2) cells in a row, so far apart that they overlap, and maps of them."""
    people = [STANDING + rng.normal(0, 0.5, STANDING.shape) + (apart * n, 3 * (n % 2)) for n in range(count)]
    return np.array(people), *drawn(people, COCO, size)


def whole(peaks, people, truth):
    """How many of truth (N,18,2) came back with every joint in its place."""
    found = [peaks.xy[np.arange(18), p.parts].numpy() for p in people if (p.parts >= 0).all()]
    return sum(any(np.abs(xy - one).max() < 0.7 for xy in found) for one in truth)


@pytest.mark.parametrize("seed", range(5))
def test_people_who_overlap_come_back_each_whole(seed, made):
    estimator = made()
    truth, heat, fields = standing(np.random.default_rng(seed), 4, 11.0, (56, 72))
    peaks, people = estimator.decode(heat, fields)
    assert len([p for p in people if (p.parts >= 0).sum() > 3]) == 4
    assert whole(peaks, people, truth) == 4
    assert estimator.partition.proved
    assert all(p.limbs == len(COCO.limbs) and p.affinity > 10 for p in people if (p.parts >= 0).all())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("layout", [COCO, BODY_25], ids=lambda layout: layout.skeleton.name)
def test_openposes_people_never_cost_less(seed, layout, made):
    """On maps of noise, where there is no truth; of kinds of limbs that were never learnt, too."""
    estimator = made(layout, seconds=0.5, min_heat=0.8)
    heat, fields = (torch.from_numpy(one) for one in noisy_maps(seed, layout))
    _, options = find_options(heat, fields, layout, 0.8, 300, 0.0)
    problem = problem_of(options, layout, LEARNT, estimator.config.lean)
    assert np.isfinite(problem.unary).all()
    assert not np.isnan(problem.pair).any()
    np.testing.assert_array_equal(problem.pair, problem.pair.T)
    peaks, people = estimator.decode(heat, fields)
    start = as_start(options, estimator.openpose.decode(heat, fields)[1])
    answer = estimator.partition
    assert answer.cost <= problem.cost(improved(problem, start)) + 1e-6 <= problem.cost(start) + 2e-6
    assert answer.bound <= answer.cost
    parts = [(j, p.parts[j]) for p in people for j in np.flatnonzero(p.parts >= 0)]
    assert len(set(parts)) == len(parts) == (answer.person >= 0).sum()
    assert all(k < peaks.count[j] for j, k in parts)


def test_a_crowd_is_solved_in_stages_and_says_what_is_not_proved(made):
    estimator = made(seconds=0.05, exact=100)
    truth, heat, fields = standing(np.random.default_rng(0), 9, 16.0, (56, 160))
    peaks, people = estimator.decode(heat, fields)
    assert len(estimator.partition.person) > 150
    assert not estimator.partition.proved
    assert estimator.partition.gap > 0
    assert whole(peaks, people, truth) >= 8


def test_only_the_warmest_candidates_are_looked_at(made):
    _, heat, fields = standing(np.random.default_rng(1), 3, 16.0, (56, 72))
    heat[:, :, :20] *= 0.5
    estimator = made(most=30)
    estimator.decode(heat, fields)
    assert len(estimator.partition.person) == 30
    warm, cold = (find_options(heat, fields, COCO, 0.05, most, 0.0)[1] for most in (30, 300))
    assert warm.heat.min() >= np.sort(cold.heat)[-30]


def test_nothing_and_next_to_nothing(made):
    estimator = made()
    assert len(estimator.estimate(np.zeros((96, 128, 3), np.uint8), 0)) == 0
    assert set(estimator.stage_ms) == {"network", "costs", "solve"}
    assert estimator.partition.proved
    assert estimator.partition.cost == estimator.partition.gap == 0
    heat, fields = torch.zeros(18, 12, 16), torch.zeros(19, 2, 12, 16)
    heat[3, 5, 7] = 0.9
    peaks, people = estimator.decode(heat, fields)
    assert [np.flatnonzero(p.parts >= 0).tolist() for p in people] == [[3]]
    assert estimator.partition.proved
    assert len(estimator.openpose._keypoints(peaks, people, 8.0)) == 0
    nan = torch.full_like(heat, float("nan"))
    assert estimator.decode(nan, fields)[1] == []


def test_peaks_on_one_spot_are_one_candidate_where_it_is_asked():
    heat, fields = torch.zeros(18, 20, 20), torch.zeros(19, 2, 20, 20)
    heat[4, 5, 5], heat[7, 5, 5], heat[4, 5, 12], heat[7, 12, 5] = 0.9, 0.8, 0.7, 0.6  # [joint, y, x]
    _, apart = find_options(heat, fields, COCO, 0.3, 300, 0.0)
    assert len(set(apart.candidate)) == 4
    _, options = find_options(heat, fields, COCO, 0.3, 300, 1.0)
    assert len(options) == 4
    rows = zip(
        options.joint.tolist(), options.xy.round().astype(int).tolist(), options.candidate, strict=True
    )
    at = {(joint, *place): candidate for joint, place, candidate in rows}
    assert at[4, 5, 5] == at[7, 5, 5]
    assert len(set(at.values())) == 3
    answer = deepcut.solve(problem_of(options, COCO, LEARNT), 5.0)
    chosen = options.candidate[answer.person >= 0]
    assert len(set(chosen)) == len(chosen)


def test_scale_grows_with_the_person():
    """Twice as large is twice the scale, whatever is far away and small; and it is about a trunk."""
    people = [STANDING + (0, 2), STANDING * 1.6 + (30, 2)]
    heat, fields = drawn(people, COCO, (80, 70))
    _, options = find_options(heat, fields, COCO, 0.3, 300, 0.0)
    scale, large = scales(options, COCO, LEARNT.usual), options.xy[:, 0] > 30
    small_scale, large_scale = (np.median(scale[mine]) for mine in (~large, large))
    assert large_scale / small_scale == pytest.approx(1.6, abs=0.1)
    trunk = np.linalg.norm(STANDING[[8, 11]].mean(axis=0) - STANDING[1])
    assert 0.6 * trunk < small_scale < 1.6 * trunk
    np.testing.assert_array_equal(scales(options, COCO, {}), 1.0)


def test_kinds_have_no_side():
    skeleton = COCO.skeleton
    left, right = (skeleton.indices(f"{side}_hip", f"{side}_knee") for side in ("left", "right"))
    assert kind_of(skeleton, left) == kind_of(skeleton, right) == "hip-knee"
    assert {kind_of(skeleton, ends) for ends in COCO.limbs} == set(LEARNT.limb) == set(LEARNT.usual)
    assert {kind_of(skeleton, ends) for ends in offset_pairs(skeleton)} == set(LEARNT.offset)


def test_what_speaks_for_a_limb_lowers_its_cost():
    """A longer way costs more, a field along it less; heat speaks for a joint."""
    assert LEARNT.heat[1] > 0
    for weights in LEARNT.limb.values():
        assert weights[1] > 0
        assert weights[2] > 0


def test_start_and_people_are_each_others_inverse(made):
    estimator = made()
    _, heat, fields = standing(np.random.default_rng(2), 3, 14.0, (56, 72))
    _, options = find_options(heat, fields, COCO, 0.05, 300, 0.0)
    greedy = estimator.openpose.decode(heat, fields)[1]
    back = as_people(options, as_start(options, greedy), COCO.limbs, 18)
    key = lambda person: (person.parts.tolist(), person.limbs)  # noqa: E731
    assert sorted(map(key, back)) == sorted(map(key, greedy))
    by_parts = {tuple(p.parts): p.affinity for p in greedy}
    assert all(p.affinity == pytest.approx(by_parts[tuple(p.parts)], abs=1e-4) for p in back)


def test_the_people_of_the_coco_images(weights_of, data):
    """Everyone is found, nobody invented, and every answer is proved to be the cheapest."""
    weights_of("openpose_mobilenet_thin")
    estimator, proved = DeepCut(DeepCutConfig(seconds=60.0), CPU), []
    inner = estimator.decode
    estimator.decode = lambda *maps: (inner(*maps), proved.append(estimator.partition.proved))[0]
    report = eval_keypoints(data / "coco" / "test_coco.json", data / "coco", estimator)
    assert report.detected == report.n_people == 12
    assert report.invented == report.duplicates == 0
    assert report.oks_mean > 0.75
    assert all(proved)
    assert len(proved) >= 4


def test_the_ready_config():
    path = Path(__file__).parents[3] / "config" / "estimators" / "deepcut.yaml"
    parameters = yaml.safe_load(path.read_text())["/**"]["ros__parameters"]
    assert parameters["estimator"] == "deepcut"
    assert HumanConfig(**parameters).estimator == "deepcut"
