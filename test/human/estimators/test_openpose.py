"""OpenPose as an estimator: from maps to key points of the image, and what it refuses."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import ConfigError, GraphError, WeightsError
from pose_ros.eval.coco import eval_keypoints
from pose_ros.human.estimators.openpose import OpenPose, OpenPoseConfig, beside
from pose_ros.human.estimators.openpose_networks import PUBLISHED
from pose_ros.skeleton import COCO_17

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def openpose(weights_of):
    weights_of("openpose_mobilenet_thin")
    return OpenPose(OpenPoseConfig(), CPU)


def test_the_people_of_the_coco_images(openpose, data):
    report = eval_keypoints(data / "coco" / "test_coco.json", data / "coco", openpose)
    assert report.detected == report.n_people == 12
    assert report.invented == 0
    assert report.duplicates == 0
    assert report.oks_mean > 0.75


def test_scores_and_boxes_are_of_what_was_seen(openpose, data):
    image = cv2.imread(str(sorted((data / "coco").rglob("*.jpg"))[-1]))
    people = openpose.estimate(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 0)
    assert len(people)
    for xy, score, box in zip(people.xy, people.score, people.box_xyxy, strict=True):
        seen = xy[score > 0]
        np.testing.assert_allclose(box, [*seen.min(axis=0), *seen.max(axis=0)])
        assert score.max() <= 1
        # What nobody saw lies where another joint was seen.
        assert all((seen == one).all(axis=1).any() for one in xy[score == 0])
        assert score[score > 0].min() > openpose.config.min_peak
    assert (np.diff(people.score.sum(axis=1)) <= 1).all()


def test_fewer_joints_than_asked_are_nobody(openpose, data):
    image = cv2.imread(str(sorted((data / "coco").rglob("*.jpg"))[-1]))
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    before = openpose.estimate(rgb, 0)
    strict = OpenPose(OpenPoseConfig(min_parts=16), CPU).estimate(rgb, 0)
    assert len(strict) < len(before)
    assert ((strict.score > 0).sum(axis=1) >= 15).all()  # and the neck
    assert len(OpenPose(OpenPoseConfig(min_score=1.0), CPU).estimate(rgb, 0)) == 0


def test_joints_nobody_saw_lie_at_the_next_one_seen():
    xy, score = np.arange(34.0).reshape(17, 2), np.zeros(17)
    elbow, wrist, hip = COCO_17.indices("left_elbow", "left_wrist", "left_hip")
    score[[elbow, hip]] = 0.5
    filled = beside(xy, score, COCO_17)
    np.testing.assert_array_equal(filled[[elbow, hip]], xy[[elbow, hip]])
    np.testing.assert_array_equal(filled[wrist], xy[elbow])
    np.testing.assert_array_equal(filled[COCO_17.index("left_ankle")], xy[hip])
    # No bone of COCO-17 leads from the body to the face.
    np.testing.assert_array_equal(filled[COCO_17.index("nose")], xy[[elbow, hip]].mean(axis=0))


@pytest.mark.parametrize("variant", PUBLISHED)
def test_published_networks_need_a_path(variant):
    with pytest.raises(ConfigError, match=f"{variant} needs openpose.weights"):
        OpenPose(OpenPoseConfig(variant=variant), CPU)


def test_a_file_that_is_no_network(tmp_path):
    path = tmp_path / "own.pb"
    path.write_bytes(b"not a graph")
    with pytest.raises(GraphError, match=r"own\.pb"):
        OpenPose(OpenPoseConfig(weights=str(path)), CPU)
    with pytest.raises(WeightsError, match="no weights file"):
        OpenPose(OpenPoseConfig(weights=str(tmp_path / "gone.pb")), CPU)


@pytest.mark.parametrize("variant", PUBLISHED)
def test_published_layouts_run_the_whole_way(variant, tmp_path):
    """With zeros for weights nobody is seen, but every map has the channels that its layout says."""
    network = PUBLISHED[variant][0]()
    state = {name: torch.zeros_like(tensor) for name, tensor in network.state_dict().items()}
    path = tmp_path / f"{variant}.pth"
    torch.save(state, path)
    estimator = OpenPose(OpenPoseConfig(variant=variant, weights=str(path), long_side=64), CPU)
    heat, fields, scale = estimator.maps(np.zeros((96, 128, 3), np.uint8))
    assert heat.shape == (len(estimator.layout.skeleton), 6, 8)
    assert fields.shape == (len(estimator.layout.limbs), 2, 6, 8)
    assert scale == 0.5
    assert len(estimator.estimate(np.zeros((96, 128, 3), np.uint8), 0)) == 0
