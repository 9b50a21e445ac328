"""The applications' nodes have the parameters and topics that launch/ and config/ give them."""

from __future__ import annotations

import re

import pytest
import yaml
from imports import ROOT
from launch_files import LAUNCH, arguments, choices, defaults, node_of, variables

from pose_ros.ros.app_node import AppNode
from pose_ros.ros.ar_node import ArNode
from pose_ros.ros.grasp_node import GraspNode
from pose_ros.ros.mimicry_node import MimicryNode
from pose_ros.ros.posture_node import PostureNode
from pose_ros.ros.record_node import RecordNode

APPS: dict[str, type[AppNode]] = {
    "ar": ArNode,
    "grasp": GraspNode,
    "mimicry": MimicryNode,
    "posture": PostureNode,
    "record": RecordNode,
}
IN_RVIZ = [name for name in APPS if name != "record"]  # which shows nothing


@pytest.fixture(params=APPS)
def app(request, ros, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for what is written
    node = APPS[request.param]()
    node.autostart()
    assert node.state == "active", node.failure
    yield node
    node.on_cleanup(None)
    node.destroy_node()


def launched(app: AppNode):
    """(the launch file, its element of the node)."""
    file = f"{app.get_name()}.launch.xml"
    return LAUNCH[file], node_of(app.get_name(), file)


def test_parameters_exist_and_take_what_may_be_chosen(app):
    root, element = launched(app)
    given = [param for param in element.findall("param") if param.get("name")]
    assert given
    for param in given:
        assert app.has_parameter(param.get("name")), param.get("name")
        for argument in variables(param.get("value")) & set(arguments(root)):
            kinds = {type(yaml.safe_load(choice)) for choice in choices(arguments(root)[argument])}
            assert kinds <= {type(app.get_parameter(param.get("name")).value)}


def test_the_usual_arguments_are_there(app):
    root, _ = launched(app)
    usual = {"namespace", "params_file", "use_sim_time", "log_level"}
    assert usual <= set(arguments(root))
    assert ("rviz" in arguments(root)) == (app.get_name() in IN_RVIZ)
    assert defaults(root)["params_file"].endswith(f"config/{app.get_name()}.yaml")


@pytest.mark.parametrize("app", IN_RVIZ, indirect=True)  # record listens to what it finds, when it finds it
def test_topics_that_are_remapped_are_topics_of_the_node(app):
    _, element = launched(app)
    topics = {entity.topic_name for entity in (*app.subscriptions, *app.publishers)}
    for remap in element.findall("remap"):
        name = remap.get("from")
        assert name.replace("~", f"/{app.get_name()}") in topics or f"/{name}" in topics, name


def test_the_parameters_file_and_its_examples_hold_parameters_of_the_node(app):
    file = ROOT / "config" / f"{app.get_name()}.yaml"
    (content,) = yaml.safe_load(file.read_text()).values()
    examples = re.findall(r"^#   ([\w.]+): ", file.read_text(), re.MULTILINE)
    assert examples
    for name in [*content["ros__parameters"], *examples]:
        assert app.has_parameter(name), name


@pytest.mark.parametrize("app", IN_RVIZ, indirect=True)
def test_rviz_shows_topics_that_the_node_or_its_camera_publishes(app):
    root, _ = launched(app)
    config = ROOT / "config" / f"{app.get_name()}.rviz"
    assert any(config.name in node.get("args", "") for node in root.iter("node"))
    displays = yaml.safe_load(config.read_text())["Visualization Manager"]["Displays"]
    topics = {publisher.topic_name for publisher in app.publishers}
    shown = {display["Topic"]["Value"] for display in displays if "Topic" in display}
    ours = {topic for topic in shown if f"/{topic.lstrip('/')}" in topics}
    assert ours, f"{config.name} shows {shown}, the node publishes {topics}"
