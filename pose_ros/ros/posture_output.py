"""Publishes what people do. Nothing is built that nobody hears."""

from __future__ import annotations

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from pose_ros.apps.posture.watch import Watched
from pose_ros.ros import posture_messages as messages
from pose_ros.ros.conversions import SECOND_NS, header_of
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.types import People

FORGET_AFTER_NS = 2 * SECOND_NS  # topics of somebody who has been away so long go


class PostureOutput:
    """All output topics of posture; every stamp is the image's."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._people = make_publisher(node, String, "posture/people")
        self._repetitions = make_publisher(node, String, "posture/repetitions")
        self._markers = make_publisher(node, MarkerArray, "posture/markers")
        self._of_person: dict[str, dict[str, Publisher]] = {}
        self._last_seen_ns: dict[str, int] = {}
        self._marked: set[str] = set()

    def publish(self, people: People, everyone: list[Watched], up: np.ndarray) -> None:
        """up (3,): unit vector in the people's frame."""
        header = header_of(people.stamp_ns, people.frame_id)
        for watched in everyone:
            id = watched.person.id
            self._last_seen_ns[id] = people.stamp_ns
            topics = self._topics_of(id)
            if "posture" in topics and is_heard(topics["posture"]):
                topics["posture"].publish(messages.body_posture(watched, header))
            if is_heard(topics["angles"]):
                topics["angles"].publish(messages.angles_message(watched, header))
            for repetition in watched.ended:
                self._repetitions.publish(messages.repetition_message(id, repetition, header))
        if is_heard(self._people):  # also when nobody is there
            self._people.publish(messages.people_message(everyone, header))
        if is_heard(self._markers):
            present = {watched.person.id for watched in everyone}
            markers = messages.text_markers(everyone, header, up)
            markers.markers += messages.delete_markers(self._marked - present, header).markers
            if markers.markers:
                self._markers.publish(markers)
            self._marked = present
        self._forget(people.stamp_ns)

    def clear(self) -> None:
        """Nobody is spoken of any longer."""
        if self._marked:
            header = header_of(max(self._last_seen_ns.values(), default=0), "")
            self._markers.publish(messages.delete_markers(self._marked, header))
        self._marked = set()

    def publishers(self) -> list[Publisher]:
        of_people = [publisher for topics in list(self._of_person.values()) for publisher in topics.values()]
        return [self._people, self._repetitions, self._markers, *of_people]

    def close(self) -> None:
        for publisher in self.publishers():
            self._node.destroy_publisher(publisher)
        self._of_person.clear()

    def _topics_of(self, id: str) -> dict[str, Publisher]:
        if id not in self._of_person:
            base = f"humans/bodies/{id}"
            topics = {"angles": make_publisher(self._node, JointState, f"{base}/angles")}
            if messages.HAVE_BODY_POSTURE:
                topics["posture"] = make_publisher(self._node, messages.BodyPosture, f"{base}/posture")
            self._of_person[id] = topics
        return self._of_person[id]

    def _forget(self, now_ns: int) -> None:
        for id in list(self._of_person):
            if abs(now_ns - self._last_seen_ns.get(id, 0)) > FORGET_AFTER_NS:
                for publisher in self._of_person.pop(id).values():
                    self._node.destroy_publisher(publisher)
