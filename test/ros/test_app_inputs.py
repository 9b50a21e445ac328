"""What applications hear of people and objects, from the real nodes over DDS."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pytest
from harness import Runner
from sensor_msgs.msg import PointCloud2
from stand_in import CAMERA, FRAME_ID, scene
from std_msgs.msg import String
from test_people_messages import someone
from vision_msgs.msg import Detection3D, Detection3DArray

from pose_ros.config import option
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.conversions import header_of
from pose_ros.ros.objects_input import ObjectsInput
from pose_ros.ros.people_cloud import info_message, people_message
from pose_ros.ros.people_input import PeopleInput
from pose_ros.ros.publishing import make_latched, make_publisher
from pose_ros.skeleton import COCO_17


@dataclass(frozen=True)
class ListenerConfig:
    objects: bool = option(False, "listen to objects instead of people")


class Listener(AppNode):
    """Keeps what its inputs give."""

    def __init__(self, **options) -> None:
        super().__init__("listener", ListenerConfig(), **options)
        self.heard: list = []

    def activate(self) -> None:
        if self.configs[0].objects:
            self.input = ObjectsInput(self, lambda *heard: self.heard.append(heard), self.health)
        else:
            self.input = PeopleInput(self, self.heard.append, self.health)

    def deactivate(self) -> None:
        self.input.close()

    @property
    def inputs(self):
        return self.input.subscriptions


@pytest.fixture
def listen(ros):
    runner = Runner(functools.partial(Listener))
    yield runner
    runner.stop()


def test_people_and_their_absence_come_from_human_pose(node, listen, peer, camera):
    node()
    listener = listen()
    camera.wait_for_node()
    peer.wait(lambda: peer.count_subscribers("skeletons/points"), "the listener")
    stamp = camera.shoot(*scene((400, 200), depth=2.0))
    heard = peer.wait(lambda: listener.heard, "people")
    assert (heard[0].stamp_ns, heard[0].frame_id) == (stamp, FRAME_ID)
    (person,) = heard[0]
    expected = CAMERA.unproject((400, 200), 2.0)
    np.testing.assert_allclose(person.keypoints3d.xyz[0], np.tile(expected, (17, 1)), atol=1e-3)
    np.testing.assert_allclose(person.camera_from_joint["body"].translation, expected, atol=1e-3)
    stamp = camera.shoot(*scene())
    peer.wait(lambda: len(listener.heard) > 1, "that nobody is there")
    assert (len(listener.heard[1]), listener.heard[1].stamp_ns) == (0, stamp)


def test_an_application_says_why_nothing_comes(listen, peer):
    listen()
    assert peer.diagnosis("nobody publishes", "skeletons/points")


def test_people_who_come_before_their_names_are_not_lost(listen, peer):
    listener = listen()
    points = make_publisher(peer, PointCloud2, "skeletons/points")
    peer.wait(points.get_subscription_count, "the listener")
    points.publish(people_message([someone("p4")], header_of(5, "camera")))
    peer.wait(lambda: listener.health.problems.get("skeletons/info"), "a problem")
    make_latched(peer, String, "skeletons/info").publish(info_message(COCO_17))
    (people,) = peer.wait(lambda: listener.heard, "people")
    assert [person.id for person in people] == ["p4"]


def test_a_broken_message_is_told_of_and_the_next_is_heard(listen, peer):
    listener = listen()
    info = make_latched(peer, String, "skeletons/info")
    points = make_publisher(peer, PointCloud2, "skeletons/points")
    peer.wait(points.get_subscription_count, "the listener")
    info.publish(String(data="nonsense"))
    peer.wait(lambda: listener.health.problems.get("skeletons/info"), "a problem of the info")
    info.publish(info_message(COCO_17))
    broken = people_message([someone("p4")], header_of(5, "camera"))
    broken.fields = broken.fields[:3]
    points.publish(broken)
    peer.wait(lambda: listener.health.problems.get("skeletons/points"), "a problem of the points")
    points.publish(people_message([someone("p4")], header_of(6, "camera")))
    (people,) = peer.wait(lambda: listener.heard, "people")
    assert people.stamp_ns == 6


def test_objects_come_with_their_models_and_without_a_pose_they_do_not(listen, peer):
    listener = listen(objects=True)
    models = make_latched(peer, String, "objects/models")
    detections = make_publisher(peer, Detection3DArray, "objects/detections")
    peer.wait(detections.get_subscription_count, "the listener")
    models.publish(String(data="not json"))
    peer.wait(lambda: listener.health.problems.get("objects/models"), "a problem of the models")
    models.publish(String(data='{"mug": {"mesh": "mug.obj"}}'))
    peer.wait(lambda: listener.input.models, "the models")
    assert listener.input.models["mug"]["mesh"] == "mug.obj"
    array = Detection3DArray(header=header_of(7, "camera"), detections=[Detection3D(id="mug_1")])
    detections.publish(array)
    (found, stamp, frame), *_ = peer.wait(lambda: listener.heard, "objects")
    assert (found, stamp, frame) == ([], 7, "camera")
    assert "mug_1" in listener.health.problems["objects/detections"].message
