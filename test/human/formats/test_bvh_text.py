"""BVH: what is written is read again to within a millimetre, by us and by the rules of the format."""

import re
from dataclasses import replace

import numpy as np
import pytest
from articulated import FACING, T_POSE, articulated, random_bends, turn

from pose_ros.errors import ConfigError, PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.formats import convert
from pose_ros.human.formats.animate import animate
from pose_ros.human.formats.bvh import read_bvh, write_bvh
from pose_ros.human.formats.hierarchy import ENDS, HIERARCHY
from pose_ros.human.formats.upright import ANIMATION_FROM_WORLD, LEVEL_CAMERA
from pose_ros.skeleton import COCO_17

MS = 1_000_000
STEP = 40 * MS
UPRIGHT = ANIMATION_FROM_WORLD @ LEVEL_CAMERA
POINT_OF = {joint: about.point for joint, about in HIERARCHY.items()}
LIMBS = [point for point in POINT_OF.values() if "_" in point]


def walk(frames: int, **more) -> list:
    """Someone who bends everything a little more with each frame and drifts."""
    final = random_bends(7)
    people = []
    for t in range(frames):
        part = t / max(frames - 1, 1)
        bends = {name: RigidTransform(end, np.zeros(3)).log()[3:] * part for name, end in final.items()}
        bends = {
            name: RigidTransform.exp(np.array([0, 0, 0, *bend])).rotation for name, bend in bends.items()
        }
        place = FACING @ RigidTransform(turn("z", 200 * part), np.array([0, part, 0]))
        people.append(articulated(bends, place, **more))
    return people


def test_text_read_back_has_the_joints_within_a_millimetre():
    people = walk(12)
    text = write_bvh(animate(people, [n * STEP for n in range(12)]))
    motion = read_bvh(text)
    assert len(motion) == 12
    assert motion.frame_time == pytest.approx(0.04, abs=1e-6)
    places = motion.positions()
    for joint, point in POINT_OF.items():
        if point in LIMBS:
            true = [UPRIGHT.apply(person.camera_from_joint[point].translation) for person in people]
            np.testing.assert_allclose(places[joint], true, atol=1e-3, err_msg=joint)
    for joint, point in ENDS.items():
        if "hand" not in point:
            k = people[0].keypoints3d.skeleton.index(point)
            true = [UPRIGHT.apply(person.keypoints3d.xyz[0, k]) for person in people]
            np.testing.assert_allclose(places[f"{joint} end"], true, atol=1e-3, err_msg=joint)
    for joint, name in (("Hips", "body"), ("Chest", "neck"), ("Head", "head")):
        true = [UPRIGHT.apply(person.camera_from_joint[name].translation) for person in people]
        np.testing.assert_allclose(places[joint], true, atol=1e-3, err_msg=joint)


def test_the_numbers_are_what_the_format_says():
    """Read by hand: the left arm's line of numbers put through Rz · Rx · Ry with the text's own offsets."""
    person = articulated(T_POSE | {"left_shoulder": turn("z", -35) @ T_POSE["left_shoulder"]})
    text = convert(person, "bvh")
    offsets = {
        name: np.array(numbers.split(), float)
        for name, numbers in re.findall(r"(?:ROOT|JOINT) (\w+)\s*{\s*OFFSET ([-\d. ]+)", text)
    }
    order = re.findall(r"(?:ROOT|JOINT) (\w+)", text)
    values = np.array(text.splitlines()[-1].split(), float)
    assert len(values) == 3 + 3 * len(order)
    angles = dict(zip(order, values[3:].reshape(-1, 3), strict=True))

    def rotation(joint: str) -> np.ndarray:
        z, x, y = angles[joint]
        return turn("z", z) @ turn("x", x) @ turn("y", y)

    hips = rotation("Hips")
    np.testing.assert_allclose(hips, turn("y", 180), atol=1e-6)  # faces the camera: looks along -z
    collar = hips @ rotation("Spine") @ rotation("Chest") @ rotation("LeftShoulder")
    arm = values[:3] + hips @ rotation("Spine") @ offsets["Chest"] + collar @ offsets["LeftArm"]
    elbow = arm + collar @ rotation("LeftArm") @ offsets["LeftForeArm"]
    np.testing.assert_allclose(
        elbow, UPRIGHT.apply(person.camera_from_joint["left_elbow"].translation), atol=1e-5
    )
    np.testing.assert_allclose(angles["LeftArm"], [0, 0, -35], atol=1e-4)  # forward, about the vertical


