"""Publishes people: TF, markers, REP-155 topics, the annotated image. Nothing is built that nobody hears."""

from __future__ import annotations

from collections.abc import Iterable

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image, JointState, PointCloud2
from std_msgs.msg import Header, String
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.human.human_urdf import human_urdf
from pose_ros.ros import people_messages as messages
from pose_ros.ros.body_mesh import BodyMeshOutput
from pose_ros.ros.conversions import SECOND_NS, header_of, message_from_rgb
from pose_ros.ros.face_messages import face_frames, joined
from pose_ros.ros.face_output import FaceOutput
from pose_ros.ros.people_cloud import info_message, people_message
from pose_ros.ros.pose_outputs import PoseOutputs
from pose_ros.ros.publishing import is_heard, make_latched, make_publisher
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.skeleton import Skeleton
from pose_ros.types import People, Person, RGBDFrame, TrackState
from pose_ros.viz import draw_people

FORGET_AFTER_NS = 2 * SECOND_NS  # a lost person's own topics go when they have been away this long


class PeopleOutput:
    """All output topics of human_pose; every stamp is the image's.

    A person who is tracked is published, with those lost a moment ago, who are predicted; one who is only
    suspected is not. Topics of one person are made
    when they appear; as ids come from a bounded pool, so do the topics. joints: those that have topics of
    their own.
    """

    def __init__(self, node: Node, publish_tf: bool, joints: Iterable[str] = ()) -> None:
        self._node, self._publish_tf = node, publish_tf
        self._poses = PoseOutputs(node, joints)
        self._tf = make_publisher(self._node, TFMessage, "/tf", 100)
        self._tf_messages = TFMessages()
        self._points = make_publisher(self._node, PointCloud2, "skeletons/points")
        self._info = make_latched(self._node, String, "skeletons/info")
        self._skeleton: Skeleton | None = None  # that `_info` has told of
        self._markers = make_publisher(self._node, MarkerArray, "skeletons/markers")
        self._meshes = BodyMeshOutput(node)
        self._faces = FaceOutput(node)
        self._annotated = make_publisher(self._node, Image, "image_annotated", 1)
        self._tracked = None
        if messages.HAVE_HRI_MSGS:
            self._tracked = make_publisher(self._node, messages.IdsList, "humans/bodies/tracked")
        self._of_person: dict[str, dict[str, Publisher]] = {}
        self._last_seen_ns: dict[str, int] = {}
        self._marked: set[str] = set()

    @property
    def is_wanted(self) -> bool:
        return self._publish_tf or any(map(is_heard, self.publishers()))

    def publish_3d(self, people: People, root: str, root_from_image: RigidTransform | None = None) -> None:
        """Points, TF, poses of joints and markers in the frame `root`; None where that is the image's own."""
        header, tracked = header_of(people.stamp_ns, root), _tracked(people)
        self._publish_points(tracked, header, root_from_image)
        if self._publish_tf:
            frames = messages.frames_of(tracked, root, root_from_image)
            frames = joined(frames, face_frames(tracked, root, root_from_image))
            if frames.child:
                self._tf.publish(self._tf_messages(frames, header))
        for person in tracked:
            self._poses.publish(self._topics_of(person), person, header, root_from_image)
        if is_heard(self._markers):
            markers = messages.marker_array(tracked, header, root_from_image)
            gone = self._marked - {person.id for person in tracked}
            markers.markers += messages.delete_markers(gone, header).markers
            self._markers.publish(markers)
            self._marked = {person.id for person in tracked}

    def publish_2d(self, frame: RGBDFrame, people: People) -> None:
        """What lies in the image or needs no frame: REP-155 topics and the annotated image."""
        header, tracked = header_of(people.stamp_ns, people.frame_id), _tracked(people)
        if self._tracked:
            self._tracked.publish(messages.ids_list(tracked, header))
        for person in tracked:
            self._last_seen_ns[person.id] = people.stamp_ns
            topics = self._topics_of(person)
            for topic, message in (
                ("skeleton2d", lambda p=person: messages.skeleton2d(p, frame.camera, header)),
                ("roi", lambda p=person: messages.region_of_interest(p, frame.camera, header)),
                ("joint_states", lambda p=person: messages.joint_state(p, header)),
            ):
                if topic in topics and is_heard(topics[topic]):
                    topics[topic].publish(message())
        self._faces.publish(tracked, frame.camera, people.stamp_ns, people.frame_id)
        self._forget(people.stamp_ns)
        if is_heard(self._annotated):
            picture = draw_people(frame.rgb, people, frame.camera)
            self._annotated.publish(message_from_rgb(picture, people.stamp_ns, people.frame_id))
        self._meshes.publish(frame, tracked)  # last: it takes its time

    def clear(self) -> None:
        """Everybody is gone: said to RViz and REP-155 listeners, at the time of the last image."""
        header = header_of(max(self._last_seen_ns.values(), default=0), "")
        if self._marked:
            self._markers.publish(messages.delete_markers(self._marked, header))
        self._meshes.clear(header)
        self._faces.clear()
        if self._tracked and self._last_seen_ns:
            self._tracked.publish(messages.ids_list([], header))
        self._marked, self._last_seen_ns = set(), {}

    def close(self) -> None:
        for publisher in self.publishers():
            self._node.destroy_publisher(publisher)

    def _publish_points(
        self, people: list[Person], header: Header, root_from_image: RigidTransform | None
    ) -> None:
        if people and people[0].keypoints3d.skeleton != self._skeleton:
            self._skeleton = people[0].keypoints3d.skeleton
            self._info.publish(info_message(self._skeleton))
        if is_heard(self._points):  # also when nobody is there: who follows somebody must know
            self._points.publish(people_message(people, header, root_from_image))

    def _topics_of(self, person: Person) -> dict[str, Publisher]:
        if person.id in self._of_person:
            return self._of_person[person.id]
        base = f"humans/bodies/{person.id}"
        topics = self._poses.topics(base)
        topics |= {"joint_states": make_publisher(self._node, JointState, f"{base}/joint_states")}
        topics["urdf"] = make_latched(self._node, String, f"{base}/urdf")
        topics["urdf"].publish(String(data=human_urdf(person, person.id)))
        if messages.HAVE_HRI_MSGS:
            topics["skeleton2d"] = make_publisher(self._node, messages.Skeleton2D, f"{base}/skeleton2d")
            topics["roi"] = make_publisher(self._node, messages.NormalizedRegionOfInterest2D, f"{base}/roi")
        self._of_person[person.id] = topics
        return topics

    def _forget(self, now_ns: int) -> None:
        for person_id in list(self._of_person):
            if abs(now_ns - self._last_seen_ns.get(person_id, 0)) > FORGET_AFTER_NS:
                for publisher in self._of_person.pop(person_id).values():
                    self._node.destroy_publisher(publisher)

    def publishers(self) -> Iterable[Publisher]:
        shared = (self._tf, self._points, self._info, self._markers, self._annotated, self._tracked)
        yield from (publisher for publisher in shared if publisher)
        yield from self._meshes.publishers()
        yield from self._faces.publishers()
        for topics in list(self._of_person.values()):
            yield from topics.values()


def _tracked(people: People) -> list[Person]:
    return [person for person in people if person.state is not TrackState.TENTATIVE]
