"""SMPL poses: known bends as SMPL writes them, forward kinematics, mirrors, and the way back."""

from dataclasses import replace

import numpy as np
import pytest
from articulated import FACING, FRAMES, MIRROR, T_POSE, articulated, mirrored, random_bends, swap, turn

from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.human.formats import convert
from pose_ros.human.formats.skeletons import SIDES
from pose_ros.human.formats.smpl import JOINTS, frames_from_smpl, smpl_forward
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17

QUARTER = np.pi / 2
# SMPL's axes at rest in the camera's, of someone who faces it.
FACING_SMPL = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])


def bends_of(person) -> dict[str, np.ndarray]:
    return dict(zip(JOINTS, convert(person, "smpl_24").axis_angle, strict=True))


def test_a_t_pose_is_smpls_rest():
    pose = convert(articulated(T_POSE), "smpl_24")
    np.testing.assert_allclose(pose.axis_angle[1:], 0, atol=1e-7)
    np.testing.assert_allclose(rotation_exp(pose.axis_angle[0]), FACING_SMPL, atol=1e-9)
    assert not pose.missing
    offset = dict(zip(JOINTS, pose.offset, strict=True))
    for side, out in zip(SIDES, (1, -1), strict=True):
        np.testing.assert_allclose(offset[f"{side}_elbow"], [out * 0.3, 0, 0], atol=1e-9)
        np.testing.assert_allclose(offset[f"{side}_wrist"], [out * 0.25, 0, 0], atol=1e-9)
        np.testing.assert_allclose(offset[f"{side}_knee"], [0, -0.42, 0], atol=1e-9)
        np.testing.assert_allclose(offset[f"{side}_hand"], [out * 0.09, 0, 0], atol=1e-9)
        assert offset[f"{side}_foot"][2] > 0.1  # toes point forward


@pytest.mark.parametrize(
    ("bends", "expected"),
    [
        ({}, {"left_shoulder": (0, 0, -QUARTER), "right_shoulder": (0, 0, QUARTER)}),
        (T_POSE | {"left_elbow": turn("y", -90)}, {"left_elbow": (0, -QUARTER, 0)}),
        (T_POSE | {"right_elbow": turn("y", -90)}, {"right_elbow": (0, QUARTER, 0)}),
        (T_POSE | {"left_knee": turn("y", 60)}, {"left_knee": (np.pi / 3, 0, 0)}),
        (T_POSE | {"right_hip": turn("y", -90)}, {"right_hip": (-QUARTER, 0, 0)}),  # thigh forward
        (T_POSE | {"head": turn("z", 40)}, {"neck": (0, np.pi / 9, 0), "head": (0, np.pi / 9, 0)}),
        (
            T_POSE | {"neck": turn("y", 30)},  # chest forward
            {f"spine{n}": (np.pi / 18, 0, 0) for n in (1, 2, 3)},
        ),
    ],
    ids=["hanging arms", "left elbow", "right elbow", "knee", "hip", "look left", "bow"],
)
def test_a_known_bend_is_what_smpl_writes(bends, expected):
    for joint, found in list(bends_of(articulated(bends)).items())[1:]:
        np.testing.assert_allclose(found, expected.get(joint, (0, 0, 0)), atol=1e-7, err_msg=joint)


