"""The launch files say what is there: arguments, executables, topics, frames, files.

ROS's own `launch` runs them elsewhere; as they are declarative, what they mean can be checked without it.
test/ros/test_launched_nodes.py asks the nodes.
"""

import re
import xml.etree.ElementTree as ElementTree

import pytest
import yaml
from imports import ROOT
from launch_files import (
    CAMERAS,
    LAUNCH,
    NODES,
    arguments,
    attributes,
    choices,
    defaults,
    label,
    node_of,
    variables,
)

from pose_ros.geometry.rigid import matrix_from_quaternion
from pose_ros.sources.source import FRAME_ID

PRESET = {"image", "depth", "camera_info", "depth_camera_info", "fixed_frame"}
OTHERS = {("rviz2", "rviz2"), ("tf2_ros", "static_transform_publisher")}


@pytest.mark.parametrize("root", [*LAUNCH.values(), *CAMERAS.values()], ids=[*LAUNCH, *CAMERAS])
def test_every_argument_is_described_and_its_default_is_a_choice(root):
    assert root.tag == "launch"
    assert len(arguments(root)) == len(root.findall("arg")), "an argument is declared twice"
    for name, arg in arguments(root).items():
        assert len(arg.get("description", "")) > 10, name
        assert not choices(arg) or arg.get("default") in choices(arg), name


@pytest.mark.parametrize("root", LAUNCH.values(), ids=LAUNCH)
def test_every_variable_is_an_argument_and_every_argument_is_used(root):
    used = set().union(*map(variables, attributes(root)))
    declared = set(arguments(root))
    assert used - declared <= (PRESET if "camera" in declared else set())
    assert declared <= used


def test_the_cameras_to_choose_from_are_the_presets():
    camera = arguments(LAUNCH["human_pose.launch.xml"])["camera"]
    assert sorted(f"{choice}.xml" for choice in choices(camera)) == sorted(CAMERAS)


@pytest.mark.parametrize("name", CAMERAS)
def test_a_preset_names_all_topics_and_the_frame(name):
    topics = defaults(CAMERAS[name])
    assert set(topics) == PRESET
    topics.pop("fixed_frame")
    pattern = r"\w+(/\w+)*" if name == "none.xml" else r"(/\w+)+"  # none: relative, they follow the namespace
    assert all(re.fullmatch(pattern, topic) for topic in topics.values())


def test_without_a_preset_topics_keep_the_names_they_have_in_the_node():
    for remap in node_of("human_pose").findall("remap"):
        (argument,) = variables(remap.get("to"))
        assert defaults(CAMERAS["none.xml"])[argument] == remap.get("from")


@pytest.mark.parametrize(("file", "node"), NODES, ids=label)
def test_every_executable_exists(file, node):
    if node.get("pkg") == "pose_ros":
        assert (ROOT / "scripts" / node.get("exec")).is_file()
    else:
        assert (node.get("pkg"), node.get("exec")) in OTHERS
        assert f">{node.get('pkg')}<" in (ROOT / "package.xml").read_text()


@pytest.mark.parametrize("root", LAUNCH.values(), ids=LAUNCH)
def test_every_file_that_is_named_exists(root):
    """All below pose_ros's share are installed from the same place in the sources: test_package knows."""
    paths = [
        path.replace("$(var camera)", "none")
        for text in attributes(root)
        for path in re.findall(r"\$\(find-pkg-share pose_ros\)/((?:\$\(var camera\)|[\w./])+)", text)
    ]
    assert paths
    assert not [path for path in paths if not (ROOT / path).is_file()]


def test_the_demo_gives_arguments_that_exist():
    (include,) = LAUNCH["demo.launch.xml"].findall("include")
    assert set(arguments(include)) <= set(arguments(LAUNCH["human_pose.launch.xml"]))


def test_the_demo_links_the_frame_of_sources_to_the_one_rviz_shows():
    words = node_of("static_transform_publisher").get("args").split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert given["--child-frame-id"] == FRAME_ID
    assert given["--frame-id"] == defaults(CAMERAS["none.xml"])["fixed_frame"]
    link_from_optical = matrix_from_quaternion([float(given[f"--q{axis}"]) for axis in "xyzw"])
    forward, left, up = [0, 0, 1], [-1, 0, 0], [0, -1, 0]  # in the optical frame, REP-103
    assert link_from_optical.round().tolist() == [forward, left, up]


def test_rviz_shows_what_is_published():
    config = yaml.safe_load((ROOT / "config" / "human_pose.rviz").read_text())["Visualization Manager"]
    displays = {display["Class"].split("/")[1]: display for display in config["Displays"]}
    assert {"DepthCloud", "Image", "MarkerArray", "TF"} <= set(displays)
    published = (ROOT / "pose_ros" / "ros" / "people_output.py").read_text()
    for kind in ("MarkerArray", "Image"):
        assert f'"{displays[kind]["Topic"]["Value"]}"' in published
    cloud = displays["DepthCloud"]
    shown = {cloud["Depth Map Topic"], cloud["Color Image Topic"], "/camera_info"}
    assert shown == {remap.get("from") for remap in node_of("rviz2").findall("remap")}


def test_the_dds_profile_gives_images_room():
    root = ElementTree.parse(ROOT / "config" / "fastdds.xml").getroot()
    (size,) = (int(element.text) for element in root.iter() if element.tag.endswith("segment_size"))
    assert size > 4 * 1280 * 720 * (3 + 2)  # colour and depth
