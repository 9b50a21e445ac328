"""The comparison of tracks against truth with known errors: every figure has one right answer."""

import dataclasses

import numpy as np
import pytest
from people_scene import FRAMES, body, perfect, tracks_of, walk
from scipy.spatial.transform import Rotation

from pose_ros.eval.tracks import FLIP_MARGIN, GATE, MIN_VISIBLE, TrackedPose, compare_tracks
from pose_ros.skeleton import COCO_17
from pose_ros.sources.truth import PeopleTruth


def with_joints(pose, **joints):
    return dataclasses.replace(pose, joints={**pose.joints, **joints})


def mirrored(pose, parts):
    swap = {f"{a}_{part}": f"{b}_{part}" for a, b in (("left", "right"), ("right", "left")) for part in parts}
    return dataclasses.replace(pose, joints={name: pose.joints[swap.get(name, name)] for name in pose.joints})


def test_the_truth_itself_has_no_error():
    figures = compare_tracks(tracks_of(walk()), walk())
    assert (figures["n_frames"], figures["n_people"], figures["detected"]) == (FRAMES, 2 * FRAMES, 2 * FRAMES)
    assert (figures["coverage"], figures["pck_50mm"], figures["invented"], figures["far_off"]) == (1, 1, 0, 0)
    for key in ("mpjpe_mm", "mpjpe_visible_mm", "pa_mpjpe_mm", "orientation_deg", "jitter_mm"):
        assert figures[key] == pytest.approx(0, abs=1e-4), key
    assert (figures["id_switches"], figures["lr_flips"]) == (0, 0)


def test_a_shift_is_an_error_but_neither_a_wrong_shape_nor_jitter():
    def shifted(key, person, pose):
        return TrackedPose({name: xyz + (0, 0, 0.04) for name, xyz in pose.joints.items()})

    figures = compare_tracks(tracks_of(walk(), shifted), walk())
    assert figures["mpjpe_mm"] == pytest.approx(40)
    assert figures["pa_mpjpe_mm"] == pytest.approx(0, abs=1e-6)
    assert figures["jitter_mm"] == pytest.approx(0, abs=1e-6)
    assert figures["pck_50mm"] == 1
    assert np.isnan(figures["orientation_deg"])


def test_one_wrong_joint_shows_where_it_belongs():
    truth = walk(hidden=("left_ankle",))

    def wrong(key, person, pose):
        wrist, ankle = pose.joints["left_wrist"], pose.joints["left_ankle"]
        return with_joints(pose, left_wrist=wrist + (0.17, 0, 0), left_ankle=ankle + (0, 0.34, 0))

    figures = compare_tracks(tracks_of(truth, wrong), truth)
    assert figures["mpjpe_mm"] == pytest.approx((170 + 340) / 17)
    assert figures["mpjpe_visible_mm"] == pytest.approx(170 / 16)
    assert figures["pck_50mm"] == pytest.approx(15 / 17)
    assert figures["far_off"] == 1
    assert figures["joint_mm"]["left_wrist"] == pytest.approx({"all": 170, "visible": 170})
    assert figures["joint_mm"]["left_ankle"]["all"] == pytest.approx(340)
    assert np.isnan(figures["joint_mm"]["left_ankle"]["visible"])
    assert figures["joint_mm"]["nose"]["all"] == 0


def test_missing_joints_and_people_are_wrong_in_pck_and_counted_in_coverage():
    def missing(key, person, pose):
        if person.id == 7:
            return None
        return with_joints(pose, nose=np.full(3, np.nan))

    figures = compare_tracks(tracks_of(walk(), missing), walk())
    assert figures["mpjpe_mm"] == 0
    assert figures["detected"] == FRAMES
    assert figures["coverage"] == figures["pck_50mm"] == pytest.approx(16 / 34)


def test_somebody_where_nobody_is_is_invented():
    tracks = tracks_of(walk())
    tracks["00003"]["ghost"] = perfect(body((0, 0, 6)))
    figures = compare_tracks(tracks, walk())
    assert (figures["invented"], figures["detected"], figures["mpjpe_mm"]) == (1, 2 * FRAMES, 0)


def test_an_estimate_too_far_away_is_of_somebody_else():
    def away(metres):
        def change(key, person, pose):
            return TrackedPose({name: xyz + (0, 0, metres) for name, xyz in pose.joints.items()})

        return compare_tracks(tracks_of(walk(), change), walk())

    assert (away(0.9 * GATE)["detected"], away(0.9 * GATE)["invented"]) == (2 * FRAMES, 0)
    assert (away(1.1 * GATE)["detected"], away(1.1 * GATE)["invented"]) == (0, 2 * FRAMES)


def test_an_estimate_without_any_position_is_nobody_and_nowhere():
    tracks = tracks_of(walk())
    tracks["00003"]["p9"] = TrackedPose({"nose": np.full(3, np.nan)})
    tracks["00004"] = {"p7": TrackedPose({})}
    figures = compare_tracks(tracks, walk())
    assert (figures["invented"], figures["detected"]) == (0, 2 * FRAMES - 2)


def test_a_person_out_of_sight_is_neither_missed_nor_invented():
    hidden = COCO_17.joints[MIN_VISIBLE - 1 :]
    truth = PeopleTruth({"00000": (body((0, 0, 2), id=1), body((1, 0, 2), hidden, id=2))})
    for tracks in (tracks_of(truth), tracks_of(truth, lambda k, p, pose: pose if p.id == 1 else None)):
        figures = compare_tracks(tracks, truth)
        assert (figures["n_people"], figures["detected"], figures["invented"]) == (1, 1, 0)


