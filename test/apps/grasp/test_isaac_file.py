"""isaac_grasp files: written and read back, those of others, broken ones."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from shapes_to_grasp import FEW, PANDA, grasps_of, known

from pose_ros.apps.grasp.errors import GraspFileError
from pose_ros.apps.grasp.export import export_grasps
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.isaac_file import (
    grasps_of_isaac,
    isaac_grasps,
    read_isaac_grasps,
    write_isaac_grasps,
)

# Fields and frames as Isaac Sim's and Isaac ROS's documentation have them; numbers of our own.
OTHERS = """
format: isaac_grasp
format_version: 1.0
{frames}
grasps:
  "grasp_0":
    confidence: 0.75
    position: [0.01, -0.02, 0.2]
    orientation: {{w: 0.0, xyz: [1.0, 0.0, 0.0]}}
    cspace_position: {{panda_finger_joint1: 0.01}}
    pregrasp_cspace_position:
      panda_finger_joint1: 0.04
  "grasp_1":
    confidence: 1.0
    position: [0, 0, 0.3]
    orientation: {{w: 0.7071068, xyz: [0.7071068, 0, 0]}}
"""


def test_written_and_read_back_is_the_same(tmp_path):
    grasps = grasps_of("mug")
    file = tmp_path / "mug.yaml"
    write_isaac_grasps(isaac_grasps(grasps, PANDA, "/World/mug"), file)
    read = read_isaac_grasps(file)
    assert (read.object_frame, read.gripper_frame) == ("/World/mug", "panda_hand")
    back = grasps_of_isaac(read, PANDA, grasps.skin)
    np.testing.assert_allclose(
        back.object_from_grasp.translation, grasps.object_from_grasp.translation, atol=1e-7
    )
    np.testing.assert_allclose(back.object_from_grasp.rotation, grasps.object_from_grasp.rotation, atol=1e-7)
    for name in ("width", "opening", "quality"):
        np.testing.assert_allclose(getattr(back, name), getattr(grasps, name), atol=1e-8)
    again = tmp_path / "again.yaml"
    write_isaac_grasps(read, again)
    for name, grasp in read_isaac_grasps(again).grasps.items():
        assert grasp.cspace_position == read.grasps[name].cspace_position
        difference = (grasp.object_from_link.inverse() @ read.grasps[name].object_from_link).log()
        assert np.abs(difference).max() < 1e-8


def test_what_is_written_has_the_documented_fields(tmp_path):
    file = tmp_path / "mug.yaml"
    grasps = grasps_of("mug")
    write_isaac_grasps(isaac_grasps(grasps, PANDA, "mug"), file)
    document = yaml.safe_load(file.read_text())
    assert list(document) == [
        "format", "format_version", "object_frame_link", "gripper_frame_link", "grasps"
    ]  # fmt: skip
    assert (document["format"], document["format_version"]) == ("isaac_grasp", 1.0)
    first = document["grasps"]["grasp_0"]
    assert list(first) == [
        "confidence", "position", "orientation", "cspace_position", "pregrasp_cspace_position"
    ]  # fmt: skip
    assert set(first["orientation"]) == {"w", "xyz"}
    assert first["cspace_position"] == {"panda_finger_joint1": pytest.approx(grasps.width[0] / 2)}
    # the hand's link is 0.1034 m behind the grasp frame
    link, tcp = np.array(first["position"]), grasps.object_from_grasp.translation[0]
    np.testing.assert_allclose(tcp - link, 0.1034 * grasps.object_from_grasp.rotation[0, :, 2], atol=1e-7)


@pytest.mark.parametrize(
    "frames",
    [
        "object_frame_link: /World/mug\ngripper_frame_link: /World/panda_hand",
        "object_frame: /World/mug\ngripper_frame: /World/panda_hand",
        "",
    ],
    ids=["Isaac Sim", "Isaac ROS", "none"],
)
def test_files_of_others_are_read(tmp_path, frames):
    file = tmp_path / "mug.yaml"
    file.write_text(OTHERS.format(frames=frames))
    read = read_isaac_grasps(file)
    assert read.object_frame == ("/World/mug" if frames else "")
    assert len(read) == 2
    first = read.grasps["grasp_0"]
    assert first.confidence == 0.75
    np.testing.assert_allclose(first.object_from_link.rotation, np.diag([1, -1, -1]), atol=1e-12)
    grasps = grasps_of_isaac(read, PANDA, grasps_of("mug").skin)
    np.testing.assert_allclose(grasps.quality, [1.0, 0.75])  # best first
    np.testing.assert_allclose(grasps.object_from_grasp.translation[1], [0.01, -0.02, 0.2 - 0.1034])
    assert grasps.width[1] == pytest.approx(0.02)
    assert grasps.opening.tolist() == [0.08, 0.08]


def test_a_gripper_whose_joint_closes_upwards():
    inverted = Gripper(max_width=0.05, joints="left, right", joint_per_width=-0.5, joint_when_closed=0.025)
    assert inverted.joint_names == ("left", "right")
    assert inverted.joint_of(0.05) == pytest.approx(0.0)
    assert inverted.width_of(inverted.joint_of(0.013)) == pytest.approx(0.013)


def changed(**values):
    document = yaml.safe_load(OTHERS.format(frames=""))
    grasp = document["grasps"]["grasp_0"]
    for key, value in values.items():
        owner = document if key in document else grasp
        if value is None:
            del owner[key]
        else:
            owner[key] = value
    return yaml.safe_dump(document)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not say format: isaac_grasp"),
        ("- 1\n- 2", "does not say format"),
        ("a: [1, 2", "cannot be read"),
        (changed(format="moveit"), "unknown format 'moveit'; valid: isaac_grasp"),
        (changed(format_version=2.0), "unknown format_version 2.0; valid: 1.0"),
        (changed(grasps=[1, 2]), "has no grasps by name"),
        (changed(position=None), "grasp_0: 'position' is missing"),
        (changed(position=[1, 2]), "position is [1, 2], must be 3 finite"),
        (changed(position=[1, 2, float("nan")]), "must be 3 finite"),
        (changed(position=["a", "b", "c"]), "must be 3 finite"),
        (changed(orientation=[0, 0, 0, 1]), "must be {w, xyz}"),
        (changed(orientation={"w": 0.5, "xyz": [0, 0, 0]}), "orientation has length 0.5, must be 1"),
        (changed(confidence=1.5), "confidence is 1.5, must lie in [0, 1]"),
        (changed(confidence=None), "'confidence' is missing"),
        (changed(cspace_position=[0.1]), "must be positions by joint"),
        (changed(cspace_position={"panda_finger_joint1": "open"}), "cspace_position is 'open'"),
    ],
)
def test_broken_files_are_refused_telling_what_is_wrong(tmp_path, text, words):
    file = tmp_path / "mug.yaml"
    file.write_text(text)
    with pytest.raises(GraspFileError) as error:
        read_isaac_grasps(file)
    assert words in str(error.value)
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there_and_joints_of_another_gripper(tmp_path):
    with pytest.raises(GraspFileError, match="cannot be read"):
        read_isaac_grasps(tmp_path / "none.yaml")
    file = tmp_path / "mug.yaml"
    file.write_text(changed(cspace_position={"finger_joint": 0.3}))
    with pytest.raises(GraspFileError, match="unknown joint 'finger_joint'; valid: panda_finger_joint1"):
        grasps_of_isaac(read_isaac_grasps(file), PANDA, grasps_of("mug").skin)


def test_models_are_written_each_into_its_file_and_those_without_grasps_told(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_ROS_WEIGHTS", str(tmp_path))
    models = {name: known(name) for name in ("block", "wide_cube")}
    told = export_grasps(models, tmp_path / "out", PANDA, replace(FEW, samples=100, pairs=20, grasps=10))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["block.yaml"]
    read = read_isaac_grasps(tmp_path / "out" / "block.yaml")
    assert read.object_frame == "block"
    assert told["block"] == f"{len(read)} grasps"
    assert told["wide_cube"].startswith("none: ")
    assert "0.100 m wide" in told["wide_cube"]


def test_an_empty_file_of_grasps_is_an_empty_set(tmp_path):
    file = tmp_path / "mug.yaml"
    file.write_text(changed(grasps={}))
    assert len(grasps_of_isaac(read_isaac_grasps(file), PANDA, grasps_of("mug").skin)) == 0
