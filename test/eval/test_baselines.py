import numpy as np
import pytest

from pose_ros.eval.baselines import depth_at, lift_one_pixel, lift_scaled_root
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, RGBDFrame

CAMERA = PinholeCamera(300, 300, 79.5, 59.5, 160, 120)


def frame_of(depth):
    return RGBDFrame(np.zeros((120, 160, 3), np.uint8), depth.astype(np.float32), CAMERA, 1, "camera")


def keypoints_of(xyz, xyz_root=None):
    xy = CAMERA.project(xyz)
    return Keypoints2D(xy, np.ones(xy.shape[:2]), np.zeros((len(xy), 4)), COCO_17, xyz_root)


def people(n=3):
    xyz = np.random.default_rng(1).uniform((-0.4, -0.3, 2), (0.4, 0.3, 2), (n, 17, 3))
    return xyz


def test_one_pixel_is_exact_on_a_wall_of_joints():
    xyz = people()
    lifted = lift_one_pixel(frame_of(np.full((120, 160), 2.0)), keypoints_of(xyz))
    np.testing.assert_allclose(lifted, xyz, atol=1e-6)


def test_no_depth_and_outside_the_image_are_missing():
    depth = np.full((120, 160), 2.0)
    depth[10, 20], depth[11, 20] = np.nan, 0
    xy = np.array([[20.4, 9.6], [20, 11], [21, 10], [-0.6, 5], [159.6, 5], [5, 119.4], [np.nan, 3]])
    np.testing.assert_array_equal(depth_at(depth, xy), [np.nan, np.nan, 2, np.nan, np.nan, 2, np.nan])


def test_scaled_root_finds_size_and_place_of_a_flat_body():
    xyz = people()
    hips = xyz[:, COCO_17.indices("left_hip", "right_hip")].mean(1, keepdims=True)
    root = (xyz - hips) / 1.3
    frame = frame_of(np.full((120, 160), 2.0))
    np.testing.assert_allclose(lift_scaled_root(frame, keypoints_of(xyz, root)), xyz, atol=1e-6)


def test_scaled_root_is_unknown_without_depth_at_the_hips_or_without_3d():
    xyz = people()
    assert np.isnan(lift_scaled_root(frame_of(np.full((120, 160), np.nan)), keypoints_of(xyz, xyz))).all()
    missing = lift_scaled_root(frame_of(np.full((120, 160), 2.0)), keypoints_of(xyz))
    assert missing.shape == (3, 17, 3)
    assert np.isnan(missing).all()


@pytest.mark.parametrize("lift", [lift_one_pixel, lift_scaled_root])
def test_nobody_gives_nothing(lift):
    assert lift(frame_of(np.ones((120, 160))), Keypoints2D.empty(COCO_17)).shape == (0, 17, 3)
