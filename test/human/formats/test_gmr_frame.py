"""What General Motion Retargeting takes: names, w first, a world with z up, SMPL's rest."""

import numpy as np
import pytest
from articulated import FACING, T_POSE, articulated, mirrored, random_bends, swap, turn

from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion
from pose_ros.human.formats import convert
from pose_ros.human.formats.gmr import REQUIRED, rotation_of, unavailable
from pose_ros.human.formats.upright import LEVEL_CAMERA
from pose_ros.skeleton import COCO_17

# Someone who stands upright at the world's origin and looks along its x.
STANDING = LEVEL_CAMERA.inverse()
G1_OFFSETS = {  # wxyz, from GMR's smplx_to_g1.json (MIT), but for the hips, whose links are tilted
    **dict.fromkeys(
        ("pelvis", "spine3", "left_knee", "right_knee", "left_foot", "right_foot"), (0.5, -0.5, -0.5, -0.5)
    ),
    "left_shoulder": (0.70710678, 0.0, -0.70710678, 0.0),
    "right_shoulder": (0.0, 0.70710678, 0.0, 0.70710678),
    **dict.fromkeys(("left_elbow", "left_wrist"), (1.0, 0.0, 0.0, 0.0)),
    **dict.fromkeys(("right_elbow", "right_wrist"), (0.0, 0.0, 0.0, -1.0)),
}
# SMPL's axes in this world: left is y, up is z, forward is x.
REST = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_a_t_pose_has_smpls_axes_in_every_body():
    frame = convert(articulated(T_POSE, STANDING), "gmr")
    assert len(frame) == 22
    for body, (position, quaternion) in frame.items():
        assert (position.shape, quaternion.shape) == ((3,), (4,))
        # 120 degrees about (1, 1, 1), which takes x to y, y to z and z to x; w comes first.
        np.testing.assert_allclose(quaternion, [0.5, 0.5, 0.5, 0.5], atol=1e-9, err_msg=body)
    np.testing.assert_allclose(frame["left_wrist"][0], [0, 0.18 + 0.55, 0.45], atol=1e-9)
    np.testing.assert_allclose(frame["right_knee"][0], [0, -0.1, -0.42], atol=1e-9)


@pytest.mark.parametrize("yaw", [0, 40])
def test_a_unitree_g1_at_zero_stands_as_the_person_does(yaw):
    """All joints of the G1 at zero: upright, arms down, forearms forward, every link's x forward and z up.

    GMR turns each body's frame by its table's offset to get the link's.
    """
    body = RigidTransform(turn("z", yaw), np.zeros(3))
    forearms = {"left_elbow": turn("y", -90), "right_elbow": turn("y", -90)}
    frame = convert(articulated(forearms, STANDING @ body), "gmr")
    for name, wxyz in G1_OFFSETS.items():
        link = rotation_of(frame, name) @ matrix_from_quaternion(np.roll(wxyz, -1))
        np.testing.assert_allclose(link, body.rotation, atol=1e-6, err_msg=name)


def test_a_bent_elbow_turns_the_forearm_alone():
    straight = convert(articulated(T_POSE, STANDING), "gmr")
    bent = convert(articulated(T_POSE | {"left_elbow": turn("y", -90)}, STANDING), "gmr")
    changed = {body for body in bent if not np.allclose(bent[body][1], straight[body][1], atol=1e-9)}
    assert changed == {"left_elbow", "left_wrist"}
    # The forearm, SMPL's x, now points forward; up stays up: a turn by -90 degrees about z.
    np.testing.assert_allclose(rotation_of(bent, "left_elbow") @ [1, 0, 0], [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(rotation_of(bent, "left_elbow"), turn("z", -90) @ REST, atol=1e-9)
    np.testing.assert_allclose(bent["left_wrist"][0], [0.25, 0.18 + 0.3, 0.45], atol=1e-9)


def test_hanging_arms_point_down():
    frame = convert(articulated({}, STANDING), "gmr")
    np.testing.assert_allclose(rotation_of(frame, "left_shoulder") @ [1, 0, 0], [0, 0, -1], atol=1e-9)
    np.testing.assert_allclose(rotation_of(frame, "right_shoulder") @ [-1, 0, 0], [0, 0, -1], atol=1e-9)


def test_a_level_camera_is_the_world_unless_told():
    person = articulated(random_bends(3), FACING)
    level = convert(person, "gmr")
    assert level["pelvis"][0][0] == pytest.approx(2.0, abs=0.1)  # two metres before it
    assert level["left_ankle"][0][2] < level["pelvis"][0][2]
    high = RigidTransform(turn("z", 90), np.array([0.0, 0, 1.5])) @ LEVEL_CAMERA
    moved = convert(person, "gmr", high)
    for body, (position, _) in moved.items():
        x, y, z = level[body][0]
        np.testing.assert_allclose(position, [-y, x, z + 1.5], atol=1e-9)
        np.testing.assert_allclose(
            rotation_of(moved, body), turn("z", 90) @ rotation_of(level, body), atol=1e-9
        )


@pytest.mark.parametrize("seed", range(3))
def test_quaternions_are_unit_and_mirror(seed):
    person = articulated(random_bends(seed))
    here, there = convert(person, "gmr"), convert(mirrored(person), "gmr")
    for body, (position, quaternion) in here.items():
        assert np.linalg.norm(quaternion) == pytest.approx(1)
        np.testing.assert_allclose(there[swap(body)][0], position * [1, -1, 1], atol=1e-9)
        # World's y and SMPL's x, both to the left, change sign.
        expected = np.diag([1.0, -1, 1]) @ rotation_of(here, body) @ np.diag([-1.0, 1, 1])
        np.testing.assert_allclose(rotation_of(there, swap(body)), expected, atol=1e-9)


def test_what_is_unknown_is_left_out_and_told_of():
    assert unavailable(convert(articulated(), "gmr")) == ()
    coco = convert(articulated(skeleton=COCO_17), "gmr")
    assert unavailable(coco) == ("left_foot", "right_foot")
    hidden = convert(articulated(unknown=("left_wrist", "left_knee")), "gmr")
    assert unavailable(hidden) == ("left_knee", "left_wrist")
    assert all(np.isfinite(np.concatenate(pose)).all() for pose in hidden.values())
    assert set(REQUIRED) <= set(convert(articulated(), "gmr"))
