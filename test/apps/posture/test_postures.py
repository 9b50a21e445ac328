"""Postures of people of other seeds than the regression was fitted to; the law of its features."""

from dataclasses import replace

import numpy as np
import pytest

from pose_ros.apps.posture.features import JOINTS, NAMES, features
from pose_ros.apps.posture.posture_weights import CENTRE, WEIGHTS
from pose_ros.apps.posture.postures import FLAGS, POSTURES, UNKNOWN, PostureConfig, PostureReader, calibrated
from pose_ros.eval.acted import Errors, act
from pose_ros.geometry.rigid import rotation_exp
from pose_ros.sources.synthetic.exercises import ALL_MOTIONS
from pose_ros.types import Keypoints3D, Origin, People


def read(acted, config=None, change=lambda person: person):
    reader = PostureReader(config)
    return [
        reader(People((change(person),), stamp, "camera"), acted.up)["p1"]
        for person, stamp in zip(acted.persons, acted.stamps_ns, strict=True)
    ]


def test_weights_are_of_these_features_and_postures():
    assert CENTRE.shape == (len(NAMES),)
    assert WEIGHTS.shape == (2 * len(NAMES) + 1, len(POSTURES))


def test_unseen_people_are_in_the_posture_they_are_in():
    right, sure, told = [], [], []
    for motion in ALL_MOTIONS:
        for seed in (900, 901):
            acted = act(motion, seed, 6.0, 10.0, Errors(0.01, 0.03))
            for posture, truth in zip(read(acted), acted.postures, strict=True):
                right.append(posture.name == truth)
                if posture.name != UNKNOWN:
                    told.append(posture.name == truth)
                    sure.append(posture.probability)
    assert np.mean(right) > 0.95
    assert abs(np.mean(sure) - np.mean(told)) < 0.04  # probabilities come true


def test_calibrated_probabilities_keep_their_order_and_sum():
    rng = np.random.default_rng(1)
    for sharp in (0.1, 1.0, 10.0):
        belief = rng.dirichlet(np.full(len(POSTURES), 1 / sharp))
        found = calibrated(belief)
        assert found.sum() == pytest.approx(1)
        assert (found > 0).all()
        assert np.argmax(found) == np.argmax(belief)
    uniform = np.full(len(POSTURES), 1 / len(POSTURES))
    np.testing.assert_allclose(calibrated(uniform), uniform, atol=1e-4)


def test_features_know_no_place_heading_size_or_side():
    acted = act("kneel", 3, seconds=1)
    points = acted.persons[0].keypoints3d
    joints = points.xyz[0, points.skeleton.indices(*JOINTS)]
    expected = features(joints, acted.up)
    rng = np.random.default_rng(0)
    for _ in range(5):
        turn = rotation_exp(rng.normal(size=3))
        moved = 1.7 * joints @ turn.T + rng.normal(size=3)
        np.testing.assert_allclose(features(moved, turn @ acted.up), expected, atol=1e-9)
    half = len(JOINTS) // 2
    mirrored = np.concatenate([joints[half:], joints[:half]]) * [-1, 1, 1]
    np.testing.assert_allclose(features(mirrored, acted.up * [-1, 1, 1]), expected, atol=1e-9)


def hidden(person, *parts, sigma=1.0):
    """The joints of these parts are guesses: their covariance says so."""
    points = person.keypoints3d
    covariance = points.covariance.copy()
    rows = [n for n, name in enumerate(points.skeleton.joints) if any(part in name for part in parts)]
    covariance[0, rows] = np.eye(3) * sigma**2
    return replace(person, keypoints3d=replace(points, covariance=covariance))


def test_hidden_legs_make_the_posture_unknown():
    acted = act("sit", 5, seconds=4)
    assert read(acted)[-1].name == "sitting"
    blind = read(acted, change=lambda person: hidden(person, "knee", "ankle", "hip", "heel", "foot"))
    assert blind[-1].name == UNKNOWN
    assert blind[-1].probability < 0.5


