"""Key points in other skeletons: published orders, mirrors, means, and what is not there."""

import numpy as np
import pytest
from articulated import MIRROR, articulated, mirrored, random_bends, swap

from pose_ros.errors import ConfigError
from pose_ros.human.formats import FORMATS, convert, missing
from pose_ros.human.formats.skeletons import POINT_FORMATS, SIDES
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

# As the publishers print them; R and L are the person's own right and left.
PUBLISHED = {
    "coco_17": "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle",
    "openpose_18": "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist RHip RKnee RAnkle LHip LKnee "
    "LAnkle REye LEye REar LEar",
    "openpose_25": "Nose Neck RShoulder RElbow RWrist LShoulder LElbow LWrist MidHip RHip RKnee RAnkle LHip "
    "LKnee LAnkle REye LEye REar LEar LBigToe LSmallToe LHeel RBigToe RSmallToe RHeel",
    "h36m_17": "Hip RHip RKnee RFoot LHip LKnee LFoot Spine Thorax Neck/Nose Head LShoulder LElbow LWrist "
    "RShoulder RElbow RWrist",
    "smpl_24": "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 "
    "left_foot right_foot neck left_collar right_collar head left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hand right_hand",
    "body_38": "PELVIS SPINE_1 SPINE_2 SPINE_3 NECK NOSE LEFT_EYE RIGHT_EYE LEFT_EAR RIGHT_EAR LEFT_CLAVICLE "
    "RIGHT_CLAVICLE LEFT_SHOULDER RIGHT_SHOULDER LEFT_ELBOW RIGHT_ELBOW LEFT_WRIST RIGHT_WRIST LEFT_HIP "
    "RIGHT_HIP LEFT_KNEE RIGHT_KNEE LEFT_ANKLE RIGHT_ANKLE LEFT_BIG_TOE RIGHT_BIG_TOE LEFT_SMALL_TOE "
    "RIGHT_SMALL_TOE LEFT_HEEL RIGHT_HEEL LEFT_HAND_THUMB_4 RIGHT_HAND_THUMB_4 LEFT_HAND_INDEX_1 "
    "RIGHT_HAND_INDEX_1 LEFT_HAND_MIDDLE_4 RIGHT_HAND_MIDDLE_4 LEFT_HAND_PINKY_1 RIGHT_HAND_PINKY_1",
}
OWN_WORDS = {"h36m_17": {"hip": "pelvis", "rfoot": "rankle", "lfoot": "lankle", "neck/nose": "necknose"}}


def plain(name: str) -> str:
    return name.lower().replace("right_", "r").replace("left_", "l").replace("_", "")


@pytest.mark.parametrize("name", PUBLISHED)
def test_joints_come_in_the_published_order(name):
    own = OWN_WORDS.get(name, {})
    published = [plain(own.get(joint.lower(), joint)) for joint in PUBLISHED[name].split()]
    assert [plain(joint) for joint in POINT_FORMATS[name].joints] == published


def test_there_is_no_other_format_than_the_tests_know():
    assert set(POINT_FORMATS) == {*PUBLISHED, "blazepose_33"}
    assert set(FORMATS) == {*POINT_FORMATS, "gmr", "bvh"}


@pytest.mark.parametrize("skeleton", [BLAZEPOSE_33, COCO_17], ids=lambda s: s.name)
@pytest.mark.parametrize("name", POINT_FORMATS)
def test_a_mirrored_person_converted_is_the_converted_person_mirrored(name, skeleton):
    person = articulated(random_bends(1), skeleton=skeleton, unknown=("left_elbow",))
    here = convert(person.keypoints3d, name)
    there = convert(mirrored(person).keypoints3d, name)
    joints = here.skeleton.joints
    order = there.skeleton.indices(*map(swap, joints))
    np.testing.assert_allclose(there.xyz[:, order], here.xyz @ MIRROR, atol=1e-12)
    np.testing.assert_allclose(there.covariance[:, order], MIRROR @ here.covariance @ MIRROR, atol=1e-12)
    np.testing.assert_array_equal(there.origin[:, order], here.origin)
    np.testing.assert_allclose(there.score[:, order], here.score)


@pytest.mark.parametrize("name", POINT_FORMATS)
def test_left_joints_are_on_the_left_and_right_ones_on_the_right(name):
    points = convert(articulated().keypoints3d, name)
    xyz = dict(zip(points.skeleton.joints, points.xyz[0], strict=True))
    pairs = points.skeleton.mirror_pairs
    assert len(pairs) == sum("left" in joint for joint in points.skeleton.joints) >= 6
    for left, right in pairs:
        # They face the camera: their left is on the image's right.
        if np.isfinite(xyz[left]).all():
            assert xyz[left][0] > 0.2 > xyz[right][0]
        else:
            assert np.isnan(xyz[right]).all()


@pytest.mark.parametrize("name", POINT_FORMATS)
def test_bones_join_neighbours_and_reach_every_joint(name):
    skeleton = POINT_FORMATS[name].skeleton
    parts = [{joint} for joint in skeleton.joints]
    for a, b in skeleton.bones:
        one, other = (next(part for part in parts if joint in part) for joint in (a, b))
        if one is not other:
            parts.remove(other)
            one |= other
        sides = {side for joint in (a, b) for side in SIDES if joint.startswith(side)}
        assert len(sides) < 2 or name in ("coco_17", "blazepose_33")
    if name not in ("coco_17", "blazepose_33"):  # their heads hang on nothing
        assert len(parts) == 1, parts


