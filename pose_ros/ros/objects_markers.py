"""Objects as RViz shows them: the mesh, its axes, its name and distance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.geometry.decimate import decimated
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import SECOND_NS, stamp_to_ns
from pose_ros.ros.objects_messages import placed, pose_message
from pose_ros.types import TrackedObject
from pose_ros.viz import color_of

if TYPE_CHECKING:
    from pose_ros.geometry.mesh import Mesh
    from pose_ros.objects.model import ObjectModel

MESH, AXES, LABEL = range(3)  # marker ids in an object's namespace
TRIANGLES = 500
# A marker cannot be moved without sending it anew: where TF moves the mesh, it is sent once a second.
REPEAT_NS = SECOND_NS
MESH_LIFETIME, LIFETIME = Duration(sec=3), Duration(sec=1)
RED, GREEN, BLUE = ((1.0, 0.2, 0.2), (0.2, 0.9, 0.2), (0.3, 0.4, 1.0))
OPAQUE, PALE = 1.0, 0.7


class Markers:
    """Remembers what RViz has been shown, so that a mesh is not sent with every picture.

    follows_tf: TF has a frame for every object; the mesh is then fixed to it, else it is sent every time.
    """

    def __init__(self, follows_tf: bool) -> None:
        self._follows_tf = follows_tf
        self._meshes: dict[str, tuple[Mesh, Marker]] = {}  # by label: what it was made of, and the marker
        self._sent_ns: dict[str, int] = {}  # by id

    def __call__(
        self,
        objects: Iterable[TrackedObject],
        models: Mapping[str, ObjectModel],
        header: Header,
        root_from_image: RigidTransform | None = None,
    ) -> MarkerArray:
        """What is to be shown now; who is no longer among the objects is taken away."""
        objects, now_ns = list(objects), stamp_to_ns(header.stamp)
        markers = self.clear(header, but={one.id for one in objects}).markers
        for one in objects:
            model, pose = models[one.label], placed(one, root_from_image)
            since = now_ns - self._sent_ns.get(one.id, -REPEAT_NS)
            if not self._follows_tf or not 0 <= since < REPEAT_NS:
                self._sent_ns[one.id] = now_ns
                markers.append(self._mesh(one, model, header, pose))
            markers.append(_axes(one, model, header, pose))
            markers.append(_label(one, model, header, pose))
        return MarkerArray(markers=markers)

    def clear(self, header: Header, but: Iterable[str] = ()) -> MarkerArray:
        """Takes everything out of RViz at once, `but` these ids."""
        gone = sorted(set(self._sent_ns) - set(but))
        for id in gone:
            del self._sent_ns[id]
        return MarkerArray(
            markers=[
                Marker(header=header, ns=id, id=marker_id, action=Marker.DELETE)
                for id in gone
                for marker_id in (MESH, AXES, LABEL)
            ]
        )

    def _mesh(self, one: TrackedObject, model: ObjectModel, header: Header, pose: RigidTransform) -> Marker:
        known, marker = self._meshes.get(one.label, (None, None))
        if known is not model.mesh:
            marker = _triangles(model.mesh)
            self._meshes[one.label] = model.mesh, marker
        marker.header, marker.ns, marker.id = header, one.id, MESH
        if self._follows_tf:
            marker.header = Header(stamp=header.stamp, frame_id=one.id)
            marker.frame_locked = True
            return _copy(marker, Pose(orientation=Quaternion(w=1.0)))
        return _copy(marker, pose_message(pose))


def _copy(marker: Marker, pose: Pose) -> Marker:
    """The same triangles under another name: they are shared, not copied."""
    return Marker(
        header=marker.header,
        ns=marker.ns,
        id=marker.id,
        type=marker.type,
        action=Marker.ADD,
        pose=pose,
        scale=marker.scale,
        color=marker.color,
        lifetime=marker.lifetime,
        frame_locked=marker.frame_locked,
        points=marker.points,
        colors=marker.colors,
    )


def _triangles(mesh: Mesh) -> Marker:
    small = decimated(mesh, TRIANGLES)
    marker = Marker(type=Marker.TRIANGLE_LIST, lifetime=MESH_LIFETIME)
    marker.scale = Vector3(x=1.0, y=1.0, z=1.0)
    marker.color = ColorRGBA(r=1.0, g=1.0, b=1.0, a=PALE)
    corners = small.vertices[small.triangles].reshape(-1, 3).tolist()
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in corners]
    rgb = (small.corner_rgb[:, 0] / 255.0).tolist()
    marker.colors = [color for r, g, b in rgb for color in [ColorRGBA(r=r, g=g, b=b, a=PALE)] * 3]
    return marker


def _axes(one: TrackedObject, model: ObjectModel, header: Header, pose: RigidTransform) -> Marker:
    """x red, y green, z blue, from the mesh's origin."""
    marker = _marker(one, AXES, Marker.LINE_LIST, header, width=max(model.diameter / 50, 0.001))
    marker.pose = pose_message(pose)
    length = float(model.diameter) / 2
    for axis, (r, g, b) in zip(np.eye(3), (RED, GREEN, BLUE), strict=True):
        x, y, z = (axis * length).tolist()
        marker.points += [Point(), Point(x=x, y=y, z=z)]
        marker.colors += [ColorRGBA(r=r, g=g, b=b, a=OPAQUE)] * 2
    return marker


def _label(one: TrackedObject, model: ObjectModel, header: Header, pose: RigidTransform) -> Marker:
    marker = _marker(one, LABEL, Marker.TEXT_VIEW_FACING, header, width=0.03)
    x, y, z = pose.apply(np.asarray(model.bounds).mean(axis=0)).tolist()
    marker.pose = Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(w=1.0))
    marker.text = f"{one.id}  {one.distance:.2f} m"
    red, green, blue = (value / 255 for value in color_of(one.id))
    marker.color = ColorRGBA(r=red, g=green, b=blue, a=OPAQUE)
    return marker


def _marker(one: TrackedObject, marker_id: int, kind: int, header: Header, width: float) -> Marker:
    marker = Marker(header=header, ns=one.id, id=marker_id, type=kind, action=Marker.ADD)
    marker.pose = Pose(orientation=Quaternion(w=1.0))
    marker.scale = Vector3(x=float(width), y=float(width), z=float(width))
    marker.lifetime = LIFETIME
    return marker
