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
OF_A_CAMERA = ("human_pose.launch.xml", "object_pose.launch.xml", "pose.launch.xml", "ar.launch.xml")
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


@pytest.mark.parametrize("file", OF_A_CAMERA)
def test_the_cameras_to_choose_from_are_the_presets(file):
    camera = arguments(LAUNCH[file])["camera"]
    assert sorted(f"{choice}.xml" for choice in choices(camera)) == sorted(CAMERAS)


@pytest.mark.parametrize("file", ["human_pose.launch.xml", "pose.launch.xml"])
def test_the_estimators_to_choose_from_are_the_ready_parameter_files(file):
    estimator = arguments(LAUNCH[file])["estimator"]
    ready = (ROOT / "config" / "estimators").glob("*.yaml")
    assert sorted(choices(estimator)) == sorted(path.stem for path in ready)


@pytest.mark.parametrize("name", CAMERAS)
def test_a_preset_names_all_topics_and_the_frame(name):
    topics = defaults(CAMERAS[name])
    assert set(topics) == PRESET
    topics.pop("fixed_frame")
    pattern = r"\w+(/\w+)*" if name == "none.xml" else r"(/\w+)+"  # none: relative, they follow the namespace
    assert all(re.fullmatch(pattern, topic) for topic in topics.values())


@pytest.mark.parametrize("name", ["human_pose", "object_pose", "ar"])
def test_without_a_preset_topics_keep_the_names_they_have_in_the_node(name):
    given = defaults(LAUNCH[f"{name}.launch.xml"]) | defaults(CAMERAS["none.xml"])
    for remap in node_of(name).findall("remap"):
        (argument,) = variables(remap.get("to"))
        assert given[argument] == remap.get("from")


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
        path.replace("$(var camera)", "none").replace("$(var estimator)", "blazepose")
        for text in attributes(root)
        for path in re.findall(
            r"\$\(find-pkg-share pose_ros\)/((?:\$\(var (?:camera|estimator)\)|[\w./])+)", text
        )
    ]
    assert paths
    assert not [path for path in paths if not (ROOT / path).is_file()]


@pytest.mark.parametrize(("file", "count"), [("demo.launch.xml", 1), ("pose.launch.xml", 2)])
def test_an_included_file_is_given_arguments_it_has(file, count):
    includes = [include for include in LAUNCH[file].iter("include") if "/launch/" in include.get("file")]
    assert len(includes) == count
    for include in includes:
        assert set(arguments(include)) <= set(arguments(LAUNCH[include.get("file").split("/")[-1]]))


def test_both_nodes_are_given_one_camera_and_publish_pictures_of_their_own():
    includes = {
        include.get("file").split("/")[-1]: include for include in LAUNCH["pose.launch.xml"].iter("include")
    }
    given = {
        name: {arg.get("name"): arg.get("value") for arg in include.findall("arg")}
        for name, include in includes.items()
    }
    people, objects = given["human_pose.launch.xml"], given["object_pose.launch.xml"]
    for name in ("camera", "namespace", "use_sim_time", "log_level"):
        assert people[name] == objects[name] == f"$(var {name})"
    assert people["rviz"] == objects["rviz"] == "false"
    assert objects["image_annotated"] != "image_annotated"
    # An include sets its arguments for all that follows, but in a group of its own.
    assert all(len(group.findall("include")) == 1 for group in LAUNCH["pose.launch.xml"].findall("group"))
    assert len(LAUNCH["pose.launch.xml"].findall("group")) == 2


def test_the_demo_links_the_frame_of_sources_to_the_one_rviz_shows():
    words = node_of("static_transform_publisher").get("args").split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    assert given["--child-frame-id"] == FRAME_ID
    assert given["--frame-id"] == defaults(CAMERAS["none.xml"])["fixed_frame"]
    link_from_optical = matrix_from_quaternion([float(given[f"--q{axis}"]) for axis in "xyzw"])
    forward, left, up = [0, 0, 1], [-1, 0, 0], [0, -1, 0]  # in the optical frame, REP-103
    assert link_from_optical.round().tolist() == [forward, left, up]


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("human_pose", ["people_output"]),
        ("object_pose", ["objects_output"]),
        ("pose", ["people_output", "objects_output"]),
    ],
)
def test_rviz_shows_what_is_published(name, outputs):
    rviz = node_of("rviz2", f"{name}.launch.xml")
    assert f"config/{name}.rviz" in rviz.get("args")
    config = yaml.safe_load((ROOT / "config" / f"{name}.rviz").read_text())["Visualization Manager"]
    displays = [(display["Class"].split("/")[1], display) for display in config["Displays"]]
    kinds = [kind for kind, _ in displays]
    assert {"DepthCloud", "Image", "MarkerArray", "TF"} <= set(kinds)
    assert kinds.count("MarkerArray") == kinds.count("Image") == len(outputs)
    published = "".join((ROOT / "pose_ros" / "ros" / f"{output}.py").read_text() for output in outputs)
    moved = [arg.get("value") for arg in LAUNCH[f"{name}.launch.xml"].iter("arg") if arg.get("value")]
    for kind, display in displays:
        if kind in ("MarkerArray", "Image"):
            topic = display["Topic"]["Value"]
            assert f'"{topic}"' in published or topic in moved
    cloud = dict(displays)["DepthCloud"]
    shown = {cloud["Depth Map Topic"], cloud["Color Image Topic"], "/camera_info"}
    assert shown == {remap.get("from") for remap in rviz.findall("remap")}


def test_the_dds_profile_gives_images_room():
    root = ElementTree.parse(ROOT / "config" / "fastdds.xml").getroot()
    (size,) = (int(element.text) for element in root.iter() if element.tag.endswith("segment_size"))
    assert size > 4 * 1280 * 720 * (3 + 2)  # colour and depth
