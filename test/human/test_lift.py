"""Lifted joints against a scene whose joints are known, with all that depth can do wrong."""

import dataclasses

import numpy as np
import pytest
from human_scene import CAMERA, WALL, depth_of, frame_of, keypoints_of, person

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.lift import Lift, LiftConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Origin

LIFT = Lift(LiftConfig(), COCO_17)


def error(lifted, joints):
    return np.linalg.norm(lifted.xyz[0] - joints, axis=-1)


@pytest.mark.parametrize("place", [(0.0, 0.1, 1.8), (0.5, 0.1, 2.5), (-0.6, 0.0, 3.0)])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_joint_centres_not_skin(place, noise):
    joints = person(place)
    lifted = LIFT(frame_of(depth_of(joints, noise=noise)), keypoints_of(joints))
    assert error(lifted, joints).max() < 0.07
    assert error(lifted, joints).mean() < 0.02
    assert (lifted.origin[0] == Origin.MEASURED).mean() > 0.8


def test_joints_lie_on_their_rays_even_through_a_lens():
    camera = PinholeCamera(600, 600, 319.5, 239.5, 640, 480, "plumb_bob", (-0.2, 0.05, 0, 0, 0))
    joints = person((0.4, 0.1, 2.2))
    lifted = LIFT(frame_of(depth_of(joints, camera), camera), keypoints_of(joints, camera))
    np.testing.assert_allclose(camera.project(lifted.xyz[0]), camera.project(joints), atol=0.05)
    assert error(lifted, joints).mean() < 0.02


@pytest.mark.parametrize("depth_behind", [np.nan, 3.5, 1.2])
def test_a_joint_that_depth_misses_is_inferred_not_put_on_the_wall_or_the_occluder(depth_behind):
    joints = person()
    depth = depth_of(joints)
    wrist = COCO_17.index("left_wrist")
    u, v = CAMERA.project(joints[wrist]).round().astype(int)
    depth[v - 25 : v + 26, u - 25 : u + 26] = depth_behind
    lifted = LIFT(frame_of(depth), keypoints_of(joints))
    assert lifted.origin[0, wrist] == Origin.INFERRED
    assert error(lifted, joints)[wrist] < 0.1
    elsewhere = lifted.covariance[0, COCO_17.index("right_wrist")]
    assert np.trace(lifted.covariance[0, wrist]) > 2 * np.trace(elsewhere)


def test_a_low_score_is_never_measured():
    joints = person()
    keypoints = keypoints_of(joints)
    keypoints.score[0, COCO_17.index("nose")] = 0.1
    lifted = LIFT(frame_of(depth_of(joints)), keypoints)
    assert lifted.origin[0, COCO_17.index("nose")] == Origin.INFERRED


@pytest.mark.parametrize("fill", [np.nan, 0.0])
def test_no_depth_is_unknown_not_a_point_at_the_camera(fill):
    joints = person()
    depth = np.full((480, 640), fill, np.float32)
    lifted = LIFT(frame_of(depth), keypoints_of(joints))
    assert (lifted.origin == Origin.UNKNOWN).all()
    assert np.isnan(lifted.xyz).all()
    assert (lifted.score == 0).all()


@pytest.mark.parametrize("unit", [1000.0, 0.001])
def test_depth_in_another_unit_is_unknown_not_a_giant_or_a_dwarf(unit):
    joints = person((0.0, 0.1, 2.0))
    frame = frame_of((depth_of(joints) * unit).astype(np.float32))
    lifted = LIFT(frame, keypoints_of(joints))
    assert (lifted.origin == Origin.UNKNOWN).all()
    assert np.isnan(lifted.xyz).all()


def test_nobody_and_people_outside_the_image():
    assert len(LIFT(frame_of(depth_of(person())), Keypoints2D.empty(COCO_17))) == 0
    joints = person((9.0, 0.0, 2.0))
    lifted = LIFT(frame_of(depth_of(person())), keypoints_of(joints))
    assert (lifted.origin == Origin.UNKNOWN).all()


def test_each_person_is_lifted_as_if_alone():
    left, right = person((-0.5, 0.1, 2.6)), person((0.5, 0.1, 2.0))
    depth = np.minimum(depth_of(left), depth_of(right))
    both = LIFT(frame_of(depth), keypoints_of(np.stack([left, right])))
    for n, joints in enumerate((left, right)):
        alone = LIFT(frame_of(depth), keypoints_of(joints))
        np.testing.assert_allclose(both.xyz[n], alone.xyz[0], atol=1e-9)


def test_without_the_networks_3d_the_visible_joints_are_still_measured():
    joints = person()
    keypoints = dataclasses.replace(keypoints_of(joints), xyz_root=None)
    lifted = LIFT(frame_of(depth_of(joints)), keypoints)
    measured = lifted.origin[0] == Origin.MEASURED
    assert measured.mean() > 0.7
    assert error(lifted, joints)[measured].mean() < 0.03


def test_covariance_is_a_covariance_longest_where_least_is_known():
    joints = person()
    lifted = LIFT(frame_of(depth_of(joints)), keypoints_of(joints))
    values = np.linalg.eigvalsh(lifted.covariance[0])
    assert (values > 0).all()
    np.testing.assert_allclose(lifted.covariance[0], lifted.covariance[0].transpose(0, 2, 1))


