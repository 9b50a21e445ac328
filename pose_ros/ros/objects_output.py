"""Publishes objects: TF, detections, markers, clouds, pictures. Nothing is built that nobody hears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray, LabelInfo
from visualization_msgs.msg import MarkerArray

from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros import objects_messages as messages
from pose_ros.ros.conversions import header_of, message_from_mono, message_from_rgb
from pose_ros.ros.objects_markers import Markers
from pose_ros.ros.publishing import is_heard, make_latched, make_publisher
from pose_ros.ros.tf_messages import TFMessages
from pose_ros.types import Objects, RGBDFrame, TrackedObject, TrackState
from pose_ros.viz_objects import draw_objects

if TYPE_CHECKING:
    from pose_ros.objects.model import ObjectModel


class ObjectsOutput:
    """All output topics of object_pose; every stamp is the image's.

    Published is what is TRACKED: seen, and believed. models(): those of now, by label.
    """

    def __init__(self, node: Node, publish_tf: bool, models: Callable[[], Mapping[str, ObjectModel]]) -> None:
        self._node, self._publish_tf, self._models = node, publish_tf, models
        self._tf = make_publisher(node, TFMessage, "/tf", 100)
        self._tf_messages = TFMessages()
        self._detections = make_publisher(node, Detection3DArray, "objects/detections")
        self._marker_topic = make_publisher(node, MarkerArray, "objects/markers")
        self._markers = Markers(follows_tf=publish_tf)
        self._points = make_publisher(node, PointCloud2, "objects/points", 1)
        self._label_image = make_publisher(node, Image, "objects/label_image", 1)
        self._annotated = make_publisher(node, Image, "image_annotated", 1)
        self._label_info = make_latched(node, LabelInfo, "objects/label_info")
        self._model_info = make_latched(node, String, "objects/models")
        self._last_header = header_of(0, "")
        self.publish_models()

    @property
    def is_wanted(self) -> bool:
        return self._publish_tf or any(map(is_heard, self._of_frames))

    def publish_models(self) -> None:
        """Tell what models there are; anew whenever there is another."""
        now_ns = self._node.get_clock().now().nanoseconds
        self._label_info.publish(messages.label_info(self._models(), header_of(now_ns, "")))
        self._model_info.publish(messages.models_json(self._models()))

    def publish_3d(self, objects: Objects, root: str, root_from_image: RigidTransform | None = None) -> None:
        """TF, detections, markers in the frame `root`; None where that is the image's own."""
        header, tracked = header_of(objects.stamp_ns, root), _tracked(objects)
        self._last_header = header
        if self._publish_tf and tracked:
            frames = messages.frames_of(tracked, root, root_from_image)
            self._tf.publish(self._tf_messages(frames, header))
        if is_heard(self._detections):
            self._detections.publish(
                messages.detection_array(tracked, self._models(), header, root_from_image)
            )
        if is_heard(self._marker_topic):
            self._marker_topic.publish(self._markers(tracked, self._models(), header, root_from_image))

    def publish_2d(self, frame: RGBDFrame, objects: Objects) -> None:
        """What lies in the image: which pixel is of which object, their cloud, the annotated image."""
        stamp = objects.stamp_ns, objects.frame_id
        if is_heard(self._points) or is_heard(self._label_image):
            shown = [n for n, one in enumerate(objects) if one.state is TrackState.TRACKED]
            instances = messages.numbered(objects.label_image, shown, len(objects))
            if is_heard(self._label_image):
                self._label_image.publish(message_from_mono(instances, *stamp))
            if is_heard(self._points):
                self._points.publish(messages.cloud(frame, instances, header_of(*stamp)))
        if is_heard(self._annotated):
            picture = draw_objects(frame.rgb, objects, self._models(), frame.camera)
            self._annotated.publish(message_from_rgb(picture, *stamp))

    def clear(self) -> None:
        """Nothing is known of any object any more: said to RViz, at the time of the last image."""
        gone = self._markers.clear(self._last_header)
        if gone.markers:
            self._marker_topic.publish(gone)

    def close(self) -> None:
        for publisher in self.publishers():
            self._node.destroy_publisher(publisher)

    def publishers(self) -> Iterable[Publisher]:
        return (self._tf, *self._of_frames, self._label_info, self._model_info)

    @property
    def _of_frames(self) -> tuple[Publisher, ...]:
        return self._detections, self._marker_topic, self._points, self._label_image, self._annotated


def _tracked(objects: Objects) -> list[TrackedObject]:
    return [one for one in objects if one.state is TrackState.TRACKED]
