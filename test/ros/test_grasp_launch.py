"""grasp's launch file, parameters file and RViz file say what is there; the node runs as a process."""

import re

import pytest
import yaml
from imports import ROOT
from launch_files import LAUNCH, node_of, variables
from test_grasp_node import Table, cache

from pose_ros.ros.grasp_node import GraspNode

__all__ = ["cache"]
FILE = "grasp.launch.xml"


@pytest.fixture
def node(ros):
    node = GraspNode()
    node.autostart()
    yield node
    node.on_cleanup(None)
    node.destroy_node()


def test_parameters_and_remapped_topics_are_the_node_s(node):
    launched = node_of("grasp", FILE)
    for param in launched.findall("param"):
        if param.get("name"):
            assert node.has_parameter(param.get("name"))
    topics = {entity.topic_name for entity in (*node.subscriptions, *node.publishers)}
    remapped = {f"/{remap.get('from')}" for remap in launched.findall("remap")}
    assert {"/depth", "/camera_info", "/depth/camera_info", "/collision_object"} == remapped
    pytest.importorskip("moveit_msgs")
    assert remapped <= topics


def test_the_parameters_file_and_its_examples_hold_parameters_of_the_node(node):
    text = (ROOT / "config" / "grasp.yaml").read_text()
    (section,) = yaml.safe_load(text).values()
    examples = dict(re.findall(r"^#   ([\w.]+): (.+)$", text, re.MULTILINE))
    assert len(examples) >= 3
    for name, value in (section["ros__parameters"] | examples).items():
        assert node.has_parameter(name)
        given = yaml.safe_load(value) if isinstance(value, str) else value
        assert isinstance(given, type(node.get_parameter(name).value))


def test_rviz_shows_what_is_published():
    assert "config/grasp.rviz" in node_of("rviz2", FILE).get("args")
    displays = yaml.safe_load((ROOT / "config" / "grasp.rviz").read_text())["Visualization Manager"][
        "Displays"
    ]
    topics = {d["Topic"]["Value"] for d in displays if "Topic" in d}
    assert topics == {"objects/markers", "grasp/markers", "grasp/poses"}
    published = "".join(
        (ROOT / "pose_ros" / "ros" / f"{name}.py").read_text() for name in ("grasp_output", "objects_output")
    )
    assert all(f'"{topic}"' in published for topic in topics)


def test_the_default_gripper_file_is_there():
    (default,) = [a.get("default") for a in LAUNCH[FILE].findall("arg") if a.get("name") == "gripper_file"]
    assert not variables(default)
    assert (ROOT / re.sub(r"\$\(find-pkg-share pose_ros\)/", "", default)).is_file()


def test_it_runs_as_a_process_and_ends_when_told(process, peer, tmp_path):
    few = "-p", "onboard.samples:=100", "-p", "onboard.pairs:=20"
    started = process(*few, script=ROOT / "scripts" / "grasp")
    table = Table(peer, tmp_path)
    table.tell_models()
    from tf2_msgs.msg import TFMessage

    tf = peer.listen(TFMessage, "/tf")
    table.keep_showing(lambda: tf, "frames", ("block_1", "block", (0.0, 0.0)))
    assert started.stop() == 0


def test_a_parameter_that_does_not_exist_ends_it_with_the_reason(process):
    started = process("-p", "gripper:=panda", script=ROOT / "scripts" / "grasp")
    assert started.wait(60) == 1
    assert "unknown parameter 'gripper'; valid: autostart, base_frame, gripper_file" in started.log
