"""Hands of people by the real networks: found, kept, told apart; nothing is loaded that nobody asked for."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pose_ros.config import update
from pose_ros.errors import WeightsError
from pose_ros.human import hands as hands_module
from pose_ros.human import pipeline as pipeline_module
from pose_ros.human.hand_track import Hands
from pose_ros.human.hands import HandConfig, HandLooker
from pose_ros.human.pipeline import HumanConfig, HumanPipeline
from pose_ros.human.smooth import SmoothConfig
from pose_ros.skeleton import COCO_17, HAND_21
from pose_ros.sources.source import open_source
from pose_ros.sources.synthetic.hand_scene import HandSceneConfig, HandSource
from pose_ros.types import Keypoints2D, Keypoints3D, Origin

CPU, SIDES = torch.device("cpu"), ("left", "right")
SEEDS = (3, 4, 11)  # both hands are in the picture


def body_of(frame, person) -> tuple[Keypoints2D, Keypoints3D]:
    xyz = np.array([person.joints[name] for name in COCO_17.joints])[None]
    score, covariance = np.ones((1, 17)), np.tile(np.eye(3) * 1e-4, (1, 17, 1, 1))
    flat = Keypoints2D(frame.camera.project(xyz), score, np.zeros((1, 4)), COCO_17)
    return flat, Keypoints3D(xyz, score, covariance, np.full((1, 17), Origin.MEASURED), COCO_17)


def truth_of(person, side) -> np.ndarray:
    return np.array([person.joints[f"{side}_{joint}"] for joint in HAND_21.joints])


@pytest.fixture(scope="module")
def shown():
    """(frame, person) of each seed."""
    pytest.importorskip("anny")
    sources = [HandSource(HandSceneConfig(seed=seed)) for seed in SEEDS]
    return [(next(iter(source)), source.truth["00000"][0]) for source in sources]


@pytest.fixture(scope="module")
def networks(weights_of):
    return [weights_of(name) for name in ("hand_landmarks", "palm_detector")]


@pytest.fixture
def stage(networks):
    return lambda **options: Hands(update(HandConfig(), options), SmoothConfig(), CPU)


def test_hands_are_found_where_they_are(shown, stage):
    errors = []
    for frame, person in shown:
        (hands,) = stage()(frame, *body_of(frame, person), ["p1"])
        assert [hand.side for hand in hands] == ["left", "right"]
        for hand in hands:
            assert hand.score > 0.5
            assert hand.camera_from_palm is not None
            errors.append(np.linalg.norm(hand.keypoints3d.xyz[0] - truth_of(person, hand.side), axis=-1))
    assert np.mean(errors) < 0.02
    assert np.median(errors) < 0.015


def test_swapped_wrists_swap_the_sides(shown, stage):
    """A body that takes its left for its right: hands stay with the wrists they hang on."""
    frame, person = shown[0]
    flat, solid = body_of(frame, person)
    twin = {a: b for pair in COCO_17.mirror_pairs for a, b in (pair, pair[::-1])}
    swap = COCO_17.indices(*(twin.get(joint, joint) for joint in COCO_17.joints))
    swapped = replace(flat, xy=flat.xy[:, swap]), replace(solid, xyz=solid.xyz[:, swap])
    (hands,) = stage()(frame, *swapped, ["p1"])
    for hand in hands:
        other = "right" if hand.side == "left" else "left"
        assert np.linalg.norm(hand.keypoints3d.xyz[0, 9] - truth_of(person, other)[9]) < 0.04


def test_a_palm_is_looked_for_where_the_body_shows_no_hand(shown, networks):
    """Elbows that are wrong send the first look astray."""
    frame, person = shown[0]
    flat, solid = body_of(frame, person)
    xy = flat.xy.copy()
    for side in SIDES:
        wrist, elbow = COCO_17.indices(f"{side}_wrist", f"{side}_elbow")
        xy[:, elbow] = xy[:, wrist] + (xy[:, wrist] - xy[:, elbow]) * 3
    wrong = replace(flat, xy=xy)
    found = {}
    for every in (0.1, 3600.0):
        looker = HandLooker(HandConfig(search_every=every), CPU)
        looker._searched = {("p1", side): 0.0 for side in (0, 1)}
        found[every] = len(looker(frame.rgb, frame.camera, wrong, solid, ["p1"], 1.0))
    assert found[0.1] >= found[3600.0]
    assert found[0.1] > 0


def test_between_looks_a_hand_goes_with_its_wrist(shown, stage):
    frame, person = shown[0]
    look, (flat, solid) = stage(every=10.0), body_of(frame, person)
    (first,) = look(frame, flat, solid, ["p1"])
    moved = replace(solid, xyz=solid.xyz + [0.02, 0, 0.01])
    (then,) = look(replace(frame, stamp_ns=frame.stamp_ns + 10**8), flat, moved, ["p1"])
    assert len(first) == len(then) == 2
    for a, b in zip(first, then, strict=True):
        np.testing.assert_allclose(b.keypoints3d.xyz, a.keypoints3d.xyz + [0.02, 0, 0.01], atol=1e-9)
        assert (b.keypoints3d.origin == Origin.PREDICTED).all()
        assert (b.keypoints3d.covariance > a.keypoints3d.covariance - 1e-12).all()
    # A clock set back starts anew.
    (again,) = look(replace(frame, stamp_ns=1), flat, solid, ["p1"])
    assert (again[0].keypoints3d.origin != Origin.PREDICTED).any()


def test_a_hand_that_is_gone_is_not_told(shown, stage):
    frame, person = shown[0]
    look, body = stage(), body_of(frame, person)
    look(frame, *body, ["p1"])
    wall = replace(frame, rgb=np.full_like(frame.rgb, 120))
    for n, seconds in enumerate((0.1, 0.5)):
        (hands,) = look(replace(wall, stamp_ns=frame.stamp_ns + round(seconds * 1e9)), *body, ["p1"])
        assert len(hands) == (2, 0)[n]


def test_no_more_hands_than_allowed_and_nobody_is_nobody(shown, networks):
    frame, person = shown[0]
    looker = HandLooker(HandConfig(per_frame=1, every=0.1), CPU)
    body = body_of(frame, person)
    seen = [looker(frame.rgb, frame.camera, *body, ["p1"], n / 30).right.tolist() for n in range(3)]
    assert seen == [[False], [True], []]
    none = Keypoints2D.empty(COCO_17), Keypoints3D.empty(COCO_17)
    assert len(looker(frame.rgb, frame.camera, *none, [], 1.0)) == 0


def test_without_depth_hands_are_seen_but_not_placed(shown, stage):
    frame, person = shown[1]
    flat, solid = body_of(frame, person)
    unknown = Keypoints3D(
        np.full_like(solid.xyz, np.nan), solid.score, solid.covariance,
        np.full_like(solid.origin, Origin.UNKNOWN), COCO_17,
    )  # fmt: skip
    blind = replace(frame, depth=np.full_like(frame.depth, np.nan))
    (hands,) = stage()(blind, flat, unknown, ["p1"])
    assert hands
    for hand in hands:
        assert hand.camera_from_palm is None
        pixels = frame.camera.project(truth_of(person, hand.side))
        assert np.linalg.norm(hand.keypoints2d.xy[0] - pixels, axis=-1).mean() < 20


class NobodySeen:
    """An estimator that costs nothing."""

    skeleton = COCO_17

    def warm_up(self) -> None:
        pass


def test_nothing_is_loaded_that_nobody_asked_for(monkeypatch):
    def refuse(name):
        raise WeightsError(f"{name} was asked for")

    monkeypatch.setattr(hands_module, "path_of", refuse)
    monkeypatch.setattr(pipeline_module, "create_estimator", lambda *_: NobodySeen())
    config = replace(HumanConfig(), joints="kinematic", faces=False)
    assert HumanPipeline(config).hands is None
    with pytest.raises(WeightsError, match="hand_landmarks was asked for"):
        HumanPipeline(replace(config, hands=True))


def test_real_people_have_hands(data, default_weights, networks):
    """Two people at 2.4 m: most hands are found, as large as hands are, near their wrists."""
    pipeline = HumanPipeline(replace(HumanConfig(), joints="kinematic", faces=False, hands=True))
    frames = list(open_source(str(data / "human_rgbd")))[:6]
    people = [person for frame in frames for person in pipeline(frame)]
    hands = [(person, hand) for person in people for hand in person.hands]
    assert len(hands) > 0.5 * 2 * len(people)
    assert "hands" in pipeline.stage_ms
    for person, hand in hands:
        xyz = hand.keypoints3d.xyz[0]
        assert 0.05 < np.linalg.norm(xyz[9] - xyz[0]) < 0.13
        wrist = person.keypoints3d.skeleton.index(f"{hand.side}_wrist")
        assert np.linalg.norm(xyz[0] - person.keypoints3d.xyz[0, wrist]) < 0.15
    pipeline.reset()
    assert len(pipeline(frames[0])) == 2
