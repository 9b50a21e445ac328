"""What every estimator must do, whatever its method: one test for all of them."""

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from pose_ros.errors import ConfigError, WeightsError
from pose_ros.human.estimators import ESTIMATORS, create_estimator
from pose_ros.human.pipeline import HumanConfig
from pose_ros.skeleton import COCO_17

CPU = torch.device("cpu")
GREY = np.full((480, 640, 3), 128, np.uint8)


# What an estimator needs beyond the default weights.
WEIGHTS = {
    "deeppose": ("deeppose",),
    "openpose": ("openpose_mobilenet_thin",),
    "deepcut": ("openpose_mobilenet_thin",),
    "movenet_single": ("movenet_thunder",),
    "posenet": ("posenet",),
}
# What needs packages and weights that this project does not bring; tested alone with small random networks.
OPTIONAL = {"rtmo", "rtmpose", "vitpose"}


@pytest.fixture(scope="module", params=ESTIMATORS)
def loaded(request, default_weights, weights_of):
    for name in WEIGHTS.get(request.param, ()):
        weights_of(name)
    try:
        return create_estimator(request.param, getattr(HumanConfig(), request.param), CPU)
    except (ConfigError, WeightsError) as error:
        if request.param in OPTIONAL:
            pytest.skip(str(error))
        raise


@pytest.fixture
def estimator(loaded):
    loaded.reset()
    return loaded


@pytest.fixture(scope="module")
def photo(data):
    path = data / "human_rgbd" / "color" / "00024.png"
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def coco(keypoints):
    return keypoints.xy[:, keypoints.skeleton.indices(*COCO_17.joints)]


def test_finds_the_two_people_of_a_photo(estimator, photo):
    people = estimator.estimate(photo, 0)
    assert len(people) == 2
    assert people.skeleton is estimator.skeleton
    assert ((people.score >= 0) & (people.score <= 1)).all()
    x, y = people.xy[:, people.skeleton.index("nose")].T
    assert (np.sort(x) > (240, 430)).all()
    assert (np.sort(x) < (300, 500)).all()
    assert ((y > 60) & (y < 230)).all()


def test_left_is_the_persons_left(estimator, photo):
    """Both people face the camera: their left is on the right of the image."""
    people = estimator.estimate(photo, 0)
    for left, right in (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")):
        index = people.skeleton.index
        assert (people.xy[:, index(left), 0] > people.xy[:, index(right), 0]).all()


def test_a_mirrored_photo_gives_mirrored_people(estimator, photo):
    straight = coco(estimator.estimate(photo, 0))
    estimator.reset()
    mirrored = coco(estimator.estimate(np.ascontiguousarray(photo[:, ::-1]), 0))
    mirrored = mirrored * (-1, 1) + (photo.shape[1] - 1, 0)
    twin = [COCO_17.index(_twin(joint)) for joint in COCO_17.joints]
    hips = [COCO_17.index(f"{side}_{joint}") for side in ("left", "right") for joint in ("hip", "shoulder")]
    a, b = straight[:, hips], mirrored[:, twin][:, hips]
    a, b = (points[np.argsort(points[:, 0, 0])] for points in (a, b))
    assert np.abs(a - b).mean() < 15


def test_positions_are_of_the_input_image_at_any_scale(estimator, photo):
    """The same photo at 1.5 times the size gives 1.5 times the coordinates: pixel centres, not edges."""
    large = cv2.resize(photo, None, fx=1.5, fy=1.5)
    a = coco(estimator.estimate(photo, 0))
    estimator.reset()
    b = (coco(estimator.estimate(large, 0)) + 0.5) / 1.5 - 0.5
    a, b = (points[np.argsort(points[:, 0, 0])][:, 5:13] for points in (a, b))
    assert np.abs(np.median(a - b, axis=(0, 1))).max() < 3


@pytest.mark.parametrize("image", [GREY, np.zeros((48, 64, 3), np.uint8), GREY[:, :40], GREY[:30]])
def test_nobody_is_invented(estimator, image):
    assert len(estimator.estimate(np.ascontiguousarray(image), 0)) == 0


def test_the_same_image_gives_the_same_answer(estimator, photo):
    first = estimator.estimate(photo, 0)
    estimator.reset()
    np.testing.assert_array_equal(estimator.estimate(photo, 0).xy, first.xy)


def test_people_are_kept_over_frames_and_forgotten_when_gone(estimator, photo):
    for n in range(3):
        assert len(estimator.estimate(photo, n * 33_000_000)) == 2
    assert len(estimator.estimate(np.zeros_like(photo), 100_000_000)) == 0
    assert len(estimator.estimate(photo, 400_000_000)) == 2


# rtmo has no weights but by path; those of keypoint_rcnn come with the package.
@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - {"rtmo", "keypoint_rcnn"}))
def test_missing_weights_say_what_to_do(name, tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    with pytest.raises(WeightsError, match="pose_ros weights get"):
        create_estimator(name, getattr(HumanConfig(), name), CPU)


def test_an_unknown_estimator_lists_the_valid_ones():
    with pytest.raises(ConfigError, match=r"blazepose, .*movenet"):
        create_estimator("openpose2", None, CPU)


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HumanConfig().estimator = "movenet"


def _twin(joint):
    swap = {"left": "right", "right": "left"}
    side = joint.split("_")[0]
    return joint.replace(side, swap[side]) if side in swap else joint