@pytest.mark.parametrize("seed", range(5))
def test_forward_kinematics_lands_on_the_joints(seed):
    person = articulated(random_bends(seed), RigidTransform.exp(np.random.default_rng(seed).normal(size=6)))
    pose = convert(person, "smpl_24")
    rotation, position = smpl_forward(pose.axis_angle, pose.offset, pose.xyz[0])
    np.testing.assert_allclose(position, pose.xyz, atol=1e-9)
    np.testing.assert_allclose(rotation, pose.rotation, atol=1e-9)
    for joint in ("left_wrist", "right_ankle"):
        expected = person.camera_from_joint[joint].translation
        np.testing.assert_allclose(position[JOINTS.index(joint)], expected, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_way_back_gives_the_frames_again(seed):
    person = articulated(random_bends(seed))
    pose = convert(person, "smpl_24")
    rotation, position = smpl_forward(pose.axis_angle, pose.offset, pose.xyz[0])
    frames = frames_from_smpl(rotation, position)
    assert set(frames) == set(FRAMES)
    for name, frame in person.camera_from_joint.items():
        np.testing.assert_allclose(frames[name].rotation, frame.rotation, atol=1e-9, err_msg=name)
        if name not in ("body", "neck", "head"):  # SMPL has other points for these
            np.testing.assert_allclose(frames[name].translation, frame.translation, atol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_mirrored_person_has_mirrored_rotations(seed):
    person = articulated(random_bends(seed), twist_unobservable=frozenset({"left_elbow"}))
    here, there = convert(person, "smpl_24"), convert(mirrored(person), "smpl_24")
    order = [JOINTS.index(swap(joint)) for joint in JOINTS]
    np.testing.assert_allclose(there.rotation[order], MIRROR @ here.rotation @ MIRROR, atol=1e-9)
    # A rotation vector is mirrored as an axis that turns: across x its y and z change sign.
    np.testing.assert_allclose(there.axis_angle[order], here.axis_angle * [1, -1, -1], atol=1e-6)
    assert (here.twist_unobservable, there.twist_unobservable) == ({"left_elbow"}, {"right_elbow"})


def test_a_bone_that_misses_its_joint_is_swung_onto_it():
    person = articulated(random_bends(0))
    frames = dict(person.camera_from_joint)
    off = frames["left_shoulder"]
    frames["left_shoulder"] = RigidTransform(off.rotation @ turn("x", 8), off.translation)
    found, straight = (
        convert(replace(person, camera_from_joint=frames), "smpl_24"),
        convert(person, "smpl_24"),
    )
    _, position = smpl_forward(found.axis_angle, found.offset, found.xyz[0])
    np.testing.assert_allclose(position, found.xyz, atol=1e-9)
    np.testing.assert_allclose(found.rotation, straight.rotation, atol=1e-9)


def with_straight_ankles(person):
    """Whoever orients people does not look at feet: their ankles' frames are those of the shanks."""
    frames = dict(person.camera_from_joint)
    for side in SIDES:
        shank = frames[f"{side}_knee"].rotation
        frames[f"{side}_ankle"] = RigidTransform(shank, frames[f"{side}_ankle"].translation)
    return replace(person, camera_from_joint=frames)


@pytest.mark.parametrize(
    ("bend", "expected"),
    [
        (turn("y", -30), (-np.pi / 6, 0, 0)),  # toes up
        (turn("y", 45), (np.pi / 4, 0, 0)),
        (turn("z", 25), (0, np.radians(25), 0)),  # toes to the left
        (turn("y", 100), (0, 0, 0)),  # no ankle bends so far
    ],
)
def test_feet_turn_as_heel_and_toe_show(bend, expected):
    person = with_straight_ankles(articulated({"left_ankle": bend}))
    found = bends_of(person)
    np.testing.assert_allclose(found["left_ankle"], expected, atol=1e-7)
    np.testing.assert_allclose(found["right_ankle"], 0, atol=1e-7)
    np.testing.assert_allclose(found["left_foot"], 0, atol=1e-7)


def test_what_nothing_shows_is_as_the_person_says():
    bends = {"left_ankle": turn("y", -30), "right_wrist": turn("x", 50)}
    for skeleton in (COCO_17, BLAZEPOSE_33):
        found = bends_of(articulated(bends, skeleton=skeleton))
        np.testing.assert_allclose(found["left_ankle"], [-np.pi / 6, 0, 0], atol=1e-7)
        assert np.linalg.norm(found["right_wrist"]) == pytest.approx(np.radians(50))


def test_feet_that_are_seen_have_no_hidden_twist():
    hidden = frozenset({"left_knee", "left_ankle", "left_wrist"})
    seen = convert(articulated(twist_unobservable=hidden), "smpl_24")
    assert seen.twist_unobservable == {"left_knee", "left_wrist"}
    coco = convert(articulated(twist_unobservable=hidden, skeleton=COCO_17), "smpl_24")
    assert coco.twist_unobservable == hidden


def test_what_is_unknown_stays_unknown():
    gone = ("left_wrist", "left_elbow", "head", "left_ear")
    pose = convert(articulated(random_bends(1), unknown=gone), "smpl_24")
    assert set(pose.missing) == {"left_wrist", "left_elbow", "left_hand", "head", "neck"}
    unknown = {joint for joint, bend in zip(JOINTS, pose.axis_angle, strict=True) if np.isnan(bend).any()}
    assert {"left_elbow", "head", "neck"} <= unknown
    assert "right_elbow" not in unknown
    _, position = smpl_forward(pose.axis_angle, pose.offset, pose.xyz[0])
    known = np.isfinite(position).all(-1)
    np.testing.assert_allclose(position[known], pose.xyz[known], atol=1e-9)
    assert known[JOINTS.index("right_wrist")]


def test_nobody_whose_body_is_unknown_gets_a_rotation():
    pose = convert(articulated(unknown=(*FRAMES, "left_heel", "right_heel")), "smpl_24")
    assert np.isnan(pose.rotation).all()
    assert set(pose.missing) == set(JOINTS)


def test_the_root_is_where_smpls_pelvis_is():
    pose = convert(articulated(), "smpl_24")
    hips = FACING.translation
    above = (hips - pose.xyz[0])[1]  # y points down
    assert above == pytest.approx(0.17 * 0.45)
