"""ROS's share of a frame, for the bench: messages to a frame, and people to messages on DDS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from pose_ros.eval.bench import Row, row
from pose_ros.eval.timing import Cost, alternate, measure
from pose_ros.geometry.camera import PinholeCamera
from pose_ros.human.orient import Orienter
from pose_ros.ros import conversions
from pose_ros.ros.people_output import PeopleOutput
from pose_ros.skeleton import BLAZEPOSE_33
from pose_ros.types import Keypoints2D, Keypoints3D, Origin, People, Person, RGBDFrame, TrackState

CAMERA = PinholeCamera(600.0, 600.0, 319.5, 239.5, 640, 480)


def ros_costs(rounds: int) -> list[Row]:
    """Rows for `run_bench(more_rows=…)`: decoding a pair; publishing people whose topics somebody hears."""
    random = np.random.default_rng(0)
    rgb = random.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    depth = random.uniform(1, 4, (480, 640)).astype(np.float32)
    frame = RGBDFrame(rgb, depth, CAMERA, 1, "camera")
    context = rclpy.Context()
    context.init()
    node, listener = (Node(name, context=context) for name in ("cost", "listener"))
    try:
        output = PeopleOutput(node, publish_tf=True)
        one, four = (_publish(output, frame, _people(count, random)) for count in (1, 4))
        listener.create_subscription(TFMessage, "/tf", _ignore, 100)
        costs = alternate({"decode": _decode(rgb, depth), "TF of 1": one, "TF of 4": four}, range(rounds))
        listener.create_subscription(MarkerArray, "skeletons/markers", _ignore, qos_profile_sensor_data)
        for n in range(4):
            topic = f"humans/bodies/p{n}/joint_states"
            listener.create_subscription(JointState, topic, _ignore, qos_profile_sensor_data)
        costs |= alternate({"all of 1": one, "all of 4": four}, range(rounds))
    finally:
        listener.destroy_node()
        node.destroy_node()
        context.shutdown()
    names = {
        "decode": "decode a 640x480 pair of messages",
        "TF of 1": "publish TF, one person",
        "TF of 4": "publish TF, four people",
        "all of 1": "publish TF, markers, joint states, one person",
        "all of 4": "publish TF, markers, joint states, four people",
    }
    return [row(name, costs[key], None) for key, name in names.items()]


def _decode(rgb: np.ndarray, depth: np.ndarray) -> Callable[[int], Cost]:
    image = conversions.message_from_rgb(rgb, 1, "camera")
    metres = conversions.message_from_depth(depth, 1, "camera")

    def decode() -> None:
        conversions.rgb_from_message(image)
        conversions.depth_from_message(metres)

    return lambda _: measure(decode)[1]


def _publish(output: PeopleOutput, frame: RGBDFrame, people: tuple[Person, ...]) -> Callable[[int], Cost]:
    def publish(n: int) -> None:
        now = People(people, n + 1, frame.frame_id)
        output.publish_3d(now, frame.frame_id)
        output.publish_2d(frame, now)

    return lambda n: measure(publish, n)[1]


def _people(count: int, random: np.random.Generator) -> tuple[Person, ...]:
    """People of random joints: messages do not mind what they look like."""
    joints = len(BLAZEPOSE_33)
    lifted = Keypoints3D(
        random.uniform((-1, -1, 2), (1, 1, 3), (count, joints, 3)),
        np.ones((count, joints)),
        np.tile(1e-4 * np.eye(3), (count, joints, 1, 1)),
        np.full((count, joints), Origin.MEASURED),
        BLAZEPOSE_33,
    )
    xy = CAMERA.project(lifted.xyz)
    seen = Keypoints2D(xy, lifted.score, np.concatenate([xy.min(1), xy.max(1)], -1), BLAZEPOSE_33)
    return tuple(
        Person(f"p{n}", TrackState.TRACKED, 9, seen.select([n]), lifted.select([n]), frames.camera_from_joint)
        for n, frames in enumerate(Orienter()(lifted, [f"p{n}" for n in range(count)], 0.0))
    )


def _ignore(_: Any) -> None:
    pass
