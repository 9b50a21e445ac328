"""Left stays left: injected swaps are put right, true turns are left alone, wrong starts heal."""

import numpy as np
import pytest
from human_scene import CAMERA, keypoints_of, person

from pose_ros.human.mirror import MirrorState, unmirror
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints3D, Origin

K = len(COCO_17)
TWIN = np.arange(K)
for left, right in COCO_17.mirror_pairs:
    a, b = COCO_17.indices(left, right)
    TWIN[[a, b]] = b, a
LEGS = [k for k, joint in enumerate(COCO_17.joints) if any(p in joint for p in ("hip", "knee", "ankle"))]
WHOLE, ARMS_ONLY, LEGS_ONLY = TWIN.copy(), TWIN.copy(), np.arange(K)
ARMS_ONLY[LEGS] = LEGS
LEGS_ONLY[LEGS] = TWIN[LEGS]
BEHIND, FRONT = np.pi, 0.0


def body(yaw, place=(0, 0, 2.5), stride=0.0, rng=None):
    """Joints (K,3) of a person turned by `yaw` about the vertical, legs apart by `stride` m; 2 cm noise."""
    joints = person((0, 0, 0))
    for joint, share in (("knee", 0.5), ("ankle", 1.0)):
        joints[COCO_17.indices(f"left_{joint}", f"right_{joint}"), 2] += (
            np.array([1, -1]) * share * stride / 2
        )
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    joints = joints @ turn.T + place
    return joints if rng is None else joints + rng.normal(scale=0.02, size=joints.shape)


def points_of(joints):
    n = len(joints)
    covariance = np.tile(np.eye(3), (n, K, 1, 1)) * np.linspace(1, 2, K)[:, None, None]
    score = np.tile(np.linspace(0.2, 0.9, K), (n, 1))
    origin = np.full((n, K), Origin.MEASURED, np.uint8)
    return Keypoints3D(joints, score, covariance, origin, COCO_17)


def run(bodies, orders, rate=30, start=0.0, state=None):
    """For each frame: is every joint's name right, having been given in this order?"""
    state = state or MirrorState()
    right = []
    for n, (joints, order) in enumerate(zip(bodies, orders, strict=True)):
        given = joints[order][None]
        stamp = round((10 + start + n / rate) * 1e9)
        _, points = unmirror([state], keypoints_of(given, CAMERA), points_of(given), stamp)
        right.append(np.array_equal(points.xyz[0], joints))
    return np.array(right)


def orders_of(count, swaps, swapped):
    """Orders (count,K): swapped in these frames."""
    orders = np.tile(np.arange(K), (count, 1))
    orders[swaps] = swapped
    return orders


@pytest.mark.parametrize("yaw", [FRONT, 0.6, 1.2, BEHIND, -2.2])
@pytest.mark.parametrize("swapped", [WHOLE, ARMS_ONLY, LEGS_ONLY])
@pytest.mark.parametrize("rate", [10, 30])
def test_swaps_are_put_right(yaw, swapped, rate):
    rng = np.random.default_rng(0)
    bodies = [body(yaw, rng=rng) for _ in range(60)]
    swaps = np.r_[20:23, 30:36, 45]
    assert run(bodies, orders_of(60, swaps, swapped), rate).all()


def test_everything_known_of_a_joint_goes_with_it():
    state, front = MirrorState(), body(FRONT)
    for n in range(5):
        unmirror([state], keypoints_of(front[None], CAMERA), points_of(front[None]), n * 33_000_000)
    given = front[WHOLE][None]
    keypoints, points = keypoints_of(given, CAMERA), points_of(given)
    fixed2d, fixed3d = unmirror([state], keypoints, points, 6 * 33_000_000)
    np.testing.assert_array_equal(fixed2d.xy, keypoints.xy[:, TWIN])
    np.testing.assert_array_equal(fixed2d.score, keypoints.score[:, TWIN])
    np.testing.assert_array_equal(fixed2d.xyz_root, keypoints.xyz_root[:, TWIN])
    np.testing.assert_array_equal(fixed3d.xyz[0], front)
    np.testing.assert_array_equal(fixed3d.score, points.score[:, TWIN])
    np.testing.assert_array_equal(fixed3d.covariance, points.covariance[:, TWIN])
    np.testing.assert_array_equal(fixed3d.origin, points.origin[:, TWIN])


