"""Errors of poses: known values, plain loops as oracles, and the laws they obey."""

import math

import numpy as np
import pytest

from pose_ros.eval import bop
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.mesh import Mesh
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.sources.synthetic.objects import build, groups
from pose_ros.types import Symmetries

CAMERA = PinholeCamera(300, 310, 80, 61, 160, 120)
NONE = Symmetries.none()
RNG = np.random.default_rng(0)
BOX = build.box((0.1, 0.06, 0.04))
POINTS = BOX.points(*BOX.sample(200, np.random.default_rng(1)))


def pose(twist, rng=None):
    base = RigidTransform(np.eye(3), np.array([0, 0, 0.6]))
    return base @ RigidTransform.exp(np.asarray(twist, float) if rng is None else rng.normal(0, twist, 6))


def random_pair(seed):
    rng = np.random.default_rng(seed)
    truth = pose(0.5, rng) if seed else pose([0, 0, 0, 0, 0, 0])
    truth = RigidTransform(truth.rotation, [0.02, -0.01, 0.7])
    return truth @ RigidTransform.exp(rng.normal(0, 0.02, 6)), truth


def loop_distances(estimate, truth, points, symmetry):
    """Of every point, one by one."""
    distances = []
    for x in points:
        true = truth.rotation @ (symmetry.rotation @ x + symmetry.translation) + truth.translation
        found = estimate.rotation @ x + estimate.translation
        distances.append(math.sqrt(sum((a - b) ** 2 for a, b in zip(true, found, strict=True))))
    return distances


def each_of(symmetries):
    motions = symmetries.sampled(24 if symmetries.is_sphere else bop.CONTINUOUS_STEPS)
    return [RigidTransform(r, t) for r, t in zip(motions.rotation, motions.translation, strict=True)]


@pytest.mark.parametrize(
    "symmetries", [NONE, groups.dihedral(2), groups.round_(True)], ids=["none", "D2", "round"]
)
@pytest.mark.parametrize("seed", range(3))
def test_add_and_mssd_equal_the_loops(symmetries, seed):
    estimate, truth = random_pair(seed)
    rows = [loop_distances(estimate, truth, POINTS[:20], one) for one in each_of(symmetries)]
    assert bop.add(estimate, truth, POINTS[:20], symmetries) == pytest.approx(min(map(np.mean, rows)))
    assert bop.mssd(estimate, truth, POINTS[:20], symmetries) == pytest.approx(min(map(max, rows)))


@pytest.mark.parametrize("seed", range(3))
def test_adds_and_mspd_equal_the_loops(seed):
    estimate, truth = random_pair(seed)
    found, true = estimate.apply(POINTS[:30]), truth.apply(POINTS[:30])
    nearest = [min(math.dist(a, b) for b in found) for a in true]
    assert bop.adds(estimate, truth, POINTS[:30]) == pytest.approx(np.mean(nearest))
    greatest = 0.0
    for a, b in zip(true, found, strict=True):
        u = CAMERA.fx * (a[0] / a[2] - b[0] / b[2])
        v = CAMERA.fy * (a[1] / a[2] - b[1] / b[2])
        greatest = max(greatest, math.hypot(u, v))
    assert bop.mspd(estimate, truth, POINTS[:30], NONE, CAMERA) == pytest.approx(greatest)


def test_a_shift_costs_its_length():
    truth, estimate = pose([0] * 6), pose([0.003, 0, 0, 0, 0, 0])
    assert bop.add(estimate, truth, POINTS, NONE) == pytest.approx(0.003)
    assert bop.mssd(estimate, truth, POINTS, NONE) == pytest.approx(0.003)
    flat = np.array([[0.0, 0, 0], [0.05, 0, 0]])
    assert bop.mspd(estimate, truth, flat, NONE, CAMERA) == pytest.approx(300 * 0.003 / 0.6)
    assert bop.adds(estimate, truth, POINTS) <= 0.003


def test_a_turned_box_is_wrong_unless_it_is_symmetric():
    truth = pose([0.0, 0, 0, 0.3, 0.2, 0.1])
    turned = truth @ RigidTransform(np.diag([-1.0, -1, 1]), np.zeros(3))
    assert bop.mssd(turned, truth, POINTS, NONE) > 0.1
    assert bop.add(turned, truth, POINTS, NONE) > 0.04
    assert bop.adds(turned, truth, POINTS) < 0.006  # blind for it
    assert bop.mssd(turned, truth, POINTS, groups.dihedral(2)) == pytest.approx(0, abs=1e-12)
    assert bop.mspd(turned, truth, POINTS, groups.dihedral(2), CAMERA) == pytest.approx(0, abs=1e-9)