def test_at_rest_the_hierarchy_stands_in_a_t():
    motion = read_bvh(convert(articulated(random_bends(3)), "bvh"))
    offset = dict(zip(motion.chain.joints, motion.offset, strict=True))
    for side, sign in (("Left", 1), ("Right", -1)):
        np.testing.assert_allclose(offset[f"{side}ForeArm"], [sign * 0.3, 0, 0], atol=1e-5)
        np.testing.assert_allclose(offset[f"{side}Hand"], [sign * 0.25, 0, 0], atol=1e-5)
        np.testing.assert_allclose(offset[f"{side}Leg"], [0, -0.42, 0], atol=1e-5)
        np.testing.assert_allclose(offset[f"{side}Foot"], [0, -0.4, 0], atol=1e-5)
        np.testing.assert_allclose(offset[f"{side}Arm"], [sign * 0.18, 0, 0], atol=1e-5)
        assert offset[f"{side}ToeBase"][2] + motion.ends[f"{side}ToeBase"][2] > 0.15


def test_lengths_in_centimetres():
    motion = animate(walk(3), [0, STEP, 2 * STEP])
    text = write_bvh(motion, "cm")
    assert "OFFSET 0.000000 -42.000000 0.000000" in text
    again = read_bvh(text, "cm")
    for joint, place in read_bvh(write_bvh(motion)).positions().items():
        np.testing.assert_allclose(again.positions()[joint], place, atol=1e-5)
    with pytest.raises(ConfigError, match="valid: m, cm"):
        write_bvh(motion, "inch")


def test_angles_do_not_jump():
    people = [
        articulated(T_POSE, FACING @ RigidTransform(turn("z", 10.0 * n), np.zeros(3))) for n in range(60)
    ]
    text = write_bvh(animate(people, [n * STEP for n in range(60)]))
    numbers = np.array([line.split() for line in text.splitlines()[-60:]], float)
    assert np.abs(np.diff(numbers[:, 3:], axis=0)).max() < 10.1


def test_uneven_stamps_become_even_frames():
    people = walk(9)
    stamps = [n * STEP + (7 * MS if n % 2 else 0) for n in range(9)]
    order = [3, 0, 1, 2, 4, 5, 8, 7, 6, 3]  # late ones, and one twice
    motion = animate([people[n] for n in order], [stamps[n] for n in order])
    assert len(motion) in (8, 9, 10)
    assert not motion.held
    even = np.arange(len(motion)) * motion.frame_time
    wrist = [UPRIGHT.apply(person.camera_from_joint["left_wrist"].translation) for person in people]
    expected = [np.interp(even, np.array(stamps) * 1e-9, axis) for axis in np.transpose(wrist)]
    np.testing.assert_allclose(motion.positions()["LeftHand"], np.transpose(expected), atol=8e-3)


def test_what_is_unknown_is_held_and_counted():
    people = walk(10)
    gone = ("left_elbow", "left_wrist", "left_index", "left_pinky")
    for n in (4, 5, 6):
        people[n] = walk(10, unknown=gone)[n]
    motion = animate(people, [n * STEP for n in range(10)])
    assert motion.held == {"LeftForeArm": 3, "LeftHand": 3}
    full = animate(walk(10), [n * STEP for n in range(10)])
    for joint in ("RightHand", "LeftFoot", "Head"):
        np.testing.assert_allclose(motion.positions()[joint], full.positions()[joint], atol=1e-6)
    for n in (3, 7):
        np.testing.assert_allclose(
            motion.positions()["LeftHand"][n], full.positions()["LeftHand"][n], atol=1e-6
        )
    assert np.isfinite(motion.positions()["LeftHand"]).all()