@pytest.mark.parametrize("turns_a_second", [0.25, 1.0, 2.0])
@pytest.mark.parametrize("rate", [15, 30])
def test_a_true_turn_is_no_swap(turns_a_second, rate):
    rng = np.random.default_rng(1)
    bodies = [body(FRONT, rng=rng) for _ in range(rate)]
    bodies += [body(2 * np.pi * turns_a_second * n / rate, rng=rng) for n in range(2 * rate)]
    assert run(bodies, orders_of(len(bodies), [], WHOLE), rate).all()


@pytest.mark.parametrize("rate", [15, 30])
def test_a_network_that_takes_the_back_for_a_front_while_someone_turns(rate):
    rng, count = np.random.default_rng(2), 4 * rate
    yaws = np.linspace(0, 2 * np.pi, count)  # once round in 4 s
    bodies = [body(yaw, rng=rng) for yaw in yaws]
    swaps = (yaws > 0.6 * np.pi) & (yaws < 0.8 * np.pi)
    assert run(bodies, orders_of(count, swaps, WHOLE), rate).all()


def test_who_is_first_seen_from_behind_is_right_at_once():
    bodies = [body(BEHIND, rng=np.random.default_rng(3)) for _ in range(30)]
    assert run(bodies, orders_of(30, [], WHOLE)).all()
    assert run(bodies, orders_of(30, [11, 12, 20], WHOLE)).all()


def test_a_wrong_start_heals_soon():
    rng = np.random.default_rng(4)
    bodies = [body(BEHIND, rng=rng) for _ in range(90)]
    right = run(bodies, orders_of(90, slice(5), WHOLE))
    assert right[20:].all()


def test_a_network_that_insists_is_believed_in_the_end():
    rng = np.random.default_rng(5)
    bodies = [body(BEHIND, rng=rng) for _ in range(300)]
    right = run(bodies, orders_of(300, slice(60, 300), WHOLE))
    assert right[60:75].all()  # for half a second the memory is believed
    assert not right[-60:].any()


def test_people_walk_forwards():
    rng, step = np.random.default_rng(6), 1 / 30
    away = [body(BEHIND, (0, 0, 1.5 + 1.2 * step * n), rng=rng) for n in range(75)]
    right = run(
        away, orders_of(75, slice(0, 75), WHOLE)
    )  # taken for someone who walks backwards, from the start
    assert right[-30:].all()
    back = [body(FRONT, (0, 0, 1.5 + 0.6 * step * n), rng=rng) for n in range(75)]
    assert run(back, orders_of(75, [], WHOLE)).all()  # slowly backwards one may walk


def test_legs_that_cross_in_walking_are_no_swap():
    rng = np.random.default_rng(7)
    for yaw in (FRONT, np.pi / 2, BEHIND):
        bodies = [body(yaw, (0, 0, 2.5), 0.6 * np.sin(2 * np.pi * n / 30), rng=rng) for n in range(90)]
        assert run(bodies, orders_of(90, [], WHOLE)).all()


def test_a_gap_is_a_new_start_and_late_or_repeated_frames_change_nothing():
    rng = np.random.default_rng(8)
    state, bodies = MirrorState(), [body(FRONT, rng=rng) for _ in range(30)]
    assert run(bodies, orders_of(30, [], WHOLE), state=state).all()
    before = state.chance.copy()
    assert run(bodies[:1], orders_of(1, [0], WHOLE), start=0.9, state=state) == [False]
    np.testing.assert_array_equal(state.chance, before)
    turned = [body(BEHIND, rng=rng) for _ in range(10)]
    assert run(turned, orders_of(10, [], WHOLE), start=5.0, state=state).all()


def test_unknown_joints_do_not_hinder():
    rng = np.random.default_rng(9)
    bodies = [body(BEHIND, rng=rng) for _ in range(30)]
    hidden = COCO_17.indices("left_wrist", "right_elbow", "left_knee", "nose")
    state = MirrorState()
    for n, joints in enumerate(bodies):
        given = joints[WHOLE if n in (10, 11, 20) else np.arange(K)][None].copy()
        known = np.ones((1, K), bool)
        known[0, hidden if n % 7 else COCO_17.indices("left_hip")] = False
        points = points_of(given)
        points = Keypoints3D(
            np.where(known[..., None], given, np.nan), points.score, points.covariance,
            np.where(known, points.origin, Origin.UNKNOWN), COCO_17,
        )  # fmt: skip
        _, fixed = unmirror([state], keypoints_of(given, CAMERA), points, n * 33_000_000)
        assert fixed.xyz[0, 5, 0] == joints[5, 0]  # the left shoulder


def test_nobody():
    nobody = np.zeros((0, K, 3))
    keypoints = keypoints_of(body(0)[None]).select([])
    assert len(unmirror([], keypoints, points_of(nobody), 0)[1]) == 0
