"""eval_people over a stand-in source, with a stand-in pipeline that answers truth plus known errors."""

import json

import numpy as np
import pytest
from people_scene import FRAMES, perfect, walk

from pose_ros.errors import SourceError
from pose_ros.eval import people, report
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.skeleton import COCO_17
from pose_ros.sources.source import Source
from pose_ros.types import (
    Keypoints2D,
    Keypoints3D,
    Origin,
    People,
    Person,
    RGBDFrame,
    TrackState,
)

CAMERA = PinholeCamera(200, 200, 159.5, 119.5, 320, 240)


class Walls(Source):
    """The walk seen before a wall `depth` metres away; the right half of the image has no depth."""

    name, camera = "walls", CAMERA

    def __init__(self, depth=2.5, truth=True):
        self.truth = walk() if truth else None
        self.depth = np.full((240, 320), depth, np.float32)
        self.depth[:, 160:] = np.nan

    def __len__(self):
        return FRAMES

    def __iter__(self):
        for n in range(FRAMES):
            yield RGBDFrame(np.zeros((240, 320, 3), np.uint8), self.depth, CAMERA, n, "camera")


def answer(frame, shifts=(0.0, 0.0), states=(TrackState.TRACKED,) * 2):
    """The two people so many metres too far to the right."""
    found = []
    for person, shift, state in zip(walk()[f"{frame.stamp_ns:05d}"], shifts, states, strict=True):
        xyz = np.array([[person.joints[name] for name in COCO_17.joints]])
        seen = Keypoints2D(CAMERA.project(xyz), np.ones((1, 17)), np.zeros((1, 4)), COCO_17)
        lifted = Keypoints3D(
            xyz + (shift, 0, 0),
            np.ones((1, 17)),
            np.zeros((1, 17, 3, 3)),
            np.full((1, 17), Origin.MEASURED),
            COCO_17,
        )
        frames = {k: RigidTransform(r, np.zeros(3)) for k, r in perfect(person).rotations.items()}
        found.append(Person(f"p{person.id}", state, 1, seen, lifted, frames))
    return People(tuple(found), frame.stamp_ns, "camera")


def test_pipeline_and_baselines_are_measured_on_the_same_people():
    figures = people.eval_people(Walls(), lambda frame: answer(frame, shifts=(0.03, 0.09))).figures
    assert (figures["n_people"], figures["detected"]) == (2 * FRAMES, 2 * FRAMES)
    assert figures["mpjpe_mm"] == pytest.approx(60)
    assert figures["orientation_deg"] == pytest.approx(0, abs=1e-4)
    # The wall stands in the first person's plane, where one pixel is exact; the second has no depth.
    assert figures["baseline_one_pixel_mpjpe_mm"] == pytest.approx(0, abs=0.1)
    assert figures["baseline_one_pixel_coverage"] == pytest.approx(0.5)
    assert figures["mpjpe_where_one_pixel_mm"] == pytest.approx(30)
    assert np.isnan(figures["baseline_scaled_root_mpjpe_mm"])
    assert figures["ms_per_frame"] > 0


def test_one_pixel_lands_on_the_wall_behind():
    figures = people.eval_people(Walls(depth=3.0), answer).figures
    along_rays = np.linalg.norm([p for p in walk()["00000"][0].joints.values()], axis=1).mean() * 0.5 / 2.5
    assert figures["baseline_one_pixel_mpjpe_mm"] == pytest.approx(1e3 * along_rays, rel=0.02)
    assert figures["mpjpe_mm"] == 0


def test_people_who_are_lost_are_not_shown():
    states = (TrackState.TENTATIVE, TrackState.LOST)
    figures = people.eval_people(Walls(), lambda frame: answer(frame, states=states)).figures
    assert figures["detected"] == FRAMES


def test_the_report_has_every_key_and_reads_as_tables(tmp_path):
    result = people.eval_people(Walls(), answer)
    report.write_json(tmp_path / "people.json", result.figures)
    keys = (
        "n_people detected mpjpe_mm mpjpe_visible_mm pa_mpjpe_mm orientation_deg pck_50mm id_switches "
        "lr_flips jitter_mm baseline_one_pixel_mpjpe_mm ms_per_frame"
    )
    written = json.loads((tmp_path / "people.json").read_text())
    assert set(keys.split()) <= set(written)
    assert written["baseline_scaled_root_mpjpe_mm"] is None
    assert all(word in str(result) for word in ("left_wrist", "body", "mpjpe_visible_mm"))


def test_a_source_without_truth_is_refused():
    with pytest.raises(SourceError, match="walls"):
        people.eval_people(Walls(truth=False), answer)
