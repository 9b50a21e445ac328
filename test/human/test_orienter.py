"""Laws of the oriented frames over time: proper, mirrored, held where nothing is seen, never jumping."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from stick import CAMERA_FROM_BODY, STANDING, keypoints3d, mirrored, posed

from pose_ros.geometry.rigid import RigidTransform, rotation_log
from pose_ros.human.head import HeadLooks
from pose_ros.human.orient import FRAMES, Orienter
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints3D

STEP = 1 / 30


def watch(orienter, poses, start=0.0, **more):
    """The last of the orientations of one person who goes through these poses, frame by frame."""
    for n, joints in enumerate(poses):
        (orientation,) = orienter(keypoints3d([joints], **more), ["p1"], start + n * STEP)
    return orientation


def in_body(orientation, name):
    return CAMERA_FROM_BODY.rotation.T @ orientation.camera_from_joint[name].rotation


def apart(a, b):
    return np.degrees(np.linalg.norm(rotation_log(a.T @ b)))


@pytest.fixture
def bent():
    return posed(elbows=(1.2, 0.9), knees=(1.0, 1.4), turned=(0.7, -0.3), swing=(0.4, 0.8))


def test_all_rotations_are_proper_and_origins_are_the_joints(bent):
    orientation = watch(Orienter(), [bent])
    assert tuple(orientation.camera_from_joint) == FRAMES
    for name, pose in orientation.camera_from_joint.items():
        np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(pose.rotation) == pytest.approx(1)
        if name in bent:
            np.testing.assert_allclose(pose.translation, CAMERA_FROM_BODY.apply(bent[name]))


def test_bent_limbs_show_their_twist(bent):
    orientation = watch(Orienter(), [bent] * 10)
    assert not orientation.twist_unobservable
    for n, (side, sign) in enumerate((("left", 1.0), ("right", -1.0))):
        arm = Rotation.from_euler("Y", -(0.4, 0.8)[n]) * Rotation.from_euler("Z", -sign * (0.7, -0.3)[n])
        fore = arm * Rotation.from_euler("Y", -(1.2, 0.9)[n])
        assert apart(in_body(orientation, f"{side}_shoulder"), arm.as_matrix()) < 1.0
        assert apart(in_body(orientation, f"{side}_elbow"), fore.as_matrix()) < 1.0
        shank = Rotation.from_euler("Y", (1.0, 1.4)[n])
        assert apart(in_body(orientation, f"{side}_knee"), shank.as_matrix()) < 1.0


def test_the_mirrored_person_has_the_mirrored_frames(bent):
    mirror = np.diag([1.0, -1, 1])
    mine, other = watch(Orienter(), [bent] * 3), watch(Orienter(), [mirrored(bent)] * 3)
    for name in FRAMES:
        twin = {"left": "right", "right": "left"}.get(name.split("_")[0])
        twin = name if twin is None else twin + name[name.index("_") :]
        np.testing.assert_allclose(in_body(other, twin), mirror @ in_body(mine, name) @ mirror, atol=1e-9)


def test_frames_turn_with_the_camera(bent):
    turn = RigidTransform.exp(np.array([0.3, -0.2, 0.5, 0.4, -0.7, 0.2]))
    mine = watch(Orienter(), [bent] * 3)
    other = watch(Orienter(), [bent] * 3, camera_from_body=turn @ CAMERA_FROM_BODY)
    for name, pose in mine.camera_from_joint.items():
        np.testing.assert_allclose(
            other.camera_from_joint[name].rotation, turn.rotation @ pose.rotation, atol=1e-9
        )


def test_a_twist_is_held_while_the_arm_straightens_and_swings_and_nothing_jumps():
    """Turned by 40 degrees, bent; straightened; swung forward with the shoulder's frame carried along."""
    orienter, turned = Orienter(), np.radians(40)
    straighten = [posed((a, 0), turned=(turned, 0)) for a in np.linspace(1.2, 0.0, 30)]
    swing = [posed((0, 0), turned=(turned, 0), swing=(a, 0)) for a in np.linspace(0, 1.2, 40)]
    rng, before, steps = np.random.default_rng(0), None, []
    for n, joints in enumerate(straighten + swing):
        noisy = {name: xyz + rng.normal(scale=0.002, size=3) for name, xyz in joints.items()}
        (orientation,) = orienter(keypoints3d([noisy]), ["p1"], n * STEP)
        frame = in_body(orientation, "left_shoulder")
        steps.append(0.0 if before is None else apart(before, frame))
        before = frame
    assert max(steps) < 6.0
    assert {"left_shoulder", "left_elbow", "left_wrist"} <= orientation.twist_unobservable
    truth = Rotation.from_euler("Y", -1.2) * Rotation.from_euler("Z", -turned)
    assert apart(before, truth.as_matrix()) < 12
    # Who did not see the arm bent can only take it for one at rest.
    never = in_body(watch(Orienter(), swing), "left_shoulder")
    assert apart(never, truth.as_matrix()) == pytest.approx(40, abs=2)


