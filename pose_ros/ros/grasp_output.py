"""Publishes plans: frames, poses, markers, and what MoveIt takes. Nothing is built that nobody hears."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.library import KnownObject
from pose_ros.apps.grasp.plan import Plan
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros import grasp_messages as messages
from pose_ros.ros import grasp_moveit as moveit
from pose_ros.ros.conversions import header_of
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.ros.tf_messages import TFMessages


class GraspOutput:
    """All output topics of grasp; every stamp is that of the image the objects were seen in.

    most: grasps of an object that are published.
    """

    def __init__(self, node: Node, publish_tf: bool, most: int, gripper: Gripper) -> None:
        self._publish_tf, self._most, self._gripper = publish_tf, most, gripper
        self._node = node
        self._tf = make_publisher(node, TFMessage, "/tf", 100)
        self._tf_messages = TFMessages()
        self._poses = make_publisher(node, PoseArray, "grasp/poses")
        self._marker_topic = make_publisher(node, MarkerArray, "grasp/markers")
        self._markers = messages.GraspMarkers(gripper, most)
        self._collision: Publisher | None = None
        self._grasps: Publisher | None = None
        if moveit.is_installed():
            from moveit_msgs.msg import CollisionObject, Grasp

            self._collision = make_publisher(node, CollisionObject, "collision_object", 100)
            self._grasps = make_publisher(node, Grasp, "grasp/grasps", 100)
        self._scene = moveit.CollisionObjects(subframes=most)
        self._hearers = 0  # of collision objects
        self._header = header_of(0, "")

    @property
    def is_wanted(self) -> bool:
        """Somebody waits for grasps, or for objects in MoveIt's scene."""
        return self._publish_tf or any(map(is_heard, self.publishers[1:]))

    @property
    def publishers(self) -> list[Publisher]:
        return [
            one for one in (self._tf, self._poses, self._marker_topic, self._collision, self._grasps) if one
        ]

    def publish(self, plans: list[Plan], header: Header, asked: bool = False) -> None:
        """asked: somebody called for a plan, so frames go out though they are switched off."""
        self._header = header
        if self._publish_tf or asked:
            frames = messages.frames_of(plans, header.frame_id, self._most)
            if frames.child:
                self._tf.publish(self._tf_messages(frames, header))
        if asked or is_heard(self._poses):
            self._poses.publish(messages.pose_array(plans, header, self._most))
        if is_heard(self._marker_topic):
            self._marker_topic.publish(self._markers(plans, header))
        if self._grasps and is_heard(self._grasps):
            for plan in plans:
                for message in moveit.grasp_messages(plan, header, self._most, self._gripper):
                    self._grasps.publish(message)

    def publish_scene(
        self,
        poses: Mapping[str, tuple[str, RigidTransform]],
        known: Mapping[str, KnownObject],
        header: Header,
    ) -> None:
        """Objects for MoveIt's planning scene, id -> (label, root_from_object)."""
        if self._collision and is_heard(self._collision):
            hearers = self._collision.get_subscription_count()
            if hearers > self._hearers:
                self._scene.forget()
            self._hearers = hearers
            self._send(self._scene(poses, known, header))

    def clear(self) -> None:
        """Nothing is known any more: said to RViz and MoveIt, at the time of the last objects."""
        gone = self._markers([], self._header)
        if gone.markers:
            self._marker_topic.publish(gone)
        self._send(self._scene.gone(self._header))

    def _send(self, objects: Iterable) -> None:
        for message in objects:
            self._collision.publish(message)

    def close(self) -> None:
        for publisher in self.publishers:
            self._node.destroy_publisher(publisher)
