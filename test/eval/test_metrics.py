"""Each measure against a plain loop, and against the laws it must obey."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose_ros.eval import metrics
from pose_ros.skeleton import COCO_17

RNG = np.random.default_rng(0)


def loop_oks(xy, truth, labelled, area):
    total, count = 0.0, 0
    for k in range(17):
        if labelled[k]:
            d2 = (xy[k][0] - truth[k][0]) ** 2 + (xy[k][1] - truth[k][1]) ** 2
            total += math.exp(-d2 / (2 * area * (2 * metrics.COCO_SIGMAS[k]) ** 2))
            count += 1
    return total / count


def test_oks_equals_the_loop_and_its_known_values():
    truth = RNG.uniform(0, 200, (5, 17, 2))
    xy = truth + RNG.normal(0, 10, truth.shape)
    labelled = RNG.random((5, 17)) < 0.7
    area = RNG.uniform(2000, 20000, 5)
    expected = [loop_oks(*person) for person in zip(xy, truth, labelled, area, strict=True)]
    np.testing.assert_allclose(metrics.oks(xy, truth, labelled, area), expected)
    np.testing.assert_allclose(metrics.oks(truth, truth, labelled, area), 1)
    # kappa is where the similarity falls to exp(-1/2) for a person of area 1.
    one_kappa = np.zeros((17, 2))
    one_kappa[:, 0] = 2 * metrics.COCO_SIGMAS
    value = metrics.oks(one_kappa, np.zeros((17, 2)), np.ones(17, bool), 1.0)
    assert value == pytest.approx(math.exp(-0.5))


def test_oks_does_not_change_when_the_picture_is_scaled():
    truth = RNG.uniform(0, 200, (17, 2))
    xy = truth + RNG.normal(0, 10, truth.shape)
    seen = np.ones(17, bool)
    assert metrics.oks(xy, truth, seen, 500.0) == pytest.approx(metrics.oks(3 * xy, 3 * truth, seen, 4500.0))


def test_oks_of_unlabelled_people_is_unknown_and_unlabelled_joints_do_not_count():
    truth = RNG.uniform(0, 200, (17, 2))
    assert np.isnan(metrics.oks(truth, truth, np.zeros(17, bool), 100.0))
    labelled = np.arange(17) < 9
    moved = truth.copy()
    moved[~labelled] += 1000
    assert metrics.oks(moved, truth, labelled, 100.0) == pytest.approx(1)


def loop_average_precision(similarity, score, ignored):
    """COCO's rules written out one estimate at a time."""
    aps, ars = [], []
    total = sum(not i for image in ignored for i in image)
    for threshold in metrics.OKS_THRESHOLDS:
        outcome = []
        for sim, sc, ign in zip(similarity, score, ignored, strict=True):
            taken = set()
            for n in sorted(range(len(sc)), key=lambda n: -sc[n]):
                able = [m for m in range(len(ign)) if m not in taken and sim[n][m] >= threshold]
                regular = [m for m in able if not ign[m]]
                chosen = max(regular or able, key=lambda m: sim[n][m], default=None)
                taken.add(chosen)
                if chosen is None:
                    outcome.append((sc[n], False))
                elif not ign[chosen]:
                    outcome.append((sc[n], True))
        outcome.sort(key=lambda o: -o[0])
        curve = []
        for n in range(1, len(outcome) + 1):
            true = sum(hit for _, hit in outcome[:n])
            curve.append((true / total, true / n))
        best = [max((p for r, p in curve if r >= at), default=0.0) for at in np.linspace(0, 1, 101)]
        aps.append(sum(best) / 101)
        ars.append(curve[-1][0] if curve else 0.0)
    return sum(aps) / 10, sum(ars) / 10


