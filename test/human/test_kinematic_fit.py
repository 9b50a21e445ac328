"""Joint centres from depth: people whose truth is exact, what hides them, and what is remembered."""

import numpy as np
import pytest
from fleshy import CAMERA, depth_of, frame_of, person, told

from pose_ros.human.fit_state import BodyState, FitConfig
from pose_ros.human.kinematic_fit import KinematicFit
from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

STEP = 33_000_000  # ns
BODY = COCO_17.indices(
    *(
        f"{side}_{joint}"
        for side in ("left", "right")
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    )
)


def errors(fitted: Keypoints3D, people: np.ndarray) -> np.ndarray:
    """(N,12) m."""
    return np.linalg.norm(fitted.xyz - people[:, :17], axis=-1)[:, BODY]


def follow(people_at, frames: int = 12, seed: int = 0, noise: float = 0.0, **config):
    """Fit people (N,21,3), given for every frame; the last result, their states and the lift it had."""
    rng, fit = np.random.default_rng(seed), KinematicFit(FitConfig(**config), COCO_17)
    states = [BodyState() for _ in people_at(0)]
    for n in range(frames):
        people = people_at(n)
        depth = depth_of(people)
        depth += rng.normal(0, 1, depth.shape).astype(np.float32) * noise
        keypoints, lifted = told(people, rng)
        fitted = fit(frame_of(depth, 10**9 + n * STEP), keypoints, lifted, states)
    return fitted, states, lifted


@pytest.mark.parametrize(("away", "size", "turn"), [(2.2, 1.0, 0.0), (3.0, 0.9, 0.5), (2.6, 1.08, -0.8)])
def test_joints_are_found_within_their_flesh(away, size, turn):
    """Lifted key points are 80 mm off; people of other sizes than the usual, turned, noise on depth."""
    people = np.stack([person(0.0, away, size, turn)])
    fitted, _, lifted = follow(lambda _: people, noise=0.006)
    assert errors(lifted, people).mean() > 0.06
    assert errors(fitted, people).mean() < 0.020
    assert errors(fitted, people).max() < 0.06
    assert (fitted.origin[0, BODY] == Origin.MEASURED).mean() > 0.8


def test_two_people_are_fitted_at_once():
    both = np.stack([person(-0.45, 2.5), person(0.45, 3.0)])
    together, _, _ = follow(lambda _: both, frames=6)
    assert errors(together, both).mean() < 0.025


def test_the_size_of_a_person_is_learned():
    small = np.stack([person(0.0, 2.4, 0.85)])
    _, (state,), _ = follow(lambda _: small, frames=20)
    lengths = state.sizes[:8]
    assert abs(np.mean(lengths) - 0.85) < 0.04
    spread = np.sqrt(np.diag(state.sizes_covariance))
    assert (spread < np.sqrt(np.diag(BodyState().sizes_covariance))).all()


def test_a_moving_person_is_followed():
    def at(n: int) -> np.ndarray:
        return np.stack([person(-0.3 + 0.02 * n, 2.6 + 0.01 * n)])

    fitted, _, _ = follow(at, frames=20)
    assert errors(fitted, at(19)).mean() < 0.025


def test_a_joint_behind_something_is_inferred_and_less_certain():
    people = np.stack([person(0.0, 2.5)])
    fit, states, rng = KinematicFit(FitConfig(), COCO_17), [BodyState()], np.random.default_rng(0)
    depth = depth_of(people)
    wrist, elbow = (COCO_17.index(f"left_{joint}") for joint in ("wrist", "elbow"))
    u, v = np.rint(CAMERA.project(people[0, wrist])).astype(int)
    for n in range(10):
        keypoints, lifted = told(people, rng)
        hidden = depth.copy()
        if n >= 5:
            hidden[v - 30 : v + 40, u - 25 : u + 25] = 1.0  # a board before the forearm
        fitted = fit(frame_of(hidden, 10**9 + n * STEP), keypoints, lifted, states)
    other = COCO_17.index("right_wrist")
    assert fitted.origin[0, wrist] == Origin.INFERRED
    assert fitted.origin[0, other] == Origin.MEASURED
    spread = np.sqrt(np.trace(fitted.covariance[0], axis1=-2, axis2=-1))
    assert spread[wrist] > 1.5 * spread[other]
    assert np.linalg.norm(fitted.xyz[0, wrist] - people[0, wrist]) < 0.12  # not on the board
    assert np.linalg.norm(fitted.xyz[0, elbow] - people[0, elbow]) < 0.12


