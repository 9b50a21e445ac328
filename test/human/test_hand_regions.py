"""Where hands are looked for: about the body's knuckles, as large as their distance says."""

import numpy as np
import pytest
from hand_law import CAMERA, hand, landmarks

from pose_ros.human import palm
from pose_ros.human.hand_regions import next_regions, pixels_per_metre, usual_regions
from pose_ros.human.regions import Regions
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints2D, Keypoints3D, Origin


def body(skeleton, hands, known=True) -> tuple[Keypoints2D, Keypoints3D]:
    """Somebody with these left and right hands and forearms that lead to them."""
    xyz = np.tile(np.array([0.0, 0, 1.2]), (len(skeleton), 1))
    for side, joints in hands.items():
        wrist, middle = joints[0], joints[9]
        way = (wrist - middle) / np.linalg.norm(wrist - middle)
        places = {"wrist": wrist, "elbow": wrist + 0.25 * way, "index": joints[5], "pinky": joints[17]}
        places["shoulder"] = places["elbow"] + (0, -0.29, 0)
        for part, place in places.items():
            if f"{side}_{part}" in skeleton.joints:
                xyz[skeleton.index(f"{side}_{part}")] = place
    score = np.ones((1, len(skeleton)))
    flat = Keypoints2D(CAMERA.project(xyz)[None], score, np.zeros((1, 4)), skeleton)
    origin = np.full(score.shape, Origin.MEASURED if known else Origin.UNKNOWN)
    solid = xyz if known else np.full_like(xyz, np.nan)
    covariance = np.tile(np.eye(3) * 1e-4, (*score.shape, 1, 1))
    return flat, Keypoints3D(solid[None], score, covariance, origin, skeleton)


def holds(regions: Regions, n: int, xy: np.ndarray) -> bool:
    """All these pixels lie in the n-th square."""
    affine = regions.image_from_unit[n]
    unit = np.linalg.solve(affine[:, :2], (xy - affine[:, 2]).T).T
    return bool(((unit > 0) & (unit < 1)).all())


@pytest.mark.parametrize("skeleton", [BLAZEPOSE_33, COCO_17])
@pytest.mark.parametrize("turn", [(0, 0, 0), (0, 0, 1.2), (0, 0, -2.5)])
def test_a_square_holds_its_hand_upright(skeleton, turn):
    hands = {"left": hand(turn=turn), "right": hand(True, place=(-0.2, 0.1, 0.7), turn=turn)}
    regions = usual_regions(CAMERA, *body(skeleton, hands))
    assert len(regions) == 2
    for n, xyz in enumerate(hands.values()):
        pixels = CAMERA.project(xyz)
        assert holds(regions, n, pixels)
        up = pixels[9] - pixels[0]
        turned = np.arctan2(up[0], -up[1]) - regions.angle[n]
        assert abs((turned + np.pi) % (2 * np.pi) - np.pi) < 0.3


def test_a_hand_that_points_at_the_camera_is_not_looked_for_in_a_dot():
    pointing = hand(turn=(1.4, 0, 0))  # fingers along the ray
    regions = usual_regions(CAMERA, *body(BLAZEPOSE_33, {"left": pointing, "right": pointing}))
    assert regions.size[0] == pytest.approx(0.22 * CAMERA.fx / pointing[0, 2])
    assert holds(regions, 0, CAMERA.project(pointing))


def test_without_depth_the_body_in_the_image_says_the_size():
    hands = {"left": hand(), "right": hand(True, place=(-0.2, 0.1, 0.9))}
    known, unknown = (pixels_per_metre(CAMERA, *body(COCO_17, hands, known)) for known in (True, False))
    np.testing.assert_allclose(known[0], CAMERA.fx / 0.9)
    assert np.isfinite(unknown).all()
    np.testing.assert_allclose(unknown[0], known[0], rtol=0.5)


def test_the_next_square_holds_the_hand_and_turns_with_it():
    scale = np.array([CAMERA.fx / 0.9])
    straight = next_regions(landmarks(hand(), False)[0][None], scale)
    for turn in (0.0, 0.7, 3.0):
        xy = landmarks(hand(turn=(0, 0, turn)), False)[0]
        regions = next_regions(xy[None], scale)
        assert holds(regions, 0, xy)
        off = regions.angle[0] - straight.angle[0] - turn
        assert abs((off + np.pi) % (2 * np.pi) - np.pi) < 0.05


def test_the_next_square_is_as_wide_for_a_fist():
    xy, scale = landmarks(hand(), False)[0], np.array([CAMERA.fx / 0.9])
    fist = xy[0] + (xy - xy[0]) * 0.5
    assert next_regions(fist[None], scale).size == next_regions(xy[None], scale).size


def test_palms_are_decoded_into_regions_of_hands():
    assert palm.anchors().shape == (2016, 2)
    assert palm.anchors().min() > 0
    assert palm.anchors().max() < 1
    xy = landmarks(hand(turn=(0, 0, 0.5)), False)[0]
    around = Regions(xy[:1], np.array([300.0]), np.zeros(1))
    unit = (xy - xy[0]) / 300 + 0.5
    points = unit[[0, 5, 9, 13, 17, 1, 2]]
    box = np.concatenate([points.mean(0), [0.35, 0.35]])
    regions = palm.hand_regions(around, box[None], points[None])
    assert holds(regions, 0, xy)
    assert regions.angle[0] == pytest.approx(next_regions(xy[None], np.ones(1)).angle[0], abs=0.1)
