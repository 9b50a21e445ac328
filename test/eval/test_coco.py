"""The key-point report against a stand-in estimator whose mistakes are known."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_ros.errors import ConfigError, SourceError
from pose_ros.eval import coco, report
from pose_ros.skeleton import BLAZEPOSE_33, COCO_17, Skeleton
from pose_ros.types import Keypoints2D

SHARED = Path(__file__).parents[2] / "../shared/data/coco"


class StandIn:
    """Answers the images with the poses it was given, in order; counts its resets."""

    def __init__(self, poses, skeleton=COCO_17):
        self.poses, self.skeleton, self.resets = poses, skeleton, 0
        self.shown, self.sizes = [], set()

    def reset(self):
        self.resets += 1
        self.shown.append(None)

    def estimate(self, rgb, stamp_ns):
        if rgb.shape not in self.sizes:  # the call that warms up
            self.sizes.add(rgb.shape)
            return Keypoints2D.empty(self.skeleton)
        xy = np.asarray(self.poses[self.resets - 1], float).reshape(-1, len(self.skeleton), 2)
        self.shown[-1] = rgb.shape
        score = np.full(xy.shape[:2], 0.9)
        return Keypoints2D(xy, score, np.zeros((len(xy), 4)), self.skeleton)


def person(center, size=60.0):
    """17 key points (17,3) with COCO's flag, on a grid around a centre."""
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 4)), -1).reshape(-1, 2)[:17]
    return np.column_stack([np.asarray(center) + size * grid, np.full(17, 2)])


def annotation(image, number, points, labelled=17, crowd=0):
    points = points.copy()
    points[labelled:] = 0
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    box = [*low, *(high - low)] if labelled else [500, 20, 20, 40]
    return {
        "image_id": image, "id": number, "category_id": 1, "iscrowd": crowd, "area": 10000.0,
        "bbox": [float(b) for b in box], "keypoints": points.ravel().tolist(), "num_keypoints": labelled,
    }  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    """Two images: the first with two people, the second with one and an unannotated figure."""
    people = [person((120, 120)), person((400, 200)), person((200, 300)), person((510, 40))]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
        "annotations": [
            annotation(1, 11, people[0]),
            annotation(1, 12, people[1]),
            annotation(2, 21, people[2]),
            annotation(2, 22, people[3], labelled=0),
        ],
    }
    (tmp_path / "people.json").write_text(json.dumps(content))
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((480, 640, 3), np.uint8))
    return tmp_path, [p[:, :2] for p in people]


def run(folder, poses, **options):
    return coco.eval_keypoints(folder / "people.json", folder, StandIn(poses, **options))


def test_the_truth_itself_scores_one(dataset):
    folder, people = dataset
    result = run(folder, [people[:2], people[2:3]])
    assert (result.oks_mean, result.ap, result.ar) == (1, 1, 1)
    assert (result.n_images, result.n_people, result.detected) == (2, 3, 3)
    assert (result.invented, result.duplicates) == (0, 0)
    assert [row["annotation"] for row in result.people] == [11, 12, 21]


def test_an_estimate_of_an_unannotated_person_is_no_invention(dataset):
    folder, people = dataset
    small = (510, 40) + 0.05 * (people[3] - (510, 40))
    result = run(folder, [people[:2], [people[2], small]])
    assert (result.invented, result.duplicates, result.ap) == (0, 0, 1)


def test_people_missed_invented_and_found_twice_are_counted(dataset):
    folder, people = dataset
    nobody = people[0] + (150, 230)
    result = run(folder, [[people[0], people[0] + 2, nobody], []])
    assert (result.n_people, result.detected) == (3, 1)
    assert (result.invented, result.duplicates) == (1, 1)
    assert result.oks_mean == pytest.approx(1 / 3)
    assert result.ar == pytest.approx(1 / 3)


def test_one_estimate_cannot_stand_for_two_people(dataset):
    folder, people = dataset
    between = [0.9 * people[0] + 0.1 * people[1]]
    rows = run(folder, [between, []]).people
    assert sum(row["oks"] > 0 for row in rows) == 1


def test_the_estimator_starts_afresh_with_every_image(dataset):
    folder, people = dataset
    estimator = StandIn([people[:2], people[2:3]])
    coco.eval_keypoints(folder / "people.json", folder, estimator)
    assert estimator.shown == [(480, 640, 3), (480, 640, 3)]


def test_joints_are_found_by_name_in_file_and_skeleton(dataset):
    folder, people = dataset
    content = json.loads((folder / "people.json").read_text())
    order = np.random.default_rng(0).permutation(17)
    content["categories"][0]["keypoints"] = [COCO_17.joints[k] for k in order]
    for a in content["annotations"]:
        a["keypoints"] = np.reshape(a["keypoints"], (17, 3))[order].ravel().tolist()
    (folder / "people.json").write_text(json.dumps(content))
    wide = np.zeros((4, 33, 2))
    wide[:, BLAZEPOSE_33.indices(*COCO_17.joints)] = people
    result = run(folder, [wide[:2], wide[2:3]], skeleton=BLAZEPOSE_33)
    assert result.oks_mean == 1
    with pytest.raises(ConfigError, match="left_eye"):
        run(folder, [[], []], skeleton=Skeleton("nose_only", ("nose",), ()))


def test_unreadable_files_and_images_are_named(dataset):
    folder, _ = dataset
    (folder / "b.png").unlink()
    with pytest.raises(SourceError, match=r"b\.png"):
        run(folder, [[], []])
    for content in ("", "[]", '{"images": []}'):
        (folder / "people.json").write_text(content)
        with pytest.raises(SourceError, match=r"people\.json"):
            run(folder, [])
    with pytest.raises(SourceError, match=r"none\.json"):
        coco.read_annotations(folder / "none.json")


def test_report_reads_as_a_table_and_as_json(dataset, tmp_path):
    folder, people = dataset
    result = run(folder, [people[:2], []])
    assert "annotation" in str(result)
    assert "oks_mean" in str(result)
    report.write_json(tmp_path / "out/report.json", dataclasses.asdict(result))
    keys = {"oks_mean", "ap", "ar", "n_people", "detected", "ms_per_image"}
    assert keys <= set(json.loads((tmp_path / "out/report.json").read_text()))


@pytest.mark.skipif(not SHARED.exists(), reason="no shared data: ../shared/data/coco")
def test_the_shared_images_hold_twelve_people_and_their_truth_scores_one():
    images = coco.read_annotations(SHARED / "test_coco.json")
    poses = [image.xy[~image.ignored] for image in images]
    result = coco.eval_keypoints(SHARED / "test_coco.json", SHARED, StandIn(poses))
    assert (result.n_images, result.n_people, result.detected) == (4, 12, 12)
    assert (result.oks_mean, result.ap, result.ar) == (1, 1, 1)
