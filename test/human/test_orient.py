"""Frames of known poses, and the human_description chain as the oracle of its inverse."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.human_description import JOINTS, joint_positions
from pose_ros.human.orient import EYES_OVER_EARS, orient
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, Person, TrackState

OVER = 0.08 * np.tan(EYES_OVER_EARS)
# Standing at rest in the body's own axes: x forward, y left, z up, origin at mid-hip.
REST = {
    "nose": (0.1, 0, 0.6), "left_eye": (0.08, 0.03, 0.65 + OVER), "left_ear": (0, 0.08, 0.65),
    "left_shoulder": (0, 0.18, 0.45), "left_elbow": (0, 0.18, 0.15), "left_wrist": (0, 0.18, -0.1),
    "left_hip": (0, 0.1, 0), "left_knee": (0, 0.1, -0.42), "left_ankle": (0, 0.1, -0.84),
}  # fmt: skip
REST |= {name.replace("left", "right"): (x, -y, z) for name, (x, y, z) in REST.items() if "left" in name}


def keypoints(positions, camera_from_body):
    xyz = camera_from_body.apply(np.array([positions[j] for j in COCO_17.joints], float))[None]
    origin = np.where(np.isnan(xyz).any(-1), Origin.UNKNOWN, Origin.MEASURED)
    return Keypoints3D(xyz, np.ones((1, 17)), np.tile(np.eye(3), (1, 17, 1, 1)), origin, COCO_17)


def person(points):
    frames, twist = orient(points)[0]
    return Person("p1", TrackState.TRACKED, 1, Keypoints2D.empty(COCO_17), points, frames, twist)


@pytest.fixture(params=range(3))
def camera_from_body(request):
    return RigidTransform.exp(np.random.default_rng(request.param).normal(size=6) + [0, 0, 3, 0, 0, 0])


def test_at_rest_every_frame_has_the_bodys_axes(camera_from_body):
    frames, _ = orient(keypoints(REST, camera_from_body))[0]
    assert len(frames) == 15
    for name, pose in frames.items():
        np.testing.assert_allclose(pose.rotation, camera_from_body.rotation, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(frames["body"].translation, camera_from_body.translation)


def test_straight_limbs_have_twist_that_cannot_be_seen(camera_from_body):
    _, twist = orient(keypoints(REST, camera_from_body))[0]
    assert "left_elbow" in twist
    assert "right_knee" in twist
    bent = REST | {"left_wrist": (0.25, 0.18, 0.15)}
    frames, twist = orient(keypoints(bent, camera_from_body))[0]
    assert "left_elbow" not in twist
    assert "right_elbow" in twist
    local = camera_from_body.rotation.T @ frames["left_elbow"].rotation
    np.testing.assert_allclose(local, Rotation.from_euler("y", -90, degrees=True).as_matrix(), atol=1e-9)


def test_a_knee_bends_backward_about_plus_y(camera_from_body):
    bent = REST | {"right_ankle": (-0.42, -0.1, -0.42)}
    frames, _ = orient(keypoints(bent, camera_from_body))[0]
    local = camera_from_body.rotation.T @ frames["right_knee"].rotation
    np.testing.assert_allclose(local, Rotation.from_euler("y", 90, degrees=True).as_matrix(), atol=1e-9)


def test_an_unknown_joint_leaves_out_only_its_frames(camera_from_body):
    frames, _ = orient(keypoints(REST | {"left_elbow": (np.nan,) * 3}, camera_from_body))[0]
    assert not {"left_shoulder", "left_elbow", "left_wrist"} & frames.keys()
    assert {"right_elbow", "body", "left_knee"} <= frames.keys()


def forward(angles, lengths):
    """Joint positions in the body's axes by the URDF's chain, written joint by joint."""

    def turn(axis, angle):
        return Rotation.from_rotvec(np.array(axis, float) * angle).as_matrix()

    torso = turn((0, 1, 0), angles["waist"])
    head = torso @ turn((1, 0, 0), angles["r_head"]) @ turn((0, 0, 1), angles["y_head"])
    head = head @ turn((0, -1, 0), angles["p_head"])
    at = {}
    for side, reflect in (("left", 1.0), ("right", -1.0)):
        i = side[0]
        shoulder = torso @ [0, reflect * 0.18, 0.45]
        upper = torso @ turn((0, 0, -reflect), angles[f"{i}_y_shoulder"])
        upper = upper @ turn((reflect, 0, 0), angles[f"{i}_p_shoulder"])
        upper = upper @ turn((0, 0, reflect), angles[f"{i}_r_shoulder"])
        fore = upper @ turn((0, -1, 0), angles[f"{i}_elbow"])
        elbow = shoulder + upper @ [0, 0, -lengths[0]]
        at |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow}
        at[f"{side}_wrist"] = elbow + fore @ [0, 0, -lengths[1]]
        hip = np.array([0, reflect * 0.1, 0])
        thigh = turn((0, 0, -1), angles[f"{i}_y_hip"]) @ turn((reflect, 0, 0), angles[f"{i}_p_hip"])
        thigh = thigh @ turn((0, -1, 0), angles[f"{i}_r_hip"])
        shank = thigh @ turn((0, -1, 0), angles[f"{i}_knee"])
        knee = hip + thigh @ [0, 0, -lengths[2]]
        at |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": knee + shank @ [0, 0, -lengths[3]]}
        for part in ("eye", "ear"):
            at[f"{side}_{part}"] = torso @ [0, 0, 0.5] + head @ (
                np.array(REST[f"{side}_{part}"]) - [0, 0, 0.5]
            )
    at["nose"] = torso @ [0, 0, 0.5] + head @ (np.array(REST["nose"]) - [0, 0, 0.5])
    return at


@pytest.mark.parametrize("seed", range(20))
def test_joint_state_drives_the_urdf_onto_the_joints(seed, camera_from_body):
    rng = np.random.default_rng(seed)
    angles = dict(zip(JOINTS, rng.uniform(-0.6, 0.6, len(JOINTS)), strict=True))
    angles["waist"] = 0.0  # two hips do not show how the pelvis tilts: the body's z is the spine
    for initial in "lr":
        angles |= {f"{initial}_p_shoulder": rng.uniform(0.2, 2.5), f"{initial}_elbow": rng.uniform(0.5, 2)}
        angles |= {f"{initial}_knee": -rng.uniform(0.5, 2), f"{initial}_p_hip": rng.uniform(0, 1)}
    positions = forward(angles, (0.3, 0.25, 0.42, 0.4))
    found = joint_positions(person(keypoints(positions, camera_from_body)))
    assert set(found) == set(JOINTS)
    again = forward(found, (0.3, 0.25, 0.42, 0.4))
    for joint in COCO_17.joints:
        np.testing.assert_allclose(again[joint], positions[joint], atol=1e-6, err_msg=joint)
    for name in JOINTS:
        assert np.isclose(found[name], angles[name], atol=1e-6) or "shoulder" in name or "hip" in name