def test_bones_that_vary_do_not_add_up_along_a_limb():
    """Each joint lies on the way from where its parent has come to lie to where it was measured."""
    rng = np.random.default_rng(4)
    people = []
    for person in walk(20):
        points = person.keypoints3d
        noisy = replace(points, xyz=points.xyz + rng.normal(scale=0.02, size=points.xyz.shape))
        people.append(replace(person, keypoints3d=noisy))
    places = animate(people, [n * STEP for n in range(20)]).positions()
    index = people[0].keypoints3d.skeleton.index
    for parent, joint in (("LeftShoulder", "LeftArm"), ("LeftArm", "LeftForeArm"), ("RightLeg", "RightFoot")):
        measured = np.array([UPRIGHT.apply(p.keypoints3d.xyz[0, index(POINT_OF[joint])]) for p in people])
        aim, bone = measured - places[parent], places[joint] - places[parent]
        np.testing.assert_allclose(np.cross(aim, bone), 0, atol=1e-9, err_msg=joint)
        assert (np.einsum("ti,ti->t", aim, bone) > 0).all()
        np.testing.assert_allclose(np.linalg.norm(bone, axis=-1), np.linalg.norm(bone[0]), rtol=1e-9)


def test_frames_without_the_person_are_filled_and_counted():
    people, kept = walk(10), [0, 1, 2, 6, 7, 8, 9]
    motion = animate([people[n] for n in kept], [n * STEP for n in kept])
    assert len(motion) == 10
    assert set(motion.held.values()) == {3}
    assert motion.held["Hips"] == 3
    full = animate(people, [n * STEP for n in range(10)])
    np.testing.assert_allclose(motion.root[kept], full.root[kept], atol=1e-9)


def test_a_joint_never_seen_rests_in_its_parent():
    motion = animate(walk(4, skeleton=COCO_17, unknown=("head", "left_ear")), [n * STEP for n in range(4)])
    assert motion.held["Head"] == motion.held["Neck"] == 4
    neck = motion.chain.joints.index("Neck")
    np.testing.assert_allclose(motion.local[:, neck], np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-9)
    assert "End Site" in write_bvh(motion)


def test_nobody_cannot_be_animated():
    with pytest.raises(PoseError, match="hips"):
        animate([articulated(unknown=("left_hip", "right_hip", "body"))], [0])
    with pytest.raises(PoseError, match="at least one"):
        animate([], [])


FOREIGN = """HIERARCHY
ROOT Base
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation
  JOINT Tip
  {
    OFFSET 0 10 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    End Site
    {
      OFFSET 0 0 5
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
1 2 3 0 0 90 0 0 0
1 2 3 90 0 0 90 0 0
"""


def test_a_file_of_another_program_is_read_by_its_own_channels():
    places = read_bvh(FOREIGN).positions()
    np.testing.assert_allclose(places["Tip"], [[-9, 2, 3], [1, 2, 13]], atol=1e-9)
    # First: up is along -x, forward stays. Second: forward is down; then the tip turns it by 90 about up.
    np.testing.assert_allclose(places["Tip end"], [[-9, 2, 8], [6, 2, 13]], atol=1e-9)


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        (FOREIGN.replace("HIERARCHY", "HIRARCHY"), "no HIERARCHY"),
        (FOREIGN.replace("Frames: 2", "Frames: 3"), "3 frames and 9 channels holds 18 numbers"),
        (FOREIGN.replace("Frame Time:", "Time:"), "Frame Time"),
        (FOREIGN.replace("OFFSET 0 10 0", "OFSET 0 10 0"), "OFSET"),
        (FOREIGN.replace("3 Yrotation Zrotation", "3 Yposition Zrotation"), "moves in its parent"),
        ("", "not a BVH"),
    ],
)
def test_a_broken_file_says_what_is_wrong(spoilt, says):
    with pytest.raises(PoseError, match=says):
        read_bvh(spoilt)