def test_a_spun_can_is_right_to_a_hundredth_of_its_size():
    can = build.revolve([(0, 0), (0.04, 0), (0.04, 0.1), (0, 0.1)])
    truth = pose([0.0, 0, 0, 0.3, 0.2, 0.1])
    spun = truth @ RigidTransform(rotation_exp(np.array([0, 0, 1.2345])), np.zeros(3))
    assert bop.mssd(spun, truth, bop.corner_points(can), groups.round_()) < 0.01 * can.diameter
    assert bop.mssd(spun, truth, bop.corner_points(can), NONE) > 0.3 * can.diameter


def test_a_ball_has_no_orientation():
    truth = pose([0.0, 0, 0, 0.3, 0.2, 0.1])
    turned = truth @ RigidTransform.exp(np.array([0.002, 0, 0, 1.0, 2.0, 0.5]))
    points = 0.03 * np.random.default_rng(0).normal(size=(50, 3))
    shift = np.linalg.norm(turned.translation - truth.translation)
    assert bop.mssd(turned, truth, points, groups.sphere()) == pytest.approx(shift)


def test_corners_of_the_hull_hold_the_greatest_distance():
    mesh = build.join(BOX, build.at(build.box((0.02, 0.02, 0.1)), 0.01, 0.01, 0.02))
    for seed in range(4):
        estimate, truth = random_pair(seed)
        all_of_it = bop.mssd(estimate, truth, mesh.vertices, NONE)
        assert bop.mssd(estimate, truth, bop.corner_points(mesh), NONE) == pytest.approx(all_of_it)
    flat = Mesh.plain(
        np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)]), np.array([(0, 1, 2), (1, 3, 2)])
    )
    assert len(bop.corner_points(flat)) == 4


def loop_vsd(estimate, truth, scene, diameter, tau):
    """bop_toolkit's definition, pixel by pixel; NaN = nothing."""
    union = cost = 0
    for e, t, s in zip(estimate.ravel(), truth.ravel(), scene.ravel(), strict=True):
        sees = lambda d, s=s: not math.isnan(d) and (math.isnan(s) or d - s <= bop.VSD_DELTA)  # noqa: E731
        visible_truth = sees(t)
        visible_estimate = sees(e) or (visible_truth and not math.isnan(e))
        if visible_truth or visible_estimate:
            union += 1
            both = visible_truth and visible_estimate
            cost += 1 if not both or abs(e - t) / diameter >= tau else 0
    return cost / union if union else 1.0


def test_vsd_equals_the_loop():
    rng = np.random.default_rng(2)
    for _ in range(20):
        images = rng.uniform(0.5, 0.6, (3, 6, 8))
        images[rng.random(images.shape) < 0.3] = np.nan
        expected = [loop_vsd(*images, 0.1, tau) for tau in bop.VSD_TAUS]
        np.testing.assert_allclose(bop.vsd(*images, 0.1), expected)


def test_vsd_of_known_cases():
    plane, nothing = np.full((4, 4), 0.5), np.full((4, 4), np.nan)
    half = plane.copy()
    half[:2] = np.nan
    assert bop.vsd(plane, plane, plane, 0.1).tolist() == [0.0] * 10
    assert bop.vsd(nothing, plane, plane, 0.1).tolist() == [1.0] * 10
    assert bop.vsd(nothing, nothing, plane, 0.1).tolist() == [1.0] * 10
    np.testing.assert_allclose(bop.vsd(half, plane, plane, 0.1), 0.5)
    # 12 mm apart at 0.1 m across: wrong for tau = 0.05 and 0.1 alone.
    np.testing.assert_allclose(bop.vsd(plane + 0.012, plane, plane, 0.1), [1, 1] + [0] * 8)
    # What something hides does not count: the upper half of the scene is nearer, and not in the estimate.
    occluded = plane.copy()
    occluded[:2] = 0.3
    np.testing.assert_allclose(bop.vsd(half, plane, occluded, 0.1), 0.0)


def test_rendered_distance_is_along_the_ray():
    distance = bop.render_distance(build.box((0.2, 0.2, 0.2)), RigidTransform(np.eye(3), [0, 0, 0.6]), CAMERA)
    ray = CAMERA.rays(np.array([100.0, 70.0]))
    assert distance[70, 100] == pytest.approx(0.5 * np.linalg.norm(ray), rel=1e-5)
    assert np.isnan(distance[0, 0])


def test_each_true_pose_is_found_once_by_the_best_score():
    errors = np.array([[0.1, 0.9], [0.05, 0.9], [0.3, 0.2]])
    assert bop.recall(errors, np.array([0.9, 0.8, 0.7]), 0.25) == 2
    assert bop.recall(errors, np.array([0.9, 0.8, 0.7]), 0.06) == 0 + 1
    assert bop.recall(errors[:2], np.array([0.9, 0.8]), 0.5) == 1
    assert bop.recall(np.zeros((0, 3)), np.zeros(0), 0.5) == 0
    assert bop.recall(np.zeros((3, 0)), np.ones(3), 0.5) == 0