def test_average_precision_equals_the_loop():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(0, 6, (4, 2))
        similarity = [rng.random((n, m + 1)) for n, m in sizes]
        score = [rng.random(n) for n, _ in sizes]
        ignored = [rng.random(m + 1) < 0.3 for _, m in sizes]
        ignored[0][0] = False
        got = metrics.average_precision(similarity, score, ignored)
        np.testing.assert_allclose(got, loop_average_precision(similarity, score, ignored))


def test_average_precision_of_known_cases():
    both = [np.eye(2)]
    none_ignored = [np.zeros(2, bool)]
    assert metrics.average_precision(both, [np.array([0.9, 0.8])], none_ignored) == (1, 1)
    assert metrics.average_precision([np.zeros((0, 2))], [np.zeros(0)], none_ignored) == (0, 0)
    # An estimate that finds an ignored person is neither right nor wrong, one in the void is wrong.
    on_ignored = [np.array([[1.0, 0], [0, 1]])]
    half = [np.array([False, True])]
    assert metrics.average_precision(on_ignored, [np.array([0.1, 0.9])], half) == (1, 1)
    invented = [np.array([[1.0], [0.0]])]
    ap, ar = metrics.average_precision(invented, [np.array([0.1, 0.9])], [np.array([False])])
    assert (ap, ar) == (0.5, 1)
    assert np.isnan(metrics.average_precision(both, [np.ones(2)], [np.ones(2, bool)])).all()


def test_mpjpe_and_pck_count_what_they_say():
    truth = np.zeros((1, 4, 3))
    xyz = np.zeros((1, 4, 3))
    xyz[0, :, 0] = [0.03, 0.05, 0.10, np.nan]
    assert metrics.mpjpe(xyz, truth) == pytest.approx(0.06)
    assert metrics.pck(xyz, truth, 0.05) == pytest.approx(0.5)  # the missing joint is a wrong one
    truth[0, 3] = np.nan
    assert metrics.pck(xyz, truth, 0.05) == pytest.approx(2 / 3)  # unknown truth is nothing to find
    assert np.isnan(metrics.mpjpe(np.full((2, 4, 3), np.nan), np.zeros((2, 4, 3))))


def test_pa_mpjpe_ignores_a_similarity_but_not_a_mirror():
    truth = RNG.normal(0, 1, (6, 17, 3))
    turned = 2.5 * truth @ Rotation.random(rng=1).as_matrix().T + (1, 2, 3)
    assert metrics.pa_mpjpe(turned, truth) == pytest.approx(0, abs=1e-9)
    assert metrics.pa_mpjpe(truth * (1, 1, -1), truth) > 0.1


def test_alignment_is_the_least_squares_optimum():
    truth = RNG.normal(0, 1, (17, 3))
    xyz = truth + RNG.normal(0, 0.2, truth.shape)
    aligned = metrics.align_similarity(xyz, truth)
    best = np.sum((aligned - truth) ** 2)
    for _ in range(200):
        twist, shift = RNG.normal(0, 0.05, 3), RNG.normal(0, 0.05, 3)
        scale = 1 + RNG.normal(0, 0.05)
        other = scale * aligned @ Rotation.from_rotvec(twist).as_matrix().T + shift
        assert np.sum((other - truth) ** 2) >= best


def test_alignment_leaves_unknown_joints_out():
    truth = RNG.normal(0, 1, (2, 17, 3))
    xyz = truth + RNG.normal(0, 0.2, truth.shape)
    xyz[:, 3] = np.nan
    truth[:, 5] = np.nan
    known = [k for k in range(17) if k not in (3, 5)]
    whole = metrics.align_similarity(xyz, truth)
    np.testing.assert_allclose(whole[:, known], metrics.align_similarity(xyz[:, known], truth[:, known]))
    assert np.isnan(whole[:, [3, 5]]).all()
    few = np.where(np.arange(17)[:, None] < 5, truth, np.nan)
    assert np.isnan(metrics.pa_mpjpe(few, truth))


