"""`skeletons/meshes`: the fitted surface of every tracked person, computed only while somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.ros.conversions import header_of
from pose_ros.ros.publishing import is_heard, make_publisher
from pose_ros.types import Person, RGBDFrame
from pose_ros.viz import color_of

if TYPE_CHECKING:
    from pose_ros.human.body_mesh import BodyMesh

TOPIC = "skeletons/meshes"
MESH, LABEL = range(2)  # marker ids in a person's namespace
LIFETIME = Duration(sec=1)
OPAQUE = 0.9


class BodyMeshOutput:
    """One topic. The body model is loaded when the first listener comes, and said aloud if it is missing."""

    def __init__(self, node: Node, make_mesher: Callable[[], Callable] | None = None) -> None:
        self._node, self._make_mesher = node, make_mesher or _default_mesher
        self._publisher = make_publisher(node, MarkerArray, TOPIC, 1)
        self._mesher: Callable | None = None
        self._failed = False
        self._shown: set[str] = set()

    def publishers(self) -> list[Publisher]:
        return [self._publisher]

    def publish(self, frame: RGBDFrame, people: Iterable[Person]) -> None:
        """In the image's own frame, at its stamp; nothing is computed while nobody listens."""
        if self._failed or not is_heard(self._publisher):
            return
        if self._mesher is None:
            try:
                self._mesher = self._make_mesher()
            except ImportError as error:
                self._failed = True
                self._node.get_logger().error(
                    f"{TOPIC} needs the body model anny: pip install 'pose_ros[body]' ({error})"
                )
                return
        meshes = self._mesher(frame, people)
        header = header_of(frame.stamp_ns, frame.frame_id)
        markers = mesh_markers(meshes, header)
        markers.markers += gone_markers(self._shown - {mesh.id for mesh in meshes}, header).markers
        self._shown = {mesh.id for mesh in meshes}
        self._publisher.publish(markers)

    def clear(self, header: Header) -> None:
        """Takes everybody out of RViz and forgets them."""
        if self._shown:
            self._publisher.publish(gone_markers(self._shown, header))
        self._shown = set()
        if self._mesher is not None:
            self._mesher.reset()


def mesh_markers(meshes: Iterable[BodyMesh], header: Header) -> MarkerArray:
    """A list of triangles for each person, and how far their depth lies from it."""
    markers = []
    for mesh in meshes:
        red, green, blue = (value / 255 for value in color_of(mesh.id))
        body = _marker(mesh.id, MESH, Marker.TRIANGLE_LIST, header, 1.0)
        body.color = ColorRGBA(r=red, g=green, b=blue, a=OPAQUE)
        corners = [Point(x=x, y=y, z=z) for x, y, z in mesh.vertices.tolist()]
        body.points = [corners[k] for k in mesh.triangles.ravel().tolist()]
        label = _marker(mesh.id, LABEL, Marker.TEXT_VIEW_FACING, header, 0.08)
        label.color = body.color
        top = int(mesh.vertices[:, 1].argmin())  # y points down
        label.pose.position = corners[top]
        label.text = f"{mesh.id}  {1e3 * mesh.surface_error:.0f} mm"
        markers += [body, label]
    return MarkerArray(markers=markers)


def gone_markers(ids: Iterable[str], header: Header) -> MarkerArray:
    return MarkerArray(
        markers=[
            Marker(header=header, ns=f"mesh_{id}", id=marker_id, action=Marker.DELETE)
            for id in sorted(ids)
            for marker_id in (MESH, LABEL)
        ]
    )


def _marker(person_id: str, marker_id: int, kind: int, header: Header, size: float) -> Marker:
    marker = Marker(header=header, ns=f"mesh_{person_id}", id=marker_id, type=kind, action=Marker.ADD)
    marker.pose = Pose(orientation=Quaternion(w=1.0))
    marker.scale = Vector3(x=size, y=size, z=size)
    marker.lifetime = LIFETIME
    return marker


def _default_mesher() -> Callable:
    from pose_ros.human.body_mesh import BodyMesher

    return BodyMesher()