def test_only_frames_that_both_hold_are_compared():
    tracks = {key: people for key, people in tracks_of(walk()).items() if key > "00003"}
    tracks["99999"] = {"p1": perfect(body((0, 0, 2)))}
    figures = compare_tracks(tracks, walk())
    assert (figures["n_frames"], figures["n_people"], figures["invented"]) == (
        FRAMES - 4,
        2 * (FRAMES - 4),
        0,
    )


def test_nothing_to_compare_is_unknown_and_not_zero():
    figures = compare_tracks({}, walk())
    assert figures["n_people"] == 0
    assert all(np.isnan(figures[key]) for key in ("mpjpe_mm", "pck_50mm", "jitter_mm", "coverage"))
    figures = compare_tracks({key: {} for key in walk().frames}, walk())
    assert (figures["n_people"], figures["detected"], figures["pck_50mm"]) == (2 * FRAMES, 0, 0)
    assert np.isnan(figures["mpjpe_mm"])


def test_people_who_swap_ids_switch_both_and_a_gap_switches_none():
    def swap_from(key, poses):
        return poses if key < "00005" else dict(zip(poses, reversed(poses.values()), strict=True))

    swapped = {key: swap_from(key, poses) for key, poses in tracks_of(walk()).items()}
    figures = compare_tracks(swapped, walk())
    assert (figures["id_switches"], figures["mpjpe_mm"]) == (2, 0)
    gap = tracks_of(walk(), lambda key, person, pose: None if key in ("00004", "00005") else pose)
    assert compare_tracks(gap, walk())["id_switches"] == 0
    renamed = {
        key: {"new" if key > "00005" and id == "p7" else id: pose for id, pose in poses.items()}
        for key, poses in tracks_of(walk()).items()
    }
    assert compare_tracks(renamed, walk())["id_switches"] == 1


@pytest.mark.parametrize("parts", [("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")])
def test_a_limb_that_swaps_sides_is_a_flip(parts):
    figures = compare_tracks(
        tracks_of(walk(), lambda k, p, pose: mirrored(pose, parts) if k == "00002" else pose), walk()
    )
    assert figures["lr_flips"] == 2


def test_limbs_so_close_that_their_sides_cannot_be_told_are_no_flip():
    def narrow(person):
        middle = np.mean(list(person.joints.values()), axis=0)
        scale = np.array([0.4 * FLIP_MARGIN, 1, 1])
        joints = {name: middle + scale * (xyz - middle) for name, xyz in person.joints.items()}
        return dataclasses.replace(person, joints=joints)

    truth = PeopleTruth({key: tuple(map(narrow, people)) for key, people in walk().frames.items()})
    legs = ("hip", "knee", "ankle")
    assert compare_tracks(tracks_of(truth, lambda k, p, pose: mirrored(pose, legs)), truth)["lr_flips"] == 0


def test_a_limb_that_fits_neither_way_is_no_flip():
    def fallen(key, person, pose):
        mirror = mirrored(pose, ("hip", "knee", "ankle"))
        legs = {
            n: xyz + (0, 0.45, 0) for n, xyz in mirror.joints.items() if n.endswith(("hip", "knee", "ankle"))
        }
        return with_joints(mirror, **legs)

    assert compare_tracks(tracks_of(walk(), fallen), walk())["lr_flips"] == 0


def test_jitter_is_the_rms_of_the_tremble_and_does_not_bridge_frames_without_estimate():
    rng = np.random.default_rng(0)
    truth = walk(frames=300)

    def trembling(key, person, pose):
        return TrackedPose({name: xyz + rng.normal(0, 0.005, 3) for name, xyz in pose.joints.items()})

    figures = compare_tracks(tracks_of(truth, trembling), truth)
    assert figures["jitter_mm"] == pytest.approx(5 * np.sqrt(3), rel=0.03)
    jump = {
        key: {
            id: TrackedPose({j: xyz + (0.1 * (key > "00150"), 0, 0) for j, xyz in pose.joints.items()})
            for id, pose in poses.items()
        }
        for key, poses in tracks_of(truth).items()
        if key != "00150"
    }
    assert compare_tracks(jump, truth)["jitter_mm"] == pytest.approx(0, abs=1e-6)


def test_orientation_counts_twist_only_where_it_is_declared_seen():
    def turned(axis, degrees, unobservable):
        turn = Rotation.from_euler(axis, degrees, degrees=True).as_matrix()

        def change(key, person, pose):
            rotations = {**pose.rotations, "left_elbow": pose.rotations["left_elbow"] @ turn}
            return TrackedPose(pose.joints, rotations, frozenset(unobservable))

        return compare_tracks(tracks_of(walk(), change), walk())

    about_bone = turned("z", 20, [])
    assert about_bone["orientation_deg"] == pytest.approx(10)  # body is right, the elbow 20 degrees off
    assert about_bone["frame_deg"] == pytest.approx({"body": 0, "left_elbow": 20}, abs=1e-4)
    declared = turned("z", 20, ["left_elbow"])
    assert declared["orientation_deg"] == pytest.approx(0, abs=1e-4)
    assert declared["orientation_full_deg"] == pytest.approx(10)
    assert turned("y", 20, ["left_elbow"])["orientation_deg"] == pytest.approx(10)