@pytest.mark.parametrize("name", ["openpose_18", "openpose_25", "body_38"])
def test_the_way_back_to_coco_is_exact(name):
    person = articulated(random_bends(2), unknown=("right_wrist",))
    expected = convert(person.keypoints3d, "coco_17")
    back = convert(convert(person.keypoints3d, name), "coco_17")
    np.testing.assert_array_equal(back.xyz, expected.xyz)
    np.testing.assert_array_equal(back.score, expected.score)
    np.testing.assert_array_equal(back.covariance, expected.covariance)


def test_the_skeleton_itself_comes_out_as_it_went_in():
    points = articulated(unknown=("nose",)).keypoints3d
    same = convert(points, "blazepose_33")
    np.testing.assert_array_equal(same.xyz, points.xyz)
    np.testing.assert_array_equal(same.origin, points.origin)


def test_what_no_estimator_sees_is_unknown_and_counted():
    person = articulated()
    fingers = {f"{side}_{end}" for side in SIDES for end in ("small_toe", "hand_thumb_4", "hand_middle_4")}
    for subject in (person, person.keypoints3d, person.keypoints2d):
        assert set(missing(convert(subject, "body_38"))) == fingers
    coco = articulated(skeleton=COCO_17)
    feet_and_hands = {f"{side}_{end}" for side in SIDES for end in ("foot", "hand")}
    assert missing(convert(coco.keypoints3d, "smpl_24")) == dict.fromkeys(sorted(feet_and_hands), 1)
    points = convert(person.keypoints3d, "openpose_25")
    toe = points.skeleton.index("left_small_toe")
    assert np.isnan(points.xyz[0, toe]).all()
    assert (points.score[0, toe], points.origin[0, toe]) == (0.0, Origin.UNKNOWN)


def test_a_mean_lacks_what_one_of_its_sources_lacks():
    points = convert(articulated(unknown=("left_shoulder",)).keypoints3d, "openpose_25")
    assert set(missing(points)) == {"neck", "left_shoulder", "left_small_toe", "right_small_toe"}
    assert points.score[0, points.skeleton.index("neck")] == 0


def test_a_mean_is_in_the_middle_scored_as_the_least_and_comes_from_the_least_direct():
    points = articulated().keypoints3d
    left, right = points.skeleton.indices("left_hip", "right_hip")
    origin = points.origin.copy()
    origin[0, right] = Origin.PREDICTED
    points = Keypoints3D(points.xyz, points.score, points.covariance, origin, points.skeleton)
    hips = convert(points, "openpose_25")
    middle = hips.skeleton.index("mid_hip")
    np.testing.assert_allclose(hips.xyz[0, middle], points.xyz[0, [left, right]].mean(axis=0))
    assert hips.score[0, middle] == points.score[0, [left, right]].min()
    assert hips.origin[0, middle] == Origin.PREDICTED


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("joint", ["pelvis", "neck", "spine2", "left_collar"])
def test_covariance_bounds_the_error_however_the_sources_err_together(joint, shared):
    points = articulated().keypoints3d
    rng = np.random.default_rng(0)
    error = np.sqrt(1 - shared) * rng.normal(size=(4000, 33, 3)) + np.sqrt(shared) * rng.normal(
        size=(4000, 1, 3)
    )
    noisy = points.xyz + error * 0.01 * [1, 1, 2]
    rest = (points.score, points.covariance, points.origin)
    people = Keypoints3D(noisy, *(np.repeat(part, len(noisy), axis=0) for part in rest), points.skeleton)
    converted = convert(people, "smpl_24")
    k = converted.skeleton.index(joint)
    spread = np.cov(converted.xyz[:, k].T)
    assert np.linalg.eigvalsh(converted.covariance[0, k] - spread).min() > -2e-5
    if shared == 1 and joint == "pelvis":  # and is no larger than it must be
        np.testing.assert_allclose(converted.covariance[0, k], spread, rtol=0.1, atol=1e-5)


def test_pixels_convert_as_points_do():
    person = articulated()
    pixels = convert(person.keypoints2d, "openpose_18")
    assert isinstance(pixels, Keypoints2D)
    left, right = person.keypoints2d.skeleton.indices("left_shoulder", "right_shoulder")
    neck, elbow = pixels.skeleton.indices("neck", "right_elbow")
    np.testing.assert_allclose(pixels.xy[0, neck], person.keypoints2d.xy[0, [left, right]].mean(axis=0))
    source = person.keypoints2d.skeleton.index("right_elbow")
    np.testing.assert_array_equal(pixels.xy[0, elbow], person.keypoints2d.xy[0, source])


@pytest.mark.parametrize("name", POINT_FORMATS)
def test_nobody_stays_nobody(name):
    assert len(convert(Keypoints3D.empty(COCO_17), name)) == 0
    assert len(convert(Keypoints2D.empty(BLAZEPOSE_33), name)) == 0


def test_an_unknown_name_is_refused_listing_the_valid_ones():
    with pytest.raises(ConfigError, match=r"openpose_25.*smpl_24.*gmr.*bvh"):
        convert(articulated(), "openpose_26")
    with pytest.raises(ConfigError, match="give it a Person"):
        convert(articulated().keypoints3d, "gmr")
