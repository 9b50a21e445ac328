"""Nouns refuse what cannot be, and nothing is a thing of its own: empty()."""

import numpy as np
import pytest

from pose_ros.errors import ConfigError, FrameError, ShapeError
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, RGBDFrame

CAMERA = PinholeCamera(10, 10, 4, 3, 8, 6)
RGB, DEPTH = np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.float32)


@pytest.mark.parametrize(
    ("rgb", "depth", "message"),
    [
        (RGB[:5], DEPTH, "another stream"),
        (RGB.astype(float), DEPTH, "uint8"),
        (RGB[..., 0], DEPTH, "rgb is"),
        (RGB, DEPTH.astype(np.uint16), "metres and registered"),
        (RGB, DEPTH[:, :4], "depth is"),
        (np.zeros((0, 0, 3), np.uint8), DEPTH, "rgb is"),
    ],
)
def test_frames_that_do_not_fit_their_camera(rgb, depth, message):
    with pytest.raises(FrameError, match=message):
        RGBDFrame(rgb, depth, CAMERA, 0, "camera")


def test_key_points_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"score has shape \(1, 16\), expected \(1, 17\)"):
        Keypoints2D(np.zeros((1, 17, 2)), np.zeros((1, 16)), np.zeros((1, 4)), COCO_17)


def test_unknown_is_nan_and_nan_is_unknown():
    xyz, origin = np.zeros((1, 17, 3)), np.full((1, 17), Origin.MEASURED)
    rest = np.zeros((1, 17)), np.zeros((1, 17, 3, 3))
    Keypoints3D(xyz, *rest, origin, COCO_17)
    xyz[0, 3] = np.nan
    with pytest.raises(ShapeError, match="UNKNOWN exactly where"):
        Keypoints3D(xyz, *rest, origin, COCO_17)


@pytest.mark.parametrize("skeleton", [COCO_17, BLAZEPOSE_33])
def test_empty_select_and_join(skeleton):
    none = Keypoints2D.empty(skeleton)
    assert len(none) == len(Keypoints3D.empty(skeleton)) == 0
    rng = np.random.default_rng(0)
    k = len(skeleton)
    some = Keypoints2D(rng.normal(size=(3, k, 2)), rng.random((3, k)), rng.random((3, 4)), skeleton)
    both = some.select([2]).joined(some.select([0, 1]))
    np.testing.assert_array_equal(both.xy, some.xy[[2, 0, 1]])
    assert len(some.joined(none)) == 3


@pytest.mark.parametrize("skeleton", [COCO_17, BLAZEPOSE_33])
def test_skeletons_are_symmetric(skeleton):
    assert len(set(skeleton.joints)) == len(skeleton)
    assert len(skeleton.mirror_pairs) == sum("left" in joint for joint in skeleton.joints)
    twin = {a: b for pair in skeleton.mirror_pairs for a, b in (pair, pair[::-1])}
    bones = {frozenset(bone) for bone in skeleton.bones}
    assert {frozenset(twin.get(joint, joint) for joint in bone) for bone in bones} == bones


def test_unknown_joints_list_the_valid_ones():
    with pytest.raises(ConfigError, match="left_wrist"):
        COCO_17.index("left_hand")
    with pytest.raises(ConfigError, match="valid: a"):
        Skeleton("one", ("a",), (("a", "b"),))
