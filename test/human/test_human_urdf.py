"""The person's own URDF, read by a real parser: its forward kinematics lands on the person's joints."""

import io

import numpy as np
import pytest
import yourdfpy
from scipy.spatial.transform import Rotation
from stick import STANDING, keypoints3d

from pose_ros.human.human_description import JOINTS, SPINE_JOINTS, joint_positions
from pose_ros.human.human_urdf import SIDES, HumanSize, human_urdf
from pose_ros.human.orient import Orienter
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Person, TrackState

# Links of ros4hri/human_description, of which ours are the same.
LINKS = {"body", "waist", "torso", "head", "r_head", "y_head", "p_head"} | {
    f"{s}_{name}" for s in "lr" for name in (
        "y_shoulder", "p_shoulder", "shoulder", "elbow", "wrist", "y_hip", "p_hip", "hip", "knee", "ankle")
}  # fmt: skip


def person_of(joints, orienter=None, stamp=0.0):
    points = keypoints3d([joints], sigma=0.001)
    (orientation,) = (orienter or Orienter())(points, ["p1"], stamp)
    return Person(
        "p1", TrackState.TRACKED, 1, Keypoints2D.empty(COCO_17), points, orientation.camera_from_joint
    )


def parsed(urdf):
    return yourdfpy.URDF.load(io.BytesIO(urdf.encode()), load_meshes=False, build_scene_graph=True)


def posed_by_urdf(urdf, angles, id):
    """{frame of a Person: position (3,) in the camera} by the parser's own forward kinematics."""
    robot = parsed(urdf)
    robot.update_cfg({f"{name}_{id}": value for name, value in angles.items()})
    links = {"body": "body", "neck": "torso", "head": "head"} | {
        f"{side}_{joint}": f"{s}_{joint}"
        for side, (s, _) in SIDES.items()
        for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    }
    return {name: robot.get_transform(f"{link}_{id}", f"body_{id}") for name, link in links.items()}


def misses(person, size=None, spine=True):
    """How far, m, every link lands from the joint it stands for."""
    urdf = human_urdf(size or person, id=person.id, spine=spine)
    poses = posed_by_urdf(urdf, joint_positions(person, spine), person.id)
    frames = person.camera_from_joint
    return {
        name: np.linalg.norm(frames["body"].apply(poses[name][:3, 3]) - frames[name].translation)
        for name in frames
    }


def feasible(rng, twist=0.5):
    """A random pose of the stick person: bows, bends and twists, moves every limb; no bone changes."""
    joints = dict(STANDING)
    trunk = Rotation.from_euler("YXZ", rng.uniform(-twist, twist, 3))
    upper = [n for n in joints if n.endswith(("shoulder", "elbow", "wrist", "eye", "ear", "nose"))]
    joints |= {name: trunk.apply(joints[name]) for name in upper}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles = rng.uniform([-0.6, 0.0, -1.0], [2.2, 1.2, 1.0])
        arm = trunk * Rotation.from_euler("YXZ", [-angles[0], sign * angles[1], sign * angles[2]])
        fore = arm * Rotation.from_euler("Y", -rng.uniform(0, 2.3))
        joints[f"{side}_elbow"] = joints[f"{side}_shoulder"] + arm.apply([0, 0, -0.3])
        joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + fore.apply([0, 0, -0.25])
        angles = rng.uniform([-0.4, 0.0, -0.5], [1.6, 0.6, 0.5])
        thigh = Rotation.from_euler("YXZ", [-angles[0], sign * angles[1], sign * angles[2]])
        shank = thigh * Rotation.from_euler("Y", rng.uniform(0, 2.3))
        joints[f"{side}_knee"] = joints[f"{side}_hip"] + thigh.apply([0, 0, -0.42])
        joints[f"{side}_ankle"] = joints[f"{side}_knee"] + shank.apply([0, 0, -0.42])
    return joints


@pytest.mark.parametrize("spine", [True, False])
def test_links_and_joints_are_those_of_human_description(spine):
    robot = parsed(human_urdf(HumanSize(), id="p7", spine=spine))
    more = set(SPINE_JOINTS) if spine else set()
    assert {link.name for link in robot.robot.links} == {f"{name}_p7" for name in LINKS | more}
    assert set(robot.actuated_joint_names) == {f"{name}_p7" for name in {*JOINTS} | more}
    assert robot.base_link == "body_p7"


@pytest.mark.parametrize("seed", range(20))
def test_it_lands_on_the_joints_of_any_feasible_pose(seed):
    rng = np.random.default_rng(seed)
    person = person_of(feasible(rng))
    assert len(person.camera_from_joint) == 15
    for name, miss in misses(person).items():
        assert miss < 1e-3, name


def test_one_urdf_serves_all_of_a_persons_poses():
    rng, orienter = np.random.default_rng(3), Orienter()
    size = HumanSize.of(person_of(STANDING))
    for n in range(10):
        person = person_of(feasible(rng), orienter, n / 30)
        apart = misses(person, size)
        assert max(apart.values()) < 2e-3
        assert apart["left_wrist"] < 1e-3


def test_without_a_spine_a_trunk_that_only_bows_is_met():
    rng = np.random.default_rng(4)
    assert max(misses(person_of(feasible(rng, twist=0.0)), spine=False).values()) < 1e-3
    twisted = misses(person_of(feasible(rng, twist=0.5)), spine=False)
    assert twisted["left_shoulder"] > 0.01


def test_frames_of_bent_limbs_are_the_links_own():
    person = person_of(feasible(np.random.default_rng(5)))
    angles = joint_positions(person, spine=True)
    assert abs(angles["l_elbow"]) > 0.3
    poses = posed_by_urdf(human_urdf(person), angles, "p1")
    body = person.camera_from_joint["body"].rotation
    for name in ("left_shoulder", "left_elbow", "head", "neck"):
        turned = (body @ poses[name][:3, :3]).T @ person.camera_from_joint[name].rotation
        assert np.degrees(Rotation.from_matrix(turned).magnitude()) < 2.0, name


def test_noisy_people_are_missed_by_no_more_than_their_bones_change():
    """With another frame's lengths: each joint is off by what its chain's lengths are, hardly more."""
    rng = np.random.default_rng(6)
    size, worst = HumanSize.of(person_of(STANDING)), 0.0
    for _ in range(10):
        noisy = {name: xyz + rng.normal(scale=0.01, size=3) for name, xyz in feasible(rng).items()}
        worst = max(worst, *misses(person_of(noisy), size).values())
    assert worst < 0.09


def test_lengths_of_an_adult_stand_in_for_what_is_unknown():
    unknown = {"left_wrist": np.full(3, np.nan), "right_ankle": np.full(3, np.nan)}
    size = HumanSize.of(person_of(STANDING | unknown))
    assert size["left_elbow"] == HumanSize()["left_elbow"]
    assert size["right_elbow"] == pytest.approx(0.25)
    assert size["right_shoulder"] == pytest.approx(0.3)
