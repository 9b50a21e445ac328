"""MoveNet SinglePose: its heads read in a batch against the network's own reading, its crops, its people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import GraphError, WeightsError
from pose_ros.eval.coco import eval_keypoints
from pose_ros.human.estimators.movenet_heads import decode
from pose_ros.human.estimators.movenet_single import (
    HEADS,
    SIDES,
    START,
    MoveNetSingle,
    MoveNetSingleConfig,
    crops_about,
)
from pose_ros.nets.tfjs import load_tfjs
from pose_ros.skeleton import COCO_17
from pose_ros.types import Keypoints2D

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def photo(data):
    return cv2.cvtColor(cv2.imread(str(data / "human_rgbd" / "color" / "00024.png")), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("variant", SIDES)
def test_a_batch_of_heads_is_read_as_the_network_reads_one(variant, weights_of, photo):
    path, side = weights_of(f"movenet_{variant}"), SIDES[variant]
    crops = [photo[60:360, 150:450], photo[0:400, 300:640], photo[:, :480], np.zeros((9, 9, 3), np.uint8)]
    crops = np.stack([cv2.resize(crop, (side, side)) for crop in crops])
    image = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    whole, heads = load_tfjs(path), load_tfjs(path, HEADS, (START, 3))
    points, score = decode(*heads(image))
    (own,) = whole(image)  # (B, y x score, 1, K)
    # Half precision of the file's own weights of distances may tip a tie of two cells.
    np.testing.assert_allclose(points, own[:, [1, 0], 0].transpose(1, 2), atol=2e-3)
    np.testing.assert_allclose(score, own[:, 2, 0], atol=2e-3)


def plain_reading(center, heat, regression, offset):
    """One crop, cell by cell."""
    joints, height, width = heat.shape
    cells = [(y, x) for y in range(height) for x in range(width)]
    sigmoid = lambda v: 1 / (1 + np.exp(-v))  # noqa: E731
    cy, cx = max(
        cells, key=lambda c: sigmoid(center[c]) / (np.hypot(c[0] - height / 2, c[1] - width / 2) + 1.8)
    )
    points = []
    for k in range(joints):
        gy, gx = cy + regression[2 * k, cy, cx], cx + regression[2 * k + 1, cy, cx]
        y, x = max(cells, key=lambda c: sigmoid(heat[(k, *c)]) / (np.hypot(c[0] - gy, c[1] - gx) + 1.8))
        at = ((x + offset[2 * k + 1, y, x]) / width, (y + offset[2 * k, y, x]) / height)
        points.append((*at, sigmoid(heat[k, y, x])))
    return points


@pytest.mark.parametrize("seed", range(3))
def test_heads_against_plain_loops(seed):
    rng = np.random.default_rng(seed)
    maps = [rng.normal(size=(2, n, 7, 9)) * s for n, s in ((1, 1), (4, 1), (8, 3), (8, 0.3))]
    points, score = decode(*map(torch.from_numpy, maps))
    for b in range(2):
        expected = np.array(plain_reading(maps[0][b, 0], *(m[b] for m in maps[1:])))
        np.testing.assert_allclose(points[b], expected[:, :2], atol=1e-9)
        np.testing.assert_allclose(score[b], expected[:, 2], atol=1e-9)


def standing(score=1.0):
    """Somebody upright, 200 px from eyes to ankles, hips about (100, 100)."""
    height = {
        "nose": 5,
        "eye": 0,
        "ear": 2,
        "shoulder": 30,
        "elbow": 65,
        "wrist": 100,
        "hip": 100,
        "knee": 150,
    }
    xy = np.zeros((1, 17, 2))
    for k, joint in enumerate(COCO_17.joints):
        side = 20 if "left" in joint else -20 if "right" in joint else 0
        xy[0, k] = 100 + side, height.get(joint.split("_")[-1], 200)
    return Keypoints2D(xy, np.full((1, 17), score), np.array([[80.0, 0, 120, 200]]), COCO_17)


def test_crops_hold_the_person_with_room_and_move_with_it():
    crop = crops_about(standing())
    np.testing.assert_allclose(crop.center, [[100, 100]])
    np.testing.assert_allclose(crop.size, 2 * max(1.9 * 70, 1.2 * 100))
    moved = Keypoints2D(
        standing().xy * 2 + (50, -7), *(getattr(standing(), n) for n in ("score", "box_xyxy", "skeleton"))
    )
    np.testing.assert_allclose(crops_about(moved).center, [[250, 193]])
    np.testing.assert_allclose(crops_about(moved).size, crop.size * 2)


def test_crops_of_people_without_hips_or_without_anything():
    people = standing()
    people.score[
        0, COCO_17.indices("left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle")
    ] = 0
    crop = crops_about(people)
    low, high = crop.center - crop.size / 2, crop.center + crop.size / 2
    seen = people.xy[0, people.score[0] > 0]
    assert ((seen > low) & (seen < high)).all()
    assert np.isfinite(crops_about(standing(0.0)).size).all()


def test_the_people_of_the_coco_images(weights_of, default_weights, data):
    weights_of("movenet_thunder")
    estimator = MoveNetSingle(MoveNetSingleConfig(), CPU)
    report = eval_keypoints(data / "coco" / "test_coco.json", data / "coco", estimator)
    assert report.detected >= 11
    assert report.invented == report.duplicates == 0
    assert report.oks_mean > 0.82


def test_files_that_are_no_movenet(default_weights, weights_of, tmp_path):
    with pytest.raises(WeightsError, match="no weights file"):
        MoveNetSingle(MoveNetSingleConfig(weights=str(tmp_path / "gone.json")), CPU)
    with pytest.raises(GraphError, match="StatefulPartitionedCall/stack"):
        MoveNetSingle(MoveNetSingleConfig(weights=str(weights_of("posenet"))), CPU)
