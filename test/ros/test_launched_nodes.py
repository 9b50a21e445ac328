"""The nodes have the parameters and topics that launch/ and config/ give them."""

import re

import pytest
import yaml
from imports import ROOT
from launch_files import LAUNCH, arguments, choices, node_of, variables
from rclpy.parameter import Parameter
from stand_in import StandInConfig, StandInPipeline
from stand_in_objects import StandInObjectConfig, StandInObjects

from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.object_pose_node import ObjectPoseNode
from pose_ros.ros.source_node import SourceNode

COMMON = {"use_sim_time"}


@pytest.fixture
def human_pose(ros):
    node = HumanPoseNode(make_pipeline=lambda config: StandInPipeline(StandInConfig()))
    node.autostart()
    yield node
    node.on_cleanup(None)
    node.destroy_node()


@pytest.fixture
def object_pose(ros):
    masks = [Parameter("segmentation", value="mask")]
    node = ObjectPoseNode(StandInObjectConfig(), StandInObjects, parameter_overrides=masks)
    node.autostart()
    yield node
    node.on_cleanup(None)
    node.destroy_node()


@pytest.fixture
def source(ros):
    node = SourceNode()
    yield node
    node.destroy_node()


@pytest.mark.parametrize("name", ["human_pose", "object_pose", "source"])
def test_parameters_exist_and_take_what_may_be_chosen(request, name):
    node = request.getfixturevalue(name)
    given = [param for param in node_of(name).findall("param") if param.get("name")]
    assert given
    for param in given:
        assert node.has_parameter(param.get("name"))
        for root in LAUNCH.values():
            for argument in variables(param.get("value")) & set(arguments(root)):
                kinds = {type(yaml.safe_load(choice)) for choice in choices(arguments(root)[argument])}
                assert kinds <= {type(node.get_parameter(param.get("name")).value)}


def test_topics_that_are_remapped_are_topics_of_the_node(human_pose):
    topics = {subscription.topic_name for subscription in human_pose.subscriptions}
    remapped = {f"/{remap.get('from')}" for remap in node_of("human_pose").findall("remap")}
    assert len(remapped) == 4
    assert remapped <= topics


def test_topics_of_object_pose_that_are_remapped_are_topics_of_the_node(object_pose):
    topics = {entity.topic_name for entity in (*object_pose.subscriptions, *object_pose.publishers)}
    remapped = {f"/{remap.get('from')}" for remap in node_of("object_pose").findall("remap")}
    assert len(remapped) == 7
    assert remapped - topics == {"/detections"}  # it listens to either masks or boxes


def test_the_source_publishes_what_human_pose_hears(source, human_pose):
    published = {publisher.topic_name for publisher in source.publishers}
    assert {"/image", "/depth", "/camera_info"} <= published
    assert {"/image", "/depth", "/camera_info"} <= {s.topic_name for s in human_pose.subscriptions}


@pytest.mark.parametrize("name", ["human_pose", "object_pose"])
def test_the_parameters_file_and_its_examples_hold_parameters_of_the_node(request, name):
    node, file = request.getfixturevalue(name), ROOT / "config" / f"{name}.yaml"
    (content,) = yaml.safe_load(file.read_text()).values()
    examples = re.findall(r"^#   (\w+): ", file.read_text(), re.MULTILINE)
    assert examples
    assert all(node.has_parameter(name) for name in [*content["ros__parameters"], *examples])
