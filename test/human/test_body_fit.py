"""The body fit finds bodies whose truth is known, from a rough guess, and keeps its promises."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("anny", reason="the body fit needs anny")

from body_scene import scene

from pose_ros.body.rig import SEGMENTS
from pose_ros.eval.metrics import rotation_angle
from pose_ros.human.body_fit import BodyFit
from pose_ros.human.body_solve import BodyFitConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints3D, Origin

NAKED = BodyFitConfig(cloth=0.0)


@pytest.fixture(scope="module")
def fit():
    return BodyFit(NAKED, COCO_17)


def errors(fits, seen) -> np.ndarray:
    return np.linalg.norm(fits.keypoints.xyz - seen.joints, axis=-1)


@pytest.mark.parametrize("motion", ["stand", "wave", "sit", "walk"])
def test_joints_are_found_from_a_rough_guess(fit, motion):
    seen = scene([(2.3, 0.3), (2.8, -0.5)], motion, pixel=2.0)
    rough = seen.rough(0.06)
    fits = fit(seen.frame, seen.keypoints, rough)
    assert fits.fitted.all()
    assert errors(fits, seen).mean() < 0.018
    assert errors(fits, seen).mean() < 0.25 * np.linalg.norm(rough.xyz - seen.joints, axis=-1).mean()
    assert (fits.surface_error < 0.008).all()


def test_rotations_are_those_of_the_joints(fit):
    seen = scene([(2.3, 0.0)], "stand", pixel=1.0)
    fits = fit(seen.frame, seen.keypoints, seen.rough(0.03))
    for name, limit in (("pelvis", 8), ("head", 8), ("left_hip", 12), ("right_knee", 12)):
        angle = rotation_angle(fits.rotations[0, SEGMENTS.index(name)], seen.rotations[name][0])
        assert angle < limit, name


def test_a_hidden_arm_is_inferred_and_less_certain(fit):
    seen = scene([(2.5, 0.0)], "stand")
    wrist, elbow = COCO_17.indices("left_wrist", "left_elbow")
    depth = seen.frame.depth.copy()
    u, v = np.round(seen.keypoints.xy[0, [elbow, wrist]].mean(0)).astype(int)
    depth[v - 70 : v + 110, u - 60 : u + 60] = 1.2  # a sign is held before it
    keypoints = dataclasses.replace(seen.keypoints, score=seen.keypoints.score.copy())
    keypoints.score[0, [elbow, wrist]] = 0.05
    fits = fit(dataclasses.replace(seen.frame, depth=depth), keypoints, seen.rough(0.05))
    assert fits.keypoints.origin[0, wrist] == Origin.INFERRED
    assert fits.keypoints.origin[0, COCO_17.index("nose")] == Origin.MEASURED
    sizes = np.sqrt(np.trace(fits.keypoints.covariance[0], axis1=-2, axis2=-1))
    assert sizes[wrist] > 1.5 * sizes[COCO_17.index("right_wrist")]
    assert errors(fits, seen)[0, wrist] < 0.2


def test_the_last_frame_is_the_start_of_the_next():
    """Whom it knows, it needs few steps for; their shape is kept when they come back."""
    fit = BodyFit(dataclasses.replace(NAKED, steps=3), COCO_17)
    for step in range(4):
        seen = scene([(2.5, 0.0)], "wave", time=1.0 + step / 30, pixel=2.0)
        frame = dataclasses.replace(seen.frame, stamp_ns=10**9 + step * 33_000_000)
        fits = fit(frame, seen.keypoints, seen.rough(0.06, seed=step), ["p1"])
        assert errors(fits, seen).mean() < 0.018, step
    information = fits.bodies.information[0].diagonal()
    assert (information > fit._prior.diagonal()).all()
    fit.reset()
    fits = fit(frame, seen.keypoints, seen.rough(0.06), ["p1"])
    assert (fits.bodies.information[0].diagonal() < information).all()


def test_who_is_unknown_stays_unknown_and_harms_nobody(fit):
    seen = scene([(2.3, 0.3), (2.8, -0.5)])
    rough = seen.rough(0.04)
    lost = Keypoints3D(
        np.where(np.arange(2)[:, None, None] == 0, np.nan, rough.xyz), rough.score, rough.covariance,
        np.where(np.arange(2)[:, None] == 0, Origin.UNKNOWN, rough.origin).astype(np.uint8), COCO_17,
    )  # fmt: skip
    fits = fit(seen.frame, seen.keypoints, lost)
    assert fits.fitted.tolist() == [False, True]
    assert np.isnan(fits.keypoints.xyz[0]).all()
    assert errors(fits, seen)[1].mean() < 0.02
    assert len(fit.surface(fits.bodies)) == 1


def test_the_surface_lies_on_the_depth(fit):
    seen = scene([(2.3, 0.0)])
    fits = fit(seen.frame, seen.keypoints, seen.rough(0.04))
    skin = fit.surface(fits.bodies)[0]
    pixels = np.round(seen.frame.camera.project(skin)).astype(int)
    inside = (pixels > 1).all(1) & (pixels < (638, 478)).all(1)
    shown = seen.frame.depth[pixels[inside, 1], pixels[inside, 0]]
    before = shown - skin[inside, 2]
    facing = before < 0.05  # the others are the back's, or beside the outline
    assert np.median(np.abs(before[facing & (before > -0.05)])) < 0.01
