"""Sequences of people as files: one a person, ids used again, gaps told of, and read again."""

from dataclasses import replace

import numpy as np
import pytest
from articulated import articulated, random_bends

from pose_ros.errors import ConfigError
from pose_ros.human.formats import FORMATS, convert, write_formats
from pose_ros.human.formats.bvh import read_bvh
from pose_ros.human.formats.files import read_gmr
from pose_ros.human.formats.skeletons import POINT_FORMATS
from pose_ros.types import People, TrackState

STEP = 33_333_333


def sequence(*frames) -> list[People]:
    return [People(tuple(people), n * STEP, "camera") for n, people in enumerate(frames)]


def two_people(frames: int = 5) -> list[People]:
    return sequence(
        *(
            [articulated(random_bends(n), id="p1", age=n + 2), articulated(id="p2", age=n + 2)]
            for n in range(frames)
        )
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_a_file_a_person(name, tmp_path):
    written = write_formats(two_people(), name, tmp_path / "new")
    ending = ".bvh" if name == "bvh" else f"_{name}.npz"
    assert [one.path.name for one in written] == [f"p1{ending}", f"p2{ending}"]
    assert all(one.frames == 5 and one.path.stat().st_size for one in written)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [one.path.name for one in written]


def test_points_are_those_of_convert(tmp_path):
    people = two_people()
    (path, _) = (one.path for one in write_formats(people, "openpose_25", tmp_path))
    expected = [convert(one.people[0], "openpose_25") for one in people]
    with np.load(path) as file:
        assert tuple(file["joints"]) == POINT_FORMATS["openpose_25"].joints
        np.testing.assert_array_equal(file["stamps_ns"], [n * STEP for n in range(5)])
        np.testing.assert_array_equal(file["xyz"], np.concatenate([one.xyz for one in expected]))
        np.testing.assert_array_equal(file["score"], np.concatenate([one.score for one in expected]))
        assert (str(file["format"]), str(file["frame_id"])) == ("openpose_25", "camera")


def test_smpl_has_orientation_and_pose_as_smpl_takes_them(tmp_path):
    people = two_people()
    path = write_formats(people, "smpl_24", tmp_path)[0].path
    pose = convert(people[3].people[0], "smpl_24")
    with np.load(path) as file:
        assert (file["global_orient"].shape, file["body_pose"].shape) == ((5, 3), (5, 23, 3))
        np.testing.assert_array_equal(file["global_orient"][3], pose.axis_angle[0])
        np.testing.assert_array_equal(file["body_pose"][3], pose.axis_angle[1:])
        np.testing.assert_array_equal(file["xyz"][3], pose.xyz)


def test_gmr_reads_back_as_the_dictionaries_it_takes(tmp_path):
    gone = articulated(id="p1", unknown=("left_wrist",))
    people = sequence([articulated(id="p1")], [gone])
    (written,) = write_formats(people, "gmr", tmp_path)
    assert written.unknown == {"left_wrist": 1}
    assert "left_wrist 1" in str(written)
    frames = read_gmr(written.path)
    for frame, one in zip(frames, people, strict=True):
        expected = convert(one.people[0], "gmr")
        assert set(frame) == set(expected)
        for body, (position, quaternion) in expected.items():
            np.testing.assert_array_equal(frame[body][0], position)
            np.testing.assert_array_equal(frame[body][1], quaternion)


def test_bvh_reads_back(tmp_path):
    written = write_formats(two_people(), "bvh", tmp_path)
    motion = read_bvh(written[0].path.read_text())
    assert len(motion) == 5
    assert motion.frame_time == pytest.approx(1 / 30, abs=1e-6)


def test_another_person_under_a_used_id_has_another_file(tmp_path):
    first = [articulated(id="p1", age=n) for n in (3, 4, 5)]
    second = [articulated(id="p1", age=n) for n in (2, 3)]
    written = write_formats(sequence(*([one] for one in first + second)), "coco_17", tmp_path)
    assert [(one.path.name, one.frames) for one in written] == [
        ("p1_coco_17.npz", 3), ("p1_2_coco_17.npz", 2),
    ]  # fmt: skip


def test_only_who_is_tracked_is_written(tmp_path):
    maybe = replace(articulated(id="p1"), state=TrackState.TENTATIVE)
    assert write_formats(sequence([maybe]), "gmr", tmp_path) == []
    assert write_formats([], "bvh", tmp_path) == []


def test_someone_without_hips_is_no_motion_and_told_of(tmp_path):
    nowhere = articulated(id="p1", unknown=("left_hip", "right_hip", "body"))
    (written,) = write_formats(sequence([nowhere], [nowhere]), "bvh", tmp_path)
    assert (written.frames, written.unknown) == (0, {"Hips": 2})
    assert not written.path.exists()


def test_an_unknown_format_writes_nothing(tmp_path):
    with pytest.raises(ConfigError, match=r"valid: .*bvh"):
        write_formats(two_people(), "fbx", tmp_path / "new")
    assert not (tmp_path / "new").exists()