@pytest.mark.parametrize("angle", [0.0, 1e-6, 30.0, 179.999999, 180.0])
def test_rotation_angle_of_known_turns(angle):
    axis = np.array([1, 2, -2]) / 3
    turn = Rotation.from_rotvec(np.radians(angle) * axis).as_matrix()
    base = Rotation.random(7, rng=2).as_matrix()
    np.testing.assert_allclose(metrics.rotation_angle(base, base @ turn), angle, atol=1e-6)


def test_rotation_angle_is_a_distance():
    a, b, c = Rotation.random(300, rng=3).as_matrix().reshape(3, 100, 3, 3)
    ab, bc, ac = (metrics.rotation_angle(x, y) for x, y in ((a, b), (b, c), (a, c)))
    assert (ac <= ab + bc + 1e-9).all()
    np.testing.assert_allclose(ab, metrics.rotation_angle(b, a))
    np.testing.assert_allclose(ab, np.degrees(Rotation.from_matrix(a.swapaxes(1, 2) @ b).magnitude()))


def test_direction_angle_of_known_cases():
    x, y = np.array([2.0, 0, 0]), np.array([0, 0.1, 0])
    assert metrics.direction_angle(x, x) == 0
    assert metrics.direction_angle(x, y) == pytest.approx(90)
    assert metrics.direction_angle(x, -x) == pytest.approx(180)


def test_jitter_of_white_noise_is_its_rms_and_motion_is_none():
    time = np.arange(20000)[:, None]
    steady = time * np.array([[0.01, -0.02, 0.03]])
    assert metrics.jitter(steady) == pytest.approx(0, abs=1e-9)
    noise = np.random.default_rng(4).normal(0, 2.0, (20000, 3))
    assert metrics.jitter(steady + noise) == pytest.approx(2.0 * math.sqrt(3), rel=0.02)


def test_jitter_does_not_bridge_gaps():
    track = np.zeros((9, 3))
    track[5:] = 100.0
    assert metrics.jitter(track) > 10
    track[4] = np.nan
    assert metrics.jitter(track) == 0
    assert np.isnan(metrics.jitter(track[:2]))


def test_pck_in_an_image_is_measured_by_the_torso():
    rng = np.random.default_rng(4)
    truth = rng.uniform(0, 100, (3, 17, 2))
    known = np.ones((3, 17), bool)
    size = metrics.torso_size(truth, known)
    left, right = COCO_17.indices("left_shoulder", "right_hip"), COCO_17.indices("right_shoulder", "left_hip")
    for n in range(3):
        diagonals = [np.linalg.norm(truth[n, a] - truth[n, b]) for a, b in (left, right)]
        assert size[n] == pytest.approx(np.mean(diagonals))
    away = rng.normal(size=(3, 17, 2))
    away *= size[:, None, None] / np.linalg.norm(away, axis=-1, keepdims=True)
    assert metrics.pck_2d(truth + 0.199 * away, truth, known, size) == 1
    assert metrics.pck_2d(truth + 0.201 * away, truth, known, size) == 0
    # Another unit changes nothing; a missing joint is wrong; joints nobody has labelled do not count.
    assert metrics.pck_2d(3 * (truth + 0.199 * away), 3 * truth, known, 3 * size) == 1
    missing = truth.copy()
    missing[0, 0] = np.nan
    assert metrics.pck_2d(missing, truth, known, size) == pytest.approx(50 / 51)
    known[0, 0] = False
    assert metrics.pck_2d(missing, truth, known, size) == 1


def test_a_torso_that_is_not_whole_has_the_size_of_the_box():
    truth, known = np.zeros((1, 17, 2)), np.zeros((1, 17), bool)
    truth[0, :2], known[0, :2] = [[10, 10], [20, 60]], True
    assert metrics.torso_size(truth, known)[0] == pytest.approx(0.4 * 50)
    assert np.isnan(metrics.torso_size(truth, np.zeros((1, 17), bool))[0])
