"""Joint angles: what was put in comes out, mirrored and turned people have the same, errors are honest."""

from dataclasses import replace

import numpy as np
import pytest

from pose_ros.apps.posture.angles import ANGLES, LIMB_ANGLES, ROW, joint_angles, over_time, row
from pose_ros.errors import ConfigError
from pose_ros.eval.acted import NONE, Errors, act, as_persons
from pose_ros.geometry.rigid import RigidTransform, rotation_exp
from pose_ros.human.orient import Orienter
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints3D

# Ours -> the synthetic motion's own angle.
SAME = {
    "knee_flexion": "knee", "elbow_flexion": "elbow", "hip_flexion": "hip_flex",
    "hip_abduction": "hip_abduct", "shoulder_flexion": "shoulder_flex",
}  # fmt: skip


def table(acted, up=True):
    return np.stack([joint_angles(p, acted.up if up else None, spread=False).value for p in acted.persons])


@pytest.mark.parametrize("motion", ["squat", "lunge", "arm_raise", "push_up", "sit"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_angles_are_those_the_motion_was_made_of(motion, side):
    acted = act(motion, 5, errors=NONE)
    found = table(acted)
    for ours, theirs in SAME.items():
        true = np.broadcast_to(acted.angles.get(f"{side}_{theirs}", 0.0), acted.times.shape)
        error = np.degrees(found[:, ROW[f"{side}_{ours}"]] - true)
        if "elbow" in ours or "knee" in ours:
            error[true < 0.1] = 0.0  # a straight limb does not show to which side it bends
        # Pelvis and chest are seen as one line: what the waist bends is shared with hips and shoulders.
        # An arm that nearly points at who looks shows its flexion four times as badly.
        limit = {"hip_flexion": 8.0, "shoulder_flexion": 16.0}.get(ours, 1.0)
        assert np.nanmax(np.abs(error)) < limit, ours
    assert np.nanmedian(np.abs(error)) < 4.0


def person_of(points):
    """One person of joints {name: (3,)} in REP-103's axes."""
    xyz = np.stack([points[name] for name in BLAZEPOSE_33.joints])
    (person,) = as_persons(xyz[None], np.zeros(1), np.random.default_rng(0), NONE, BLAZEPOSE_33)
    return person


def upright(**moved):
    points = {name: np.array([0.0, 0, 1.6]) for name in BLAZEPOSE_33.joints}
    for side, y in (("left", 1.0), ("right", -1.0)):
        points |= {
            f"{side}_ear": np.array([0.0, 0.08 * y, 1.6]), f"{side}_eye": np.array([0.08, 0.03 * y, 1.62]),
            f"{side}_shoulder": np.array([0.0, 0.18 * y, 1.4]), f"{side}_elbow": np.array([0, 0.18 * y, 1.1]),
            f"{side}_wrist": np.array([0.0, 0.18 * y, 0.85]), f"{side}_hip": np.array([0, 0.1 * y, 0.9]),
            f"{side}_knee": np.array([0.0, 0.1 * y, 0.48]), f"{side}_ankle": np.array([0, 0.1 * y, 0.08]),
            f"{side}_heel": np.array([-0.05, 0.1 * y, 0.0]),
            f"{side}_foot_index": np.array([0.15, 0.1 * y, 0]),
        }  # fmt: skip
    return person_of(points | {name: np.array(xyz, float) for name, xyz in moved.items()})


Z = np.array([0.0, 0, 1])


def test_who_stands_at_rest_has_angles_of_zero():
    found = joint_angles(upright(), Z)
    for name in ("left_knee_flexion", "right_shoulder_elevation", "left_ankle_dorsiflexion", "trunk_lean",
                 "trunk_side_lean", "spine_rotation", "left_hip_abduction"):  # fmt: skip
        assert abs(np.degrees(found[name])) < 1, name
    assert abs(np.degrees(found["left_hip_flexion"])) < 3  # the spine leans before the pelvis


def arm(forward, out, bend=0.0):
    """Elbow and wrist of a left arm raised in the plane between forward and outward."""
    way = np.array([forward, out, 0.0]) / np.hypot(forward, out)
    elbow = np.array([0.0, 0.18, 1.4]) + 0.3 * way
    return {"left_elbow": elbow, "left_wrist": elbow + 0.25 * (np.cos(bend) * way + np.sin(bend) * Z)}


@pytest.mark.parametrize(("forward", "out", "plane"), [(1, 0, 90), (0, 1, 0), (1, 1, 45), (-1, 1, -45)])
def test_plane_of_elevation(forward, out, plane):
    found = joint_angles(upright(**arm(forward, out)), Z)
    assert np.degrees(found["left_shoulder_elevation"]) == pytest.approx(90, abs=0.1)
    assert np.degrees(found["left_shoulder_plane"]) == pytest.approx(plane, abs=0.1)


def test_an_arm_that_points_at_who_looks_shows_no_angle_from_there():
    forward, aside = (joint_angles(upright(**arm(*way)), Z) for way in ((1, 0), (0, 1)))
    assert np.degrees(forward["left_shoulder_flexion"]) == pytest.approx(90, abs=0.1)
    assert np.isnan(forward["left_shoulder_abduction"])
    assert np.degrees(aside["left_shoulder_abduction"]) == pytest.approx(90, abs=0.1)
    assert np.isnan(aside["left_shoulder_flexion"])


def test_signs_of_the_trunk():
    bent = np.array([0.3, 0.0, 0.0])
    forward = upright(
        **{f"{s}_shoulder": np.array([0.3, y, 1.3]) for s, y in (("left", 0.18), ("right", -0.18))}
    )
    right = upright(
        **{f"{s}_shoulder": np.array([0, y - 0.3, 1.3]) for s, y in (("left", 0.18), ("right", -0.18))}
    )
    assert np.degrees(joint_angles(forward, Z)["trunk_lean"]) == pytest.approx(
        np.degrees(np.arctan2(bent[0], 0.4)), abs=0.1
    )
    assert np.degrees(joint_angles(right, Z)["trunk_side_lean"]) == pytest.approx(
        np.degrees(np.arctan2(0.3, 0.4)), abs=1.0
    )
    turned = upright(left_shoulder=[-0.1, 0.15, 1.4], right_shoulder=[0.1, -0.15, 1.4])
    assert joint_angles(turned, Z)["spine_rotation"] > np.radians(20)  # to the left


def test_without_up_only_what_needs_it_is_unknown():
    acted = act("squat", 1, errors=NONE, seconds=1)
    found, known = table(acted, up=False), table(acted)
    lost = np.isnan(found) & ~np.isnan(known)
    assert {ANGLES[n] for n in np.flatnonzero(lost.any(0))} == {"trunk_lean", "trunk_side_lean"}


@pytest.mark.parametrize("seed", range(4))
def test_place_and_heading_change_nothing(seed):
    acted = act("lunge", seed, seconds=1)
    rng = np.random.default_rng(seed)
    move = RigidTransform(rotation_exp(rng.normal(size=3)), rng.normal(size=3))
    orienter, before = Orienter(), Orienter()
    for person, stamp in zip(acted.persons, acted.stamps_ns, strict=True):
        points = person.keypoints3d
        turned = move.rotation @ points.covariance @ move.rotation.T
        there = Keypoints3D(move.apply(points.xyz), points.score, turned, points.origin, points.skeleton)
        values = []
        for known, orient, up in ((points, before, acted.up), (there, orienter, move.rotation @ acted.up)):
            (oriented,) = orient(known, ["p1"], stamp * 1e-9)
            moved = replace(
                person, keypoints3d=known, camera_from_joint=oriented.camera_from_joint,
                twist_unobservable=oriented.twist_unobservable,
            )  # fmt: skip
            values.append(joint_angles(moved, up))
        np.testing.assert_allclose(values[0].value, values[1].value, atol=1e-6)
        np.testing.assert_allclose(values[0].sigma, values[1].sigma, atol=2e-3)


def test_a_mirrored_person_has_the_other_sides_angles():
    acted = act("reach", 3, errors=NONE, seconds=2)
    flip = np.diag([-1.0, 1, 1])
    swap = [
        BLAZEPOSE_33.index(n.replace("left", "#").replace("right", "left").replace("#", "right"))
        for n in BLAZEPOSE_33.joints
    ]
    xyz = np.stack([p.keypoints3d.xyz[0] for p in acted.persons])
    mirrored = as_persons(xyz[:, swap] @ flip, acted.times, np.random.default_rng(0), NONE, BLAZEPOSE_33)
    for person, twin in zip(acted.persons, mirrored, strict=True):
        one, other = joint_angles(person, acted.up), joint_angles(twin, flip @ acted.up)
        for name in LIMB_ANGLES:
            np.testing.assert_allclose(one[f"left_{name}"], other[f"right_{name}"], atol=1e-6, err_msg=name)
        for name, sign in (
            ("trunk_lean", 1),
            ("trunk_side_lean", -1),
            ("spine_rotation", -1),
            ("neck_flexion", 1),
        ):
            np.testing.assert_allclose(one[name], sign * other[name], atol=1e-6, err_msg=name)


def test_unobservable_twist_and_unknown_joints_are_unknown():
    person = upright()
    hidden = replace(person, twist_unobservable=frozenset({"left_hip", "right_shoulder", "head"}))
    found = joint_angles(hidden, Z)
    for name in ("left_hip_rotation", "right_shoulder_rotation", "neck_rotation", "neck_flexion"):
        assert np.isnan(found[name])
    assert np.isfinite(found["left_hip_flexion"])
    some = {name: pose for name, pose in person.camera_from_joint.items() if not name.startswith("left_e")}
    assert np.isnan(joint_angles(replace(person, camera_from_joint=some), Z)["left_elbow_flexion"])
    nothing = joint_angles(replace(person, camera_from_joint={}), Z)
    assert np.isnan(nothing.value).all()
    assert not nothing.known()


@pytest.mark.parametrize("motion", ["squat", "wave"])
def test_sigma_is_how_far_noise_moves_angles(motion):
    errors = Errors(0.015, 0.0)
    truth = act(motion, 5, errors=NONE, seconds=2.0, rate=5.0)
    true = np.stack([joint_angles(person, truth.up).value for person in truth.persons])
    xyz = np.stack([person.keypoints3d.xyz[0] for person in truth.persons])
    ratios = []
    for seed in range(25):
        persons = as_persons(xyz, truth.times, np.random.default_rng(seed), errors, BLAZEPOSE_33)
        found = [joint_angles(person, truth.up) for person in persons]
        ratios.append([(one.value - t) / one.sigma for one, t in zip(found, true, strict=True)])
    spread = np.sqrt(np.nanmedian(np.square(ratios), axis=(0, 1)) / 0.4549)  # of a normal distribution
    for name in ("knee_flexion", "elbow_flexion", "hip_flexion", "hip_abduction", "shoulder_elevation",
                 "ankle_dorsiflexion"):  # fmt: skip
        for side in ("left", "right"):
            assert 0.75 < spread[ROW[f"{side}_{name}"]] < 1.3, name
    for name in ("trunk_lean", "trunk_side_lean", "spine_rotation", "spine_side_bend"):
        assert 0.75 < spread[ROW[name]] < 1.3, name


def test_over_time_takes_out_jumps_of_a_whole_turn():
    people = [joint_angles(person, Z) for person in [upright(), upright(**arm(1, 0))]]
    value, sigma = over_time(people)
    assert value.shape == sigma.shape == (2, len(ANGLES))
    assert over_time([])[0].shape == (0, len(ANGLES))


def test_an_unknown_angle_lists_the_known_ones():
    with pytest.raises(ConfigError, match="left_knee_flexion"):
        row("left_knee_extension")