def test_average_recall_counts_thresholds_and_the_missing():
    perfect, missing = np.zeros((1, 1)), np.zeros((0, 1))
    scores = [np.ones(1), np.zeros(0)]
    assert bop.average_recall([perfect, missing], scores, bop.THRESHOLDS) == 0.5
    assert bop.average_recall([np.array([[0.22]])], [np.ones(1)], bop.THRESHOLDS) == pytest.approx(0.6)
    assert math.isnan(bop.average_recall([np.zeros((2, 0))], [np.ones(2)], bop.THRESHOLDS))
    # Only as many estimates as there are true poses: the second, though right, comes too late.
    late = np.array([[0.9], [0.0]])
    assert bop.average_recall([late], [np.array([0.9, 0.8])], bop.THRESHOLDS) == 0
    assert bop.average_recall([late], [np.array([0.8, 0.9])], bop.THRESHOLDS) == 1


def test_ap_rewards_order_and_ignores_what_is_hidden():
    errors = np.array([[0.01, 9.0], [9.0, 0.01], [9.0, 9.0]])
    nothing = [np.zeros(2, bool)]
    assert bop.ap_mssd([errors], [np.array([0.9, 0.8, 0.1])], nothing) == pytest.approx(1)
    worse = bop.ap_mssd([errors], [np.array([0.5, 0.4, 0.9])], nothing)
    assert worse == pytest.approx(np.mean([2 / 3] * 101), abs=1e-6)
    hidden = [np.array([False, True])]
    assert bop.ap_mssd([errors[:1]], [np.array([0.9])], hidden) == pytest.approx(1)
    assert bop.ap_mssd([errors[:2]], [np.array([0.9, 0.8])], hidden) == pytest.approx(1)
    assert math.isnan(bop.ap_mssd([errors[:, :0]], [np.ones(3)], [np.zeros(0, bool)]))
    # 22 % of the diameter passes seven of the ten thresholds: 0.25, 0.3 … 0.5 are six.
    assert bop.ap_mssd([np.array([[0.22]])], [np.ones(1)], [np.zeros(1, bool)]) == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["none", "D2", "round", "round flip", "sphere", "moved"])
def test_the_nearest_symmetric_pose_is_none_farther_than_any_sampled_one(name):
    symmetries = {
        "none": NONE, "D2": groups.dihedral(2), "round": groups.round_(), "round flip": groups.round_(True),
        "sphere": groups.sphere(),
        "moved": groups.moved(groups.round_(True), RigidTransform.exp([0.3, 0.1, 0, 1.0, 0.4, 0.2])),
    }[name]  # fmt: skip
    rng = np.random.default_rng(7)
    truth = RigidTransform.exp(rng.normal(0, 1, 6))
    for motion in each_of(symmetries)[::41]:
        noise = RigidTransform.exp(rng.normal(0, 0.01, 6))
        estimate = truth @ motion @ noise
        nearest = bop.nearest_symmetric(estimate, truth, symmetries)
        angle = np.linalg.norm(bop.pose_difference(estimate, nearest)[3:])
        sampled = [
            np.linalg.norm(bop.pose_difference(estimate, truth @ one)[3:]) for one in each_of(symmetries)
        ]
        assert angle <= min(sampled) + 1e-9
        # It is one of the true poses: the surface lies where it lay.
        if name in ("D2", "round", "round flip"):
            again = bop.mssd(nearest, truth, POINTS, symmetries)
            assert again < 0.01 * BOX.diameter


def test_the_difference_leads_from_the_estimate_to_the_truth():
    estimate = RigidTransform.exp(RNG.normal(0, 1, 6))
    truth = RigidTransform(
        rotation_exp(np.array([0.1, -0.2, 0.3])) @ estimate.rotation, estimate.translation + 0.5
    )
    np.testing.assert_allclose(bop.pose_difference(estimate, truth), [0.5] * 3 + [0.1, -0.2, 0.3], atol=1e-12)


def test_auc_of_adds():
    assert bop.adds_auc([0.0, 0.0]) == 1
    assert bop.adds_auc([0.05, np.inf]) == pytest.approx(0.25)
    thresholds = np.linspace(0, 0.1, 100001)
    distances = RNG.uniform(0, 0.2, 50)
    curve = [(distances <= t).mean() for t in thresholds[::100]]
    assert bop.adds_auc(distances) == pytest.approx(np.mean(curve), abs=2e-3)
    assert math.isnan(bop.adds_auc([]))
