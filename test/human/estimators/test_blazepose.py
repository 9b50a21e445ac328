"""BlazePose's own ways: a tracked person costs no detector, 3D belongs to the image, batches are singles."""

import cv2
import numpy as np
import pytest
import torch

from pose_ros.human.estimators.blazepose import FRAMES_BETWEEN, BlazePose, BlazePoseConfig, regions_about
from pose_ros.human.similarity import distinct, similarity
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17
from pose_ros.types import Keypoints2D

STEP = 33_000_000


@pytest.fixture(scope="module")
def loaded(default_weights):
    return BlazePose(BlazePoseConfig(), torch.device("cpu"))


@pytest.fixture
def blazepose(loaded):
    loaded.reset()
    return loaded


@pytest.fixture(scope="session")
def photos(data):
    paths = sorted((data / "human_rgbd" / "color").glob("*.png"))[:2]
    return [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]


def test_detector_runs_first_then_only_now_and_then(blazepose, photos):
    ran = []
    for n in range(36):
        assert len(blazepose.estimate(photos[n % 2], n * STEP)) == 2
        ran.append(blazepose.stage_ms["detect"] > 0)
    assert ran[0]
    assert sum(ran) == 2  # at 0 s, and when a second had passed


def test_most_searches_beside_followed_people_look_for_large_ones_only(blazepose, photos, monkeypatch):
    looks = []
    look = blazepose._detector._look
    monkeypatch.setattr(blazepose._detector, "_look", lambda rgb, side: looks.append(side) or look(rgb, side))
    full = blazepose.config.detector.long_side
    searches = []
    for frame in range(5 * FRAMES_BETWEEN + 1):  # so slow that a search is due at every frame
        looks.clear()
        blazepose.estimate(photos[0], frame * 1_100_000_000)
        if looks:
            searches.append((frame, full in looks))
    assert searches == [
        (n * FRAMES_BETWEEN, whole) for n, whole in enumerate([True, False, False, False, True, False])
    ]


def test_a_turned_photo_gives_turned_people_and_3d(blazepose, photos):
    """Quarter turn: regions follow the spine, and the 3D is in the image's axes."""
    upright = blazepose.estimate(photos[0], 0)
    blazepose.reset()
    turned = blazepose.estimate(np.ascontiguousarray(np.rot90(photos[0], -1)), 0)
    for people, axis, sign in ((upright, 1, 1), (turned, 0, -1)):
        assert len(people) >= 1
        spine = people.xyz_root[0, people.skeleton.index("left_hip")]
        spine = spine - people.xyz_root[0, people.skeleton.index("left_shoulder")]
        assert np.argmax(np.abs(spine)) == axis
        assert np.sign(spine[axis]) == sign


def test_a_batch_of_regions_is_each_region_alone(blazepose, photos):
    detected = blazepose._detector.detect(photos[0])
    regions = regions_about(detected)
    blazepose.stage_ms = {"landmarks": 0.0}
    both, _ = blazepose._landmarks(photos[0], regions)
    for n in range(len(regions)):
        alone, _ = blazepose._landmarks(photos[0], regions.select(np.array([n])))
        np.testing.assert_allclose(alone.xy[0], both.xy[n], atol=0.01)


def test_similarity_is_one_for_the_same_and_falls_with_distance():
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 200, (3, 17, 2))
    box = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    alike = similarity(xy, xy, box)
    np.testing.assert_allclose(np.diag(alike), 1)
    values = [similarity(xy, xy + shift, box)[0, 0] for shift in (1, 5, 20, 80)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.01


def test_the_first_of_equal_people_stays():
    xy = np.random.default_rng(0).uniform(0, 200, (2, 17, 2))[[0, 1, 0]] + np.array([0, 0, 1])[:, None, None]
    box = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    people = Keypoints2D(xy, np.ones((3, 17)), box, COCO_17)
    assert distinct(people, 0.5).tolist() == [0, 1]


def test_every_joint_of_coco_is_one_of_blazeposes():
    assert set(COCO_17.joints) <= set(BLAZEPOSE_33.joints)
    for left, right in BLAZEPOSE_33.mirror_pairs:
        assert BLAZEPOSE_33.index(right) - BLAZEPOSE_33.index(left) in (1, 3)
