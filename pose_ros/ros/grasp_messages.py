"""Plans to frames, poses and markers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseArray, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.plan import Plan, PlannedGrasp
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.objects_messages import pose_message
from pose_ros.ros.tf_messages import Frames

LIFETIME = Duration(sec=1)


def grasp_frame(id: str, k: int) -> str:
    """TF frame of an object's k-th best grasp."""
    return f"{id}/grasp_{k}"


def frames_of(plans: Iterable[Plan], root: str, most: int) -> Frames:
    """A frame for each of the best `most` grasps of every object."""
    children, poses = [], []
    for plan in plans:
        for k, grasp in enumerate(plan.grasps[:most]):
            children.append(grasp_frame(plan.id, k))
            poses.append(grasp.root_from_tcp)
    return Frames(
        [root] * len(children),
        children,
        np.array([pose.translation for pose in poses]).reshape(-1, 3),
        np.array([pose.quaternion for pose in poses]).reshape(-1, 4),
    )


def best_first(plans: Iterable[Plan], most: int) -> list[PlannedGrasp]:
    """The best `most` grasps of each object, all together by score."""
    return sorted((grasp for plan in plans for grasp in plan.grasps[:most]), key=lambda grasp: -grasp.score)


def pose_array(plans: Iterable[Plan], header: Header, most: int) -> PoseArray:
    return PoseArray(header=header, poses=[pose_message(g.root_from_tcp) for g in best_first(plans, most)])


class GraspMarkers:
    """The hand at each grasp, green the better; takes away what is no longer there."""

    def __init__(self, gripper: Gripper, most: int) -> None:
        self._gripper, self._most = gripper, most
        self._shown: dict[str, int] = {}  # object -> markers in its namespace

    def __call__(self, plans: Iterable[Plan], header: Header) -> MarkerArray:
        markers, shown = [], {}
        for plan in plans:
            mine: list[Marker] = []
            for grasp in plan.grasps[: self._most]:
                mine += self._hand(grasp, header, plan.id, len(mine))
            shown[plan.id] = len(mine)
            markers += mine
        for id, count in self._shown.items():
            gone = range(shown.get(id, 0), count)
            markers += [Marker(header=header, ns=id, id=n, action=Marker.DELETE) for n in gone]
        self._shown = {id: count for id, count in shown.items() if count}
        return MarkerArray(markers=markers)

    def _hand(self, grasp: PlannedGrasp, header: Header, id: str, first: int) -> list[Marker]:
        good = float(np.clip(grasp.score, 0.0, 1.0))
        color = ColorRGBA(r=1.0 - good, g=good, b=0.2, a=0.6)
        made = []
        for n, (middle, size) in enumerate(self._gripper.solids(grasp.opening), first):
            pose = RigidTransform(grasp.root_from_tcp.rotation, grasp.root_from_tcp.apply(middle))
            width, depth, height = (float(side) for side in size)
            marker = Marker(header=header, ns=id, id=n, type=Marker.CUBE, action=Marker.ADD)
            marker.pose, marker.scale = pose_message(pose), Vector3(x=width, y=depth, z=height)
            marker.color, marker.lifetime = color, LIFETIME
            made.append(marker)
        return made