def test_a_twist_held_turns_with_the_trunk():
    orienter = Orienter()
    watch(orienter, [posed((1.2, 0), turned=(0.7, 0))] * 5)
    turn = RigidTransform.exp(np.array([0, 0, 0, 0, 1.0, 0]))
    straight = posed((0, 0), turned=(0.7, 0))
    orientation = watch(orienter, [straight], 5 * STEP, camera_from_body=turn @ CAMERA_FROM_BODY)
    expected = Rotation.from_euler("Z", -0.7).as_matrix()
    frame = turn.rotation.T @ orientation.camera_from_joint["left_shoulder"].rotation
    assert apart(CAMERA_FROM_BODY.rotation.T @ frame, expected) < 2


def test_a_straight_limb_under_noise_is_steady_and_says_that_its_twist_is_unseen():
    rng, orienter, frames = np.random.default_rng(1), Orienter(), []
    for n in range(150):
        noisy = {name: xyz + rng.normal(scale=0.01, size=3) for name, xyz in STANDING.items()}
        (orientation,) = orienter(keypoints3d([noisy], sigma=0.01), ["p1"], n * STEP)
        frames.append(in_body(orientation, "left_hip"))
        assert "left_hip" in orientation.twist_unobservable
    assert np.mean([apart(frame, np.eye(3)) for frame in frames]) < 12


def test_whether_a_twist_is_seen_does_not_flicker():
    """A bend that wavers about the threshold: hysteresis keeps the answer."""
    rng, orienter, answers = np.random.default_rng(2), Orienter(), []
    for n in range(300):
        joints = posed((0.35 + 0.05 * rng.normal(), 0))
        (orientation,) = orienter(keypoints3d([joints], sigma=0.008), ["p1"], n * STEP)
        answers.append("left_elbow" in orientation.twist_unobservable)
    assert np.sum(np.diff(answers)) <= 4


def test_people_do_not_share_their_twists_and_may_come_in_any_order(bent):
    both, alone = Orienter(), Orienter()
    other = posed((0.0, 1.0))
    for n in range(5):
        order = ["p1", "p2"] if n % 2 else ["p2", "p1"]
        poses = {"p1": bent, "p2": other}
        together = both(keypoints3d([poses[id] for id in order]), order, n * STEP)
    single = watch(alone, [bent] * 5)
    mine = together[order.index("p1")]
    for name, pose in single.camera_from_joint.items():
        np.testing.assert_allclose(mine.camera_from_joint[name].rotation, pose.rotation, atol=1e-12)


def test_nobody_has_no_frames():
    assert Orienter()(Keypoints3D.empty(COCO_17), [], 0.0) == []


def test_unknown_joints_leave_out_only_their_frames(bent):
    nothing = np.full(3, np.nan)
    orientation = watch(Orienter(), [bent | {"left_wrist": nothing, "right_knee": nothing}] * 2)
    missing = {"left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"}
    assert set(FRAMES) - set(orientation.camera_from_joint) == missing
    assert "left_shoulder" in orientation.twist_unobservable


def test_after_a_while_twists_are_forgotten_and_a_clock_set_back_forgets_at_once(bent):
    straight = posed((0, 0), turned=(0.7, -0.3), swing=(0.4, 0.8))
    for later, kept in ((1.0, True), (10.0, False), (-1.0, False), (-0.05, True)):
        orienter = Orienter()
        watch(orienter, [bent] * 5)
        orientation = watch(orienter, [straight], 4 * STEP + later)
        truth = Rotation.from_euler("Y", -0.4) * Rotation.from_euler("Z", -0.7)
        assert (apart(in_body(orientation, "left_shoulder"), truth.as_matrix()) < 5) == kept


def test_side_bend_goes_with_the_better_of_hips_and_spine():
    """Hips that lean by 10 degrees: believed where they are well known, the spine's where not."""
    leaning = dict(STANDING)
    roll = Rotation.from_euler("X", 10, degrees=True)
    for name in ("left_hip", "right_hip"):
        leaning[name] = roll.apply(STANDING[name])
    for sigma, expected in ((0.0005, 10.0), (0.05, 0.0)):
        frame = in_body(watch(Orienter(), [leaning], sigma=sigma), "body")
        assert np.degrees(np.arctan2(frame[2, 1], frame[1, 1])) == pytest.approx(expected, abs=1.5)


def test_a_face_gives_the_head_and_one_turned_away_is_flagged():
    orienter, points = Orienter(), keypoints3d([STANDING, STANDING])
    turn = CAMERA_FROM_BODY.rotation @ Rotation.from_euler("Z", 40, degrees=True).as_matrix()
    ears = CAMERA_FROM_BODY.apply((STANDING["left_ear"] + STANDING["right_ear"]) / 2)
    looks = HeadLooks.none(2)
    looks.rotation[0], looks.position[0] = turn, ears + [0.0, 0.0, 0.02]
    for n in range(5):
        seen, away = orienter(points, ["p1", "p2"], n * STEP, looks)
    assert "head" not in seen.twist_unobservable
    assert apart(seen.camera_from_joint["head"].rotation, turn) < 2
    np.testing.assert_allclose(seen.camera_from_joint["head"].translation, looks.position[0], atol=1e-3)
    assert "head" in away.twist_unobservable
    assert apart(in_body(away, "head"), np.eye(3)) < 1e-6
    np.testing.assert_allclose(away.camera_from_joint["head"].translation, ears)
    assert seen.sigma["head"] < away.sigma["head"]