def without(person, *names):
    points = person.keypoints3d
    gone = np.isin(points.skeleton.joints, names)
    xyz = np.where(gone[None, :, None], np.nan, points.xyz)
    covariance = np.where(gone[None, :, None, None], np.nan, points.covariance)
    origin = np.where(gone[None], Origin.UNKNOWN, points.origin)
    return replace(person, keypoints3d=Keypoints3D(xyz, points.score, covariance, origin, points.skeleton))


def test_missing_knees_say_nothing_and_what_was_known_fades():
    acted = act("squat", 2, seconds=0.5)
    reader = PostureReader()
    for person, stamp in zip(acted.persons, acted.stamps_ns, strict=True):
        before = reader(People((person,), stamp, "c"), acted.up)["p1"]
    blind = without(acted.persons[-1], "left_knee", "right_knee")
    at_once = reader(People((blind,), stamp + 50_000_000, "c"), acted.up)["p1"]
    assert at_once.name == before.name != UNKNOWN
    for n in range(2, 60):
        later = reader(People((blind,), stamp + n * 50_000_000, "c"), acted.up)["p1"]
    assert later.name == UNKNOWN


def test_a_missing_ankle_is_made_up_for():
    acted = act("stand", 2, seconds=2)
    assert read(acted, change=lambda p: without(p, "left_ankle"))[-1].name == "standing"


def test_a_posture_holds_until_another_is_surer():
    """One wrong frame in a row of right ones changes nothing."""
    standing, lying = act("stand", 1, seconds=3), act("lie", 1, seconds=3)
    reader, names = PostureReader(PostureConfig(correlation=0.3)), []
    for n, stamp in enumerate(standing.stamps_ns):
        acted = lying if n == 30 else standing
        names.append(reader(People((acted.persons[n],), stamp, "c"), acted.up)["p1"].name)
    assert set(names[10:]) == {"standing"}


def test_raised_hands_are_told_of_the_side_they_are():
    acted = act("arm_raise", 8, 4.0)
    up = {
        s: acted.angles[f"{s}_shoulder_abduct"] + acted.angles[f"{s}_shoulder_flex"]
        for s in ("left", "right")
    }
    found = read(acted)
    for side in ("left", "right"):
        flags = np.array([f"{side}_hand_raised" in posture.flagged for posture in found])
        assert not flags[up[side] < 0.9].any()
        if (high := up[side] > 2.4).any():
            assert flags[high].mean() > 0.9


def test_crossed_arms():
    acted = act("stand", 4, seconds=1.5, errors=Errors(0.005, 0.01))

    def cross(person):
        points = person.keypoints3d
        at = {name: points.xyz[0, points.skeleton.index(name)] for name in points.skeleton.joints}
        xyz = points.xyz.copy()
        for side, other in (("left", "right"), ("right", "left")):
            xyz[0, points.skeleton.index(f"{side}_wrist")] = at[f"{other}_elbow"] + [0, -0.03, -0.05]
        return replace(person, keypoints3d=replace(points, xyz=xyz))

    assert "arms_crossed" in read(acted, change=cross)[-1].flagged
    assert "arms_crossed" not in read(acted)[-1].flagged
    assert set(read(acted)[-1].flags) == set(FLAGS)


def test_people_are_told_apart_and_forgotten():
    sitting, lying = act("sit", 11, seconds=2), act("lie", 11, seconds=2)
    reader = PostureReader()
    for one, other, stamp in zip(sitting.persons, lying.persons, sitting.stamps_ns, strict=True):
        # Both must share the up of one camera: the second is turned into the first one's.
        assert other.id == one.id
        both = People((one, replace(one, id="p2")), stamp, "c")
        found = reader(both, sitting.up)
    assert found["p1"].name == found["p2"].name == "sitting"
    assert not reader(People((), stamp + 10**10, "c"), sitting.up)
    first = reader(People((sitting.persons[0],), stamp + 2 * 10**10, "c"), sitting.up)["p1"]
    assert first.probability < found["p1"].probability
    assert not reader(People((), stamp, "c"), sitting.up)


@pytest.mark.parametrize("wrong", [{"least": 1.5}, {"samples": 0}])
def test_options_out_of_range_are_refused(wrong):
    from pose_ros.config import update
    from pose_ros.errors import ConfigError

    with pytest.raises(ConfigError):
        update(PostureConfig(), wrong)
