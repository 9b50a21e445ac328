"""Plans for MoveIt: collision objects that are added once and then moved, and Grasp messages.

Everything here needs moveit_msgs; `is_installed` tells.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion
from std_msgs.msg import Header

from pose_ros.apps.grasp.grasp_set import GraspSet
from pose_ros.apps.grasp.gripper import Gripper
from pose_ros.apps.grasp.library import KnownObject
from pose_ros.apps.grasp.plan import Plan, PlannedGrasp
from pose_ros.geometry.decimate import decimated
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.grasp_messages import grasp_frame
from pose_ros.ros.objects_messages import pose_message

TRIANGLES = 500
SQUEEZE = 0.004  # m narrower than the object the fingers are sent, so that they press
STRAIGHT = 0.5  # share of the straight way that must be possible


def is_installed() -> bool:
    return importlib.util.find_spec("moveit_msgs") is not None


class CollisionObjects:
    """Remembers what MoveIt was told, so that a mesh is sent once and then only its pose."""

    def __init__(self, subframes: int) -> None:
        self._subframes = subframes
        self._added: dict[str, str] = {}  # id -> label

    def __call__(
        self,
        poses: Mapping[str, tuple[str, RigidTransform]],
        known: Mapping[str, KnownObject],
        header: Header,
    ) -> list[Any]:
        """Messages for objects that are there, id -> (label, root_from_object), and for those gone."""
        from moveit_msgs.msg import CollisionObject

        messages = self.gone(header, but=set(poses))
        for id, (label, pose) in poses.items():
            if label not in known:
                continue
            message = CollisionObject(header=header, id=id, pose=pose_message(pose))
            if self._added.get(id) == label:
                message.operation = CollisionObject.MOVE
            else:
                self._fill(message, known[label])
                message.operation = CollisionObject.ADD
                self._added[id] = label
            messages.append(message)
        return messages

    def forget(self) -> None:
        """Somebody new listens, who knows of nothing: all is added anew."""
        self._added = {}

    def gone(self, header: Header, but: set[str] = frozenset()) -> list[Any]:
        """Takes away everything `but` these ids."""
        from moveit_msgs.msg import CollisionObject

        lost = sorted(set(self._added) - but)
        for id in lost:
            del self._added[id]
        return [CollisionObject(header=header, id=id, operation=CollisionObject.REMOVE) for id in lost]

    def _fill(self, message: Any, known: KnownObject) -> None:
        """Its mesh, and its best grasps by themselves as subframes `best_<k>`, fixed to it."""
        message.meshes = [mesh_message(known)]
        message.mesh_poses = [Pose(orientation=Quaternion(w=1.0))]
        best = subframes(known.grasps, self._subframes)
        message.subframe_names = [f"best_{k}" for k in range(len(best))]
        message.subframe_poses = [pose_message(pose) for pose in best]


def mesh_message(known: KnownObject) -> Any:
    from shape_msgs.msg import Mesh, MeshTriangle

    small = decimated(known.mesh, TRIANGLES)
    return Mesh(
        triangles=[MeshTriangle(vertex_indices=[int(v) for v in face]) for face in small.triangles],
        vertices=[Point(x=x, y=y, z=z) for x, y, z in small.vertices.tolist()],
    )


def subframes(grasps: GraspSet, most: int) -> list[RigidTransform]:
    pose = grasps.object_from_grasp
    return [RigidTransform(pose.rotation[k], pose.translation[k]) for k in range(min(most, len(grasps)))]


def grasp_messages(plan: Plan, header: Header, most: int, gripper: Gripper) -> list[Any]:
    """moveit_msgs/Grasp of the best `most`: the pose is that of the gripper's link, as MoveIt has it."""
    return [
        _grasp(grasp, grasp_frame(plan.id, k), plan.id, header, gripper)
        for k, grasp in enumerate(plan.grasps[:most])
    ]


def _grasp(grasp: PlannedGrasp, id: str, object_id: str, header: Header, gripper: Gripper) -> Any:
    from moveit_msgs.msg import Grasp

    message = Grasp(id=id, grasp_quality=float(grasp.score), allowed_touch_objects=[object_id])
    message.grasp_pose = PoseStamped(header=header, pose=pose_message(grasp.root_from_link))
    message.pre_grasp_posture = _posture(gripper, grasp.opening, header)
    pressed = max(grasp.width - SQUEEZE, gripper.min_width)
    message.grasp_posture = _posture(gripper, pressed, header)
    here = grasp.root_from_tcp.translation
    message.pre_grasp_approach = _straight(here - grasp.root_from_pregrasp.translation, header)
    message.post_grasp_retreat = _straight(grasp.root_from_lift.translation - here, header)
    return message


def _straight(way: np.ndarray, header: Header) -> Any:
    from moveit_msgs.msg import GripperTranslation

    distance = float(np.linalg.norm(way))
    message = GripperTranslation(desired_distance=distance, min_distance=STRAIGHT * distance)
    message.direction.header = header
    vector = message.direction.vector
    vector.x, vector.y, vector.z = (float(value) for value in way / max(distance, 1e-9))
    return message


def _posture(gripper: Gripper, width: float, header: Header) -> Any:
    from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

    position = float(gripper.joint_of(width))
    names = list(gripper.joint_names)
    point = JointTrajectoryPoint(positions=[position] * len(names))
    point.time_from_start.sec = 1
    return JointTrajectory(header=Header(frame_id=header.frame_id), joint_names=names, points=[point])
