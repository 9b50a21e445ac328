"""Laws of the posed body; its frames are those of REP-155's human_description."""

import numpy as np
import pytest

pytest.importorskip("anny", reason="synthetic people need anny: pip install pose_ros[synthetic]")

from scipy.spatial.transform import Rotation

from pose_ros.body.rig import Shape
from pose_ros.sources.synthetic.body import Body
from pose_ros.sources.synthetic.motion import MOTIONS, Pose, Stage
from pose_ros.sources.truth import JOINTS, ROTATED_JOINTS

CHILD = {
    "neck": "pelvis", **{f"{side}_{a}": f"{side}_{b}" for side in ("left", "right") for a, b in (
        ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))},
}  # fmt: skip
STAGE = Stage(np.zeros(2), 0.3, (0.8, 1.0))


@pytest.fixture(scope="module")
def body():
    return Body(Shape(gender=0.6, age=0.7, muscle=0.5, weight=0.5, height=0.5, proportions=0.5))


def posed(body: Body, heading: float = 0.0, **angles: float):
    pose = Pose(np.zeros((1, 2)), np.array([heading]), {name: np.array([a]) for name, a in angles.items()})
    return body.pose(pose.segments(), np.zeros((1, 3)))


def degrees_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(Rotation.from_matrix(np.swapaxes(a, -1, -2) @ b).magnitude())


@pytest.mark.parametrize("name", ["reach", "sit", "behind", "walk"])
def test_rotations_are_rotations_with_the_bone_along_minus_z(body, name):
    times = np.linspace(0, 6, 7)
    truth = body.pose(MOTIONS[name](np.random.default_rng(1), times, STAGE).segments(), np.zeros((7, 3)))
    assert set(truth.joints) == set(JOINTS)
    assert set(truth.rotations) == set(ROTATED_JOINTS)
    for rotation in truth.rotations.values():
        np.testing.assert_allclose(
            rotation @ np.swapaxes(rotation, -1, -2), np.tile(np.eye(3), (7, 1, 1)), atol=1e-6
        )
        np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-6)
    for joint, child in CHILD.items():
        bone = truth.joints[joint] - truth.joints[child]
        bone /= np.linalg.norm(bone, axis=1, keepdims=True)
        np.testing.assert_allclose(truth.rotations[joint][..., 2], bone, atol=1e-5)


def test_at_rest_every_frame_is_the_world(body):
    truth = posed(body)
    for name, rotation in truth.rotations.items():
        assert degrees_between(rotation[0], np.eye(3)) < 8, name
    up = ("left_ankle", "left_knee", "left_hip", "left_shoulder", "nose")
    assert np.all(np.diff([truth.joints[name][0, 2] for name in up]) > 0)
    assert truth.joints["left_shoulder"][0, 1] > 0.1 > -0.1 > truth.joints["right_shoulder"][0, 1]
    assert truth.joints["nose"][0, 0] > truth.joints["left_ear"][0, 0] + 0.05
    for side in ("left", "right"):  # hanging arms
        arm = truth.joints[f"{side}_wrist"] - truth.joints[f"{side}_shoulder"]
        assert arm[0, 2] < -0.4
        assert np.hypot(*arm[0, :2]) < 0.12


@pytest.mark.parametrize(
    ("angles", "joint", "child", "direction"),
    [
        ({"left_elbow": np.pi / 2}, "left_elbow", "left_wrist", (1, 0, 0)),
        ({"left_shoulder_flex": np.pi / 2}, "left_shoulder", "left_elbow", (1, 0, 0)),
        ({"left_shoulder_abduct": np.pi / 2}, "left_shoulder", "left_elbow", (0, 1, 0)),
        ({"right_shoulder_abduct": np.pi / 2}, "right_shoulder", "right_elbow", (0, -1, 0)),
        ({"left_elbow": np.pi / 2, "left_shoulder_twist": np.pi / 2}, "left_elbow", "left_wrist", (0, -1, 0)),
        (
            {"right_elbow": np.pi / 2, "right_shoulder_twist": np.pi / 2},
            "right_elbow",
            "right_wrist",
            (0, 1, 0),
        ),
        ({"right_hip_flex": np.pi / 2}, "right_hip", "right_knee", (1, 0, 0)),
        ({"right_knee": np.pi / 2}, "right_knee", "right_ankle", (-1, 0, 0)),
        ({"left_hip_abduct": 0.6}, "left_hip", "left_knee", (0, np.sin(0.6), -np.cos(0.6))),
        ({"heading": np.pi / 2, "left_elbow": np.pi / 2}, "left_elbow", "left_wrist", (0, 1, 0)),
    ],
)
def test_angles_move_limbs_as_they_say(body, angles, joint, child, direction):
    truth = posed(body, **angles)
    bone = truth.joints[child][0] - truth.joints[joint][0]
    assert np.degrees(np.arccos(bone @ direction / np.linalg.norm(bone))) < 14