def test_whoever_was_lost_is_fitted_anew():
    """The remembered body is a metre away: key points and depth win."""
    people, states = np.stack([person(0.3, 2.5)]), [BodyState()]
    fit, rng = KinematicFit(FitConfig(), COCO_17), np.random.default_rng(0)
    elsewhere = np.stack([person(-0.6, 3.0)])
    keypoints, lifted = told(elsewhere, rng)
    fit(frame_of(depth_of(elsewhere)), keypoints, lifted, states)
    depth = depth_of(people)
    for n in (1, 2, 3):
        keypoints, lifted = told(people, rng)
        fitted = fit(frame_of(depth, 10**9 + n * STEP), keypoints, lifted, states)
    assert errors(fitted, people).mean() < 0.03


def test_a_repeated_or_late_frame_teaches_nothing():
    people = np.stack([person()])
    fit, states, rng = KinematicFit(FitConfig(), COCO_17), [BodyState()], np.random.default_rng(0)
    depth = depth_of(people)
    keypoints, lifted = told(people, rng)
    fit(frame_of(depth, 10**9), keypoints, lifted, states)
    before = states[0].xyz.copy(), states[0].sizes.copy(), states[0].stamp
    for stamp_ns in (10**9, 10**9 - STEP):
        assert np.isfinite(fit(frame_of(depth, stamp_ns), keypoints, lifted, states).xyz).all()
    np.testing.assert_array_equal(states[0].xyz, before[0])
    np.testing.assert_array_equal(states[0].sizes, before[1])
    assert states[0].stamp == before[2]


def test_who_has_no_depth_stays_unknown_and_nobody_is_nobody():
    fit = KinematicFit(FitConfig(), COCO_17)
    nowhere = np.full((CAMERA.height, CAMERA.width), np.nan, np.float32)
    keypoints, _ = told(np.stack([person()]), np.random.default_rng(0))
    frame, state = frame_of(nowhere), BodyState()
    lifted = Lift(LiftConfig(), COCO_17)(frame, keypoints)
    fitted = fit(frame, keypoints, lifted, [state])
    assert (fitted.origin == Origin.UNKNOWN).all()
    assert np.isnan(fitted.xyz).all()
    assert state.xyz is None
    assert len(fit(frame, Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17), [])) == 0


def test_depth_that_vanishes_leaves_people_finite():
    people, rng = np.stack([person()]), np.random.default_rng(0)
    fit, states = KinematicFit(FitConfig(), COCO_17), [BodyState()]
    keypoints, lifted = told(people, rng)
    for n, depth in enumerate((depth_of(people), np.full((CAMERA.height, CAMERA.width), np.nan, np.float32))):
        fitted = fit(frame_of(depth, 10**9 + n * STEP), keypoints, lifted, states)
    assert np.isfinite(fitted.xyz).all()
    assert (fitted.origin == Origin.INFERRED).all()


def test_what_is_not_fitted_goes_with_what_it_hangs_on():
    """BlazePose's fingers move as the wrist was moved."""
    people, rng = np.stack([person()]), np.random.default_rng(0)
    coco, lifted = told(people, rng)
    k = len(BLAZEPOSE_33)
    xy, root, xyz = np.zeros((1, k, 2)), np.zeros((1, k, 3)), np.zeros((1, k, 3))
    for name in BLAZEPOSE_33.joints:
        like = name if name in COCO_17.joints else f"{name.split('_')[0]}_wrist"
        like = like if like in COCO_17.joints else "nose"
        n, m = BLAZEPOSE_33.index(name), COCO_17.index(like)
        xy[0, n], root[0, n], xyz[0, n] = coco.xy[0, m], coco.xyz_root[0, m], lifted.xyz[0, m]
    keypoints = Keypoints2D(xy, np.ones((1, k)), coco.box_xyxy, BLAZEPOSE_33, root)
    rough = Keypoints3D(
        xyz, np.ones((1, k)), np.tile(1e-3 * np.eye(3), (1, k, 1, 1)),
        np.full((1, k), Origin.MEASURED, np.uint8), BLAZEPOSE_33,
    )  # fmt: skip
    fitted = KinematicFit(FitConfig(), BLAZEPOSE_33)(
        frame_of(depth_of(people)), keypoints, rough, [BodyState()]
    )
    wrist, thumb = BLAZEPOSE_33.indices("left_wrist", "left_thumb")
    np.testing.assert_allclose(
        fitted.xyz[0, thumb] - xyz[0, thumb], fitted.xyz[0, wrist] - xyz[0, wrist], atol=1e-9
    )
