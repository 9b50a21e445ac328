"""REP-155's topics of faces. Nothing is made before the first face comes: who does not ask has no topics."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node
from rclpy.publisher import Publisher

from pose_ros.geometry.camera import PinholeCamera
from pose_ros.ros import face_messages as messages
from pose_ros.ros.conversions import SECOND_NS, header_of
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.types import Person

try:
    from hri_msgs.msg import IdsList
except ImportError:
    IdsList = None

FORGET_AFTER_NS = 2 * SECOND_NS


class FaceOutput:
    """`humans/faces/tracked` and for each face, which has its person's id, `roi` and `landmarks`.

    A face is tracked while it is known how it is turned; roi and landmarks come when it was looked at.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._tracked: Publisher | None = None
        self._of_face: dict[str, dict[str, Publisher]] = {}
        self._last_seen_ns: dict[str, int] = {}

    def publishers(self) -> Iterable[Publisher]:
        if self._tracked:
            yield self._tracked
        for topics in list(self._of_face.values()):
            yield from topics.values()

    def publish(self, people: Iterable[Person], camera: PinholeCamera, stamp_ns: int, frame_id: str) -> None:
        with_face = [person for person in people if person.face is not None]
        if not messages.HAVE_FACE_MSGS or (not with_face and self._tracked is None):
            return
        header = header_of(stamp_ns, frame_id)
        if self._tracked is None:
            self._tracked = make_publisher(self._node, IdsList, "humans/faces/tracked")
        self._tracked.publish(IdsList(header=header, ids=[person.id for person in with_face]))
        for person in with_face:
            topics = self._topics_of(person.id)
            self._last_seen_ns[person.id] = stamp_ns
            if not person.face.is_seen:
                continue
            for topic, make in (("roi", messages.face_region), ("landmarks", messages.facial_landmarks)):
                if is_heard(topics[topic]):
                    topics[topic].publish(make(person.face, camera, header))
        for id in list(self._of_face):
            if abs(stamp_ns - self._last_seen_ns.get(id, 0)) > FORGET_AFTER_NS:
                for publisher in self._of_face.pop(id).values():
                    self._node.destroy_publisher(publisher)

    def clear(self) -> None:
        """Nobody is there any more."""
        if self._tracked and self._last_seen_ns:
            header = header_of(max(self._last_seen_ns.values()), "")
            self._tracked.publish(IdsList(header=header, ids=[]))
        self._last_seen_ns = {}

    def _topics_of(self, id: str) -> dict[str, Publisher]:
        if id not in self._of_face:
            base = f"humans/faces/{id}"
            self._of_face[id] = {
                "roi": make_publisher(self._node, messages.NormalizedRegionOfInterest2D, f"{base}/roi"),
                "landmarks": make_publisher(self._node, messages.FacialLandmarks, f"{base}/landmarks"),
            }
        return self._of_face[id]