@pytest.mark.parametrize("bend", [0.5, 1.2, 2.0])
@pytest.mark.parametrize(("first", "second", "sign"), [("shoulder", "elbow", -1), ("hip", "knee", 1)])
def test_hinges_turn_about_y(body, bend, first, second, sign):
    """Elbows flex about -y, knees about +y, and nothing else turns with them."""
    truth = posed(body, **{f"left_{second}": bend, "left_hip_flex": 0.3, "left_shoulder_flex": 0.4})
    relative = truth.rotations[f"left_{first}"][0].T @ truth.rotations[f"left_{second}"][0]
    axis = Rotation.from_matrix(relative).as_rotvec()
    np.testing.assert_allclose(axis, (0, sign * bend, 0), atol=0.16)


def test_twist_of_the_upper_arm_is_in_its_frame(body):
    straight, turned = (posed(body, left_shoulder_twist=twist) for twist in (0.0, 0.8))
    relative = straight.rotations["left_shoulder"][0].T @ turned.rotations["left_shoulder"][0]
    np.testing.assert_allclose(Rotation.from_matrix(relative).as_rotvec(), (0, 0, -0.8), atol=0.05)


def test_turning_the_person_turns_everything(body):
    angles = {"left_shoulder_flex": 1.0, "left_elbow": 1.1, "right_hip_flex": 0.7, "waist_yaw": 0.4}
    still, turned = posed(body, **angles), posed(body, heading=1.0, **angles)
    turn = Rotation.from_euler("z", 1.0).as_matrix()
    for name in JOINTS:
        np.testing.assert_allclose(turned.joints[name][0], turn @ still.joints[name][0], atol=2e-5)
    for name in ROTATED_JOINTS:
        assert degrees_between(turned.rotations[name][0], turn @ still.rotations[name][0]) < 0.01


def test_mirrored_poses_give_mirrored_people(body):
    angles = {"left_shoulder_flex": 1.0, "left_shoulder_abduct": 0.3, "left_elbow": 1.1, "left_pronate": 0.5,
              "right_hip_flex": 0.7, "right_hip_abduct": 0.2, "right_knee": 1.0, "waist_yaw": 0.4,
              "head_yaw": 0.5, "waist_pitch": 0.2}  # fmt: skip

    def other(name: str) -> str:
        return name.replace("left", "?").replace("right", "left").replace("?", "right")

    signs = {"waist_yaw": -1, "head_yaw": -1}
    mirrored = posed(body, **{other(name): signs.get(name, 1) * a for name, a in angles.items()})
    truth = posed(body, **angles)
    flip = np.diag([1.0, -1, 1])
    for name in JOINTS:
        np.testing.assert_allclose(mirrored.joints[other(name)][0], flip @ truth.joints[name][0], atol=2e-3)
    for name in ROTATED_JOINTS:
        want = flip @ truth.rotations[name][0] @ flip
        assert degrees_between(mirrored.rotations[other(name)][0], want) < 0.6


def test_bones_keep_their_length(body):
    """Skin stretches a little at bent joints; anny's own key points move along, by no more than this."""
    times = np.linspace(0, 8, 9)
    for name in ("walk", "wave", "squat"):
        joints = body.pose(
            MOTIONS[name](np.random.default_rng(2), times, STAGE).segments(), np.zeros((9, 3))
        ).joints
        for joint, child in CHILD.items():
            length = np.linalg.norm(joints[joint] - joints[child], axis=1)
            assert np.ptp(length) < 0.16 * length.mean(), (name, joint)


def test_shapes_differ():
    def height(**changes: float) -> float:
        shape = Shape(
            **(dict(gender=0.5, age=0.7, muscle=0.5, weight=0.5, height=0.5, proportions=0.5) | changes)
        )
        return float(np.ptp(posed(Body(shape)).vertices[0, :, 2]))

    assert 1.2 < height(age=0.4) < 1.6
    assert 1.6 < height(height=0.3) < height() < height(height=0.7) < 2.1
