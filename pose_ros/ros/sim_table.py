"""sim_table: a simulated table as topics of a camera and a robot, and what the nodes answer to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection3DArray

from pose_ros.errors import PoseError
from pose_ros.geometry.rigid import RigidTransform
from pose_ros.ros.conversions import (
    header_of,
    message_from_camera,
    message_from_depth,
    message_from_rgb,
    stamp_to_ns,
)
from pose_ros.ros.objects_input import ObjectSighting
from pose_ros.ros.tf_messages import Frames, TFMessages
from pose_ros.sim.camera import FRAME_ID
from pose_ros.types import RGBDFrame

WORLD = "world"
FRAME_RATE = 6.0  # Hz at which the camera shows a table that stands still
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class TableNode(Node):
    """Publishes what the camera sees while it waits for answers; all in the caller's thread."""

    def __init__(self, base_link: str) -> None:
        super().__init__("sim_table")
        self._base_link = base_link
        qos = QoSProfile(depth=5)
        self._image = self.create_publisher(Image, "image", qos)
        self._depth = self.create_publisher(Image, "depth", qos)
        self._info = self.create_publisher(CameraInfo, "camera_info", qos)
        self._joints = self.create_publisher(JointState, "joint_states", qos)
        self._tf, self._tf_messages = self.create_publisher(TFMessage, "/tf", 100), TFMessages()
        self.detections: dict[int, list[ObjectSighting]] = {}  # stamp -> what was found, since the search
        self._since = 0  # ns
        self.grasps: list[Any] = []  # moveit_msgs/Grasp, of everything that was planned
        self.models: dict[str, Any] = {}
        self.diagnosis: dict[str, str] = {}
        self.create_subscription(Detection3DArray, "objects/detections", self._on_detections, 10)
        self.create_subscription(String, "objects/models", self._on_models, LATCHED)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        from moveit_msgs.msg import Grasp

        self.create_subscription(Grasp, "grasp/grasps", self._on_grasp, 500)
        self._detect = self.create_client(SetParametersAtomically, "/object_pose/detect")
        self._reset = self.create_client(Trigger, "/object_pose/reset")
        self._plan = self.create_client(SetParametersAtomically, "/grasp/plan")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self._frames: list[RGBDFrame] = []
        self._places: dict[str, RigidTransform] = {}
        self._shown, self._next = 0, 0.0

    def show(self, frames: list[RGBDFrame], world_from_camera: RigidTransform, world_from_base: Any) -> None:
        """What the camera shows from now on, in turn."""
        self._frames = frames
        self._places = {FRAME_ID: world_from_camera, self._base_link: world_from_base}
        self._shown = 0

    def wait(self, condition: Callable[[], Any], what: str, timeout: float) -> Any:
        """Spin and show until the condition holds; its value. PoseError where it does not in time."""
        end = time.monotonic() + timeout
        while not (value := condition()):
            if time.monotonic() > end:
                raise PoseError(f"waited {timeout:.0f} s for {what} in vain: {self._told()}")
            self._executor.spin_once(timeout_sec=max(min(self._next - time.monotonic(), 0.1), 0.0))
            if self._frames and time.monotonic() >= self._next:
                self._next = max(self._next + 1 / FRAME_RATE, time.monotonic())
                self._publish(self._frames[self._shown % len(self._frames)])
                self._shown += 1
        return value

    def detect(self, timeout: float) -> SetParametersResult:
        """Search the next picture for all objects."""
        self._call(self._reset, Trigger.Request(), 20.0)
        answer = self._call(self._detect, _request(timeout=timeout), timeout + 10).result
        # Older messages may still be on their way: only pictures from now on show what was found.
        self._since = self.get_clock().now().nanoseconds
        self.detections.clear()
        return answer

    def plan(self, object: str, timeout: float) -> SetParametersResult:
        """Grasps of an object, by its id or label: they are in `grasps` when this returns."""
        self.grasps.clear()
        return self._call(self._plan, _request(objects=[object], timeout=timeout), timeout + 10).result

    def ready(self, timeout: float) -> None:
        """Wait for the services and the names of the models."""
        for client in (self._detect, self._reset, self._plan):
            self.wait(client.service_is_ready, client.srv_name, timeout)
        self.wait(lambda: self.models, "objects/models", timeout)

    def publish_joints(self, names: tuple[str, ...], q: np.ndarray) -> None:
        stamp = self.get_clock().now().nanoseconds
        self._joints.publish(JointState(header=header_of(stamp, ""), name=list(names), position=q.tolist()))

    def close(self) -> None:
        self._executor.shutdown()
        self.destroy_node()

    def _call(self, client: Any, request: Any, timeout: float) -> Any:
        self.wait(client.service_is_ready, client.srv_name, 30.0)
        future = client.call_async(request)
        self.wait(future.done, f"an answer of {client.srv_name}", timeout)
        return future.result()

    def _publish(self, frame: RGBDFrame) -> None:
        stamp = self.get_clock().now().nanoseconds
        poses = list(self._places.values())
        frames = Frames(
            [WORLD] * len(poses), list(self._places),
            np.stack([pose.translation for pose in poses]), np.stack([pose.quaternion for pose in poses]),
        )  # fmt: skip
        self._tf.publish(self._tf_messages(frames, header_of(stamp, WORLD)))
        self._info.publish(message_from_camera(frame.camera, stamp, FRAME_ID))
        self._image.publish(message_from_rgb(frame.rgb, stamp, FRAME_ID))
        self._depth.publish(message_from_depth(frame.depth, stamp, FRAME_ID))

    def _on_detections(self, message: Detection3DArray) -> None:
        stamp = stamp_to_ns(message.header.stamp)
        if stamp > self._since:
            self.detections[stamp] = [ObjectSighting.of(one) for one in message.detections]

    def _on_models(self, message: String) -> None:
        self.models = json.loads(message.data)

    def _on_grasp(self, message: Any) -> None:
        self.grasps.append(message)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.diagnosis |= {status.name: status.message for status in message.status}

    def _told(self) -> str:
        return "; ".join(f"{name}: {text}" for name, text in self.diagnosis.items()) or "no node is heard"


def _request(**values: Any) -> SetParametersAtomically.Request:
    parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    return SetParametersAtomically.Request(parameters=parameters)
