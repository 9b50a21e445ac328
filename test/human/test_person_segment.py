"""Each person's own pixels: not the wall's, nor the neighbour's, nor those of what stands before them."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("anny", reason="the scene shows anny's bodies")

from body_scene import CAMERA, scene

from pose_ros.human.segment import Segment, SegmentConfig
from pose_ros.skeleton import COCO_17
from pose_ros.types import RGBDFrame

STRIDE = SegmentConfig().stride


def segmented(seen, frame: RGBDFrame | None = None, sigma: float = 0.04) -> np.ndarray:
    return Segment(SegmentConfig(), COCO_17)(frame or seen.frame, seen.keypoints, seen.rough(sigma))


def shares(labels: np.ndarray, mask: np.ndarray, n: int) -> tuple[float, float]:
    """Precision and recall of person n's pixels, against the mask of what they show."""
    mask, mine = mask[::STRIDE, ::STRIDE], labels == n
    return (mine & mask).sum() / max(mine.sum(), 1), (mine & mask).sum() / mask.sum()


@pytest.mark.parametrize("motion", ["stand", "wave", "sit"])
def test_a_person_before_a_wall(motion):
    seen = scene([(2.5, 0.1)], motion)
    precision, recall = shares(segmented(seen), seen.owner == 0, 0)
    assert precision > 0.99
    assert recall > 0.75  # edges are cut away, and COCO knows no hands and feet


def test_people_side_by_side_and_one_behind_the_other():
    seen = scene([(2.2, 0.35), (2.5, -0.35), (3.6, 0.1)])
    labels = segmented(seen)
    for n in range(3):
        precision, recall = shares(labels, seen.owner == n, n)
        assert precision > 0.97, n
        assert recall > (0.6 if n == 2 else 0.7), n  # the third is half hidden


def test_a_box_before_the_person_is_not_theirs():
    seen = scene([(2.5, 0.0)])
    depth = seen.frame.depth.copy()
    depth[250:330, 250:390] = 1.6
    frame = dataclasses.replace(seen.frame, depth=depth)
    labels = segmented(seen, frame)
    assert not (labels[125:165, 125:195] == 0).any()
    assert (labels == 0).sum() > 1000


def test_an_arm_that_the_network_misses_is_found_by_what_it_hangs_on():
    seen = scene([(2.5, 0.0)], "wave", time=2.0)
    straight = seen.keypoints.xy.copy()
    rough = seen.rough(0.01)
    heights = {side: seen.joints[0, COCO_17.index(f"{side}_wrist"), 1] for side in ("left", "right")}
    side = min(heights, key=heights.get)  # the raised arm
    arm = COCO_17.indices(f"{side}_elbow", f"{side}_wrist")
    hip = COCO_17.index(f"{side}_hip")
    rough.xyz[0, arm], straight[0, arm] = rough.xyz[0, hip], straight[0, hip]
    keypoints = dataclasses.replace(seen.keypoints, xy=straight)
    wrist = np.round(CAMERA.project(seen.joints[0, arm[1]]) / STRIDE).astype(int)
    for reach, found in ((0.0, False), (0.9, True)):
        labels = Segment(SegmentConfig(grow=reach), COCO_17)(seen.frame, keypoints, rough)
        assert (labels[wrist[1] - 2 : wrist[1] + 3, wrist[0] - 2 : wrist[0] + 3] == 0).any() == found


def test_who_is_unknown_gets_no_pixel():
    seen = scene([(2.5, 0.0)])
    rough = seen.rough(0.0)
    rough.xyz[:] = np.nan
    labels = Segment(SegmentConfig(), COCO_17)(seen.frame, seen.keypoints, rough)
    assert (labels == -1).all()
