"""A source and both nodes in one process."""

from __future__ import annotations

import functools
import json

import cv2
import numpy as np
import pytest
from stand_in import StandInConfig, StandInPipeline, scene
from stand_in_objects import BLUE, StandInObjectConfig, StandInObjects

from pose_ros.errors import SourceError
from pose_ros.ros import compose
from pose_ros.ros.human_pose_node import HumanPoseNode
from pose_ros.ros.object_pose_node import ObjectPoseNode


@pytest.fixture
def folder(tmp_path):
    """A person and an object in forty frames."""
    rgb, depth = scene((400, 200))
    rgb[280:321, 80:121] = BLUE
    depth[280:321, 80:121] = 1.0
    for name in ("color", "depth"):
        (tmp_path / name).mkdir()
    for n in range(40):
        cv2.imwrite(str(tmp_path / f"color/{n:05d}.png"), rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / f"depth/{n:05d}.png"), np.uint16(depth * 1000))
    camera = {"width": 640, "height": 480, "fx": 500, "fy": 500, "cx": 319.5, "cy": 239.5,
              "distortion": [], "depth_scale": 0.001}  # fmt: skip
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    return tmp_path


@pytest.fixture
def run(ros, monkeypatch):
    """compose.run in the test's own context; returns the nodes, too."""
    monkeypatch.setattr(compose.rclpy, "init", lambda: None)
    monkeypatch.setattr(compose.rclpy, "try_shutdown", lambda: None)

    def run(source, **options):
        nodes = []

        def kept(make):
            nodes.append(make())
            return nodes[-1]

        human = functools.partial(HumanPoseNode, StandInConfig(), StandInPipeline)
        _, moved = compose.makers(StandInConfig(), StandInObjectConfig())
        objects = functools.partial(
            ObjectPoseNode, StandInObjectConfig(), StandInObjects, cli_args=moved.keywords["cli_args"]
        )
        makers = [functools.partial(kept, make) for make in (human, objects)]
        return compose.run(str(source), makers, **options), nodes

    return run


def test_both_nodes_answer_one_stream(run, folder, capsys):
    status, (human, objects) = run(folder)
    assert status == 0
    for node in (human, objects):
        assert node.health.output.count > 20
        assert node.health.found == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert "human_pose found 1" in last
    assert "object_pose found 1" in last


def test_it_ends_when_it_is_told_to(run, folder):
    status, (human, _) = run(folder, duration=0.5)
    assert status == 0
    assert human.state == "unconfigured"


def test_a_source_that_does_not_exist_is_an_error(run):
    with pytest.raises(SourceError, match="does not exist"):
        run("/nowhere")


def test_their_pictures_have_topics_of_their_own(ros):
    objects = compose.makers(StandInConfig(), StandInObjectConfig())[1]
    (alone,) = compose.makers(None, StandInObjectConfig())
    for make, topic in ((objects, "/objects/image_annotated"), (alone, "/image_annotated")):
        node = ObjectPoseNode(StandInObjectConfig(), StandInObjects, **make.keywords)
        assert node.resolve_topic_name("image_annotated") == topic
        node.destroy_node()