@pytest.mark.parametrize("scale", [0.75, 1.15])
def test_the_networks_size_does_not_matter(scale):
    """Children and tall people: the network's 3D is of another size than the person."""
    joints = person(scale=scale)
    keypoints = keypoints_of(joints)
    keypoints = dataclasses.replace(keypoints, xyz_root=keypoints.xyz_root / scale)
    lifted = LIFT(frame_of(depth_of(joints)), keypoints)
    assert error(lifted, joints).mean() < 0.03


def arm_before(joints, nearer=0.2, radius=0.05):
    """Somebody's arm, level, across the person's hips and left wrist: its depth (H,W), WALL elsewhere."""
    left, right = COCO_17.index("left_wrist"), COCO_17.index("right_hip")
    middle = (joints[left] + joints[right]) / 2 - (0, 0, nearer)
    arm = np.full((CAMERA.height, CAMERA.width), WALL, np.float32)
    u, v = CAMERA.project(middle)
    half = radius * CAMERA.fy / middle[2]
    reach = 0.5 * CAMERA.fx / middle[2]
    arm[round(v - half) : round(v + half) + 1, round(u - reach) : round(u + reach) + 1] = middle[2]
    return arm


@pytest.mark.parametrize("knows_shape", [True, False])
@pytest.mark.parametrize("nearer", [0.12, 0.2, 0.3])
def test_someone_elses_arm_in_front_is_not_the_person_where_masks_are_known(knows_shape, nearer):
    joints, other = person(), person((1.2, 0.1, 2.0))
    alone, arm = depth_of(joints), arm_before(joints, nearer)
    theirs = np.minimum(depth_of(other), arm)
    frame = frame_of(np.minimum(alone, theirs))
    keypoints = keypoints_of(np.stack([joints, other]))
    if not knows_shape:
        keypoints = dataclasses.replace(keypoints, xyz_root=None)
    mask = np.stack([(alone < WALL) & (alone < theirs), (theirs < WALL) & (theirs < alone)])
    covered = COCO_17.indices("left_hip", "right_hip", "left_wrist")
    without = error(LIFT(frame, keypoints), joints)
    masked = LIFT(frame, dataclasses.replace(keypoints, mask=mask))
    assert (masked.origin[0, covered] == Origin.INFERRED).all()
    assert error(masked, joints)[covered].max() < 0.08
    assert error(masked, joints)[covered].mean() < 0.9 * without[covered].mean()


def test_who_is_wholly_behind_another_is_unknown_and_the_other_does_not_change():
    left, right = person((-0.5, 0.1, 2.6)), person((0.5, 0.1, 2.0))
    depth = np.minimum(depth_of(left), depth_of(right))
    keypoints = keypoints_of(np.stack([left, right]))
    mask = np.stack([np.zeros(depth.shape, bool), np.ones(depth.shape, bool)])
    lifted = LIFT(frame_of(depth), dataclasses.replace(keypoints, mask=mask))
    assert (lifted.origin[0] == Origin.UNKNOWN).all()
    assert np.isnan(lifted.xyz[0]).all()
    np.testing.assert_array_equal(lifted.xyz[1], LIFT(frame_of(depth), keypoints).xyz[1])


def test_own_pixels_go_before_nobodys():
    """A table close before the wrist: where enough of the patch is the person's own, that alone counts."""
    joints = person()
    depth, wrist = depth_of(joints), COCO_17.index("left_wrist")
    mask = depth < WALL
    u, v = CAMERA.project(joints[wrist]).round().astype(int)
    table = np.zeros(depth.shape, bool)
    table[v - 15 : v + 16, u - 15 : u + 1] = True  # over half of the patch
    depth[table] = joints[wrist, 2] - 0.15
    frame, keypoints = frame_of(depth), keypoints_of(joints)
    masked = LIFT(frame, dataclasses.replace(keypoints, mask=(mask & ~table)[None]))
    assert masked.origin[0, wrist] == Origin.MEASURED
    assert error(masked, joints)[wrist] < 0.02
    assert error(LIFT(frame, keypoints), joints)[wrist] > 0.08


def test_a_limb_that_a_mask_misses_is_measured_all_the_same():
    joints = person()
    depth = depth_of(joints)
    mask = depth < WALL
    u, v = CAMERA.project(joints[COCO_17.index("left_wrist")]).round().astype(int)
    mask[v - 30 : v + 31, u - 30 : u + 31] = False
    frame, keypoints = frame_of(depth), keypoints_of(joints)
    masked = LIFT(frame, dataclasses.replace(keypoints, mask=mask[None]))
    np.testing.assert_array_equal(masked.origin, LIFT(frame, keypoints).origin)
    np.testing.assert_allclose(masked.xyz, LIFT(frame, keypoints).xyz, atol=0.01)


def test_a_mask_of_everything_changes_nothing():
    joints = person()
    frame, keypoints = frame_of(depth_of(joints)), keypoints_of(joints)
    masked = dataclasses.replace(keypoints, mask=np.ones((1, *frame.depth.shape), bool))
    np.testing.assert_array_equal(LIFT(frame, masked).xyz, LIFT(frame, keypoints).xyz)
