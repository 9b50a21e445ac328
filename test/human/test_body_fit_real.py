"""The body fit on real frames, of whose people only depth tells the truth."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="the body fit needs anny")

import torch

from pose_ros.human.body_fit import BodyFit
from pose_ros.human.body_solve import BodyFitConfig
from pose_ros.human.estimators import create_estimator
from pose_ros.human.estimators.blazepose import BlazePoseConfig
from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.sources.rgbd_folder import RGBDFolder


def test_the_fitted_surface_lies_on_the_measured_depth(data, default_weights):
    source = RGBDFolder(data / "human_rgbd")
    estimator = create_estimator("blazepose", BlazePoseConfig(), torch.device("cpu"))
    lift, fit = Lift(LiftConfig(), estimator.skeleton), BodyFit(BodyFitConfig(), estimator.skeleton)
    errors, bones = [], []
    for key in source.keys()[:8]:
        frame = source.frame(key)
        keypoints = estimator.estimate(frame.rgb, frame.stamp_ns)
        order = np.argsort(keypoints.xy[:, :, 0].mean(1))  # they stand still beside each other
        keypoints = keypoints.select(order)
        fits = fit(frame, keypoints, lift(frame, keypoints), ["left", "right"][: len(order)])
        assert fits.fitted.tolist() == [True, True]
        errors.append(fits.surface_error)
        joints = [estimator.skeleton.indices(f"{side}_hip", f"{side}_knee") for side in ("left", "right")]
        bones.append(np.linalg.norm(np.diff(fits.keypoints.xyz[:, joints], axis=2)[:, :, 0], axis=-1))
    assert (np.median(errors, axis=0) < 0.015).all()
    bones = np.array(bones)[2:]  # frames, people, sides; two frames to get to know each other
    assert (bones.std(0) / bones.mean(0) < 0.04).all()
    assert (np.abs(bones[..., 0] / bones[..., 1] - 1) < 0.05).all()
