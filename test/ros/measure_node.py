"""What the node itself costs, without inference: run by hand, prints CPU per pair and latencies as JSON.

    python test/ros/measure_node.py --people 1 --seconds 10 [--width 1280 --height 720]

The node runs in a process of its own with a pipeline that answers at once; this process publishes pairs at
30 Hz and hears TF. Latency is from before the image is published to the TF of its stamp being received.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "test" / "ros")]
os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", "99")

import psutil  # noqa: E402
import rclpy  # noqa: E402
from stand_in import scene  # noqa: E402

from pose_ros.config import option  # noqa: E402
from pose_ros.geometry.camera import PinholeCamera  # noqa: E402
from pose_ros.geometry.rigid import RigidTransform, rotation_exp  # noqa: E402
from pose_ros.skeleton import BLAZEPOSE_33  # noqa: E402
from pose_ros.types import Keypoints2D, Keypoints3D, People, Person, TrackState  # noqa: E402

FRAMES = (
    "body", "neck", "head",
    *(f"{side}_{joint}" for side in ("left", "right") for joint in (
        "shoulder", "elbow", "wrist", "hip", "knee", "ankle")),
)  # fmt: skip


@dataclass(frozen=True)
class InstantConfig:
    people: int = option(1, "people in every frame", range=(0, 20))


class InstantPipeline:
    """The same people in every frame, at no cost."""

    device_note = "cpu (answers at once)"

    def __init__(self, config: InstantConfig) -> None:
        random = np.random.default_rng(0)
        joints = len(BLAZEPOSE_33)
        self.people = tuple(
            Person(
                f"p{n}",
                TrackState.TRACKED,
                1,
                Keypoints2D(
                    random.uniform(0, 480, (1, joints, 2)), np.full((1, joints), 0.9),
                    np.array([[10.0, 10, 200, 400]]), BLAZEPOSE_33,
                ),
                Keypoints3D(
                    random.normal(0, 1, (1, joints, 3)), np.full((1, joints), 0.9),
                    np.zeros((1, joints, 3, 3)), np.ones((1, joints), int), BLAZEPOSE_33,
                ),
                {
                    name: RigidTransform(rotation_exp(random.normal(0, 1, 3)), random.normal(0, 1, 3))
                    for name in FRAMES
                },
            )
            for n in range(1, config.people + 1)
        )  # fmt: skip
        self.stage_ms: dict[str, float] = {}

    def reset(self) -> None:
        pass

    def __call__(self, frame) -> People:
        return People(self.people, frame.stamp_ns, frame.frame_id)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--markers", action="store_true", help="hear skeletons/markers too")
    options = parser.parse_args()

    from harness import Camera, Peer, Process
    from tf2_msgs.msg import TFMessage
    from visualization_msgs.msg import MarkerArray

    rclpy.init()
    peer = Peer()
    camera = Camera(peer)
    camera.model = PinholeCamera(600.0, 600.0, 320.0, 240.0, options.width, options.height)
    log = Path(tempfile.mkdtemp()) / "node.log"
    node = Process(log, Path(__file__), "-p", f"people:={options.people}")
    usage = psutil.Process(node.pid)
    received: dict[int, float] = {}
    sent: dict[int, float] = {}

    def on_tf(message: TFMessage) -> None:
        stamp = message.transforms[0].header.stamp
        received[stamp.sec * 10**9 + stamp.nanosec] = time.perf_counter()

    peer.create_subscription(TFMessage, "/tf", on_tf, 100)
    if options.markers:
        peer.create_subscription(MarkerArray, "skeletons/markers", lambda _: None, 10)
    try:
        camera.wait_for_node()
        messages = camera.messages(*scene((320, 240), camera=camera.model))

        def run(seconds: float, publish: bool) -> float:
            """CPU seconds the node took in that time."""
            before = usage.cpu_times()
            for _ in range(round(seconds * options.rate)):
                due = time.perf_counter() + 1 / options.rate
                if publish:
                    stamp = camera.publish(messages, time.time_ns())
                    sent[stamp] = camera.published_at
                peer.spin_for(due - time.perf_counter())
            after = usage.cpu_times()
            return after.user + after.system - before.user - before.system

        run(2, True)  # warm up
        sent.clear()
        busy = run(options.seconds, True)
        peer.spin_for(0.5)
        idle = run(3, False) / 3 * options.seconds
        pairs = sum(stamp in received for stamp in sent)
        latency = np.array([1e3 * (received[stamp] - at) for stamp, at in sent.items() if stamp in received])
        print(
            json.dumps(
                {
                    "people": options.people,
                    "size": f"{options.width}x{options.height}",
                    "pairs_sent": len(sent),
                    "pairs_answered": pairs,
                    "node_cpu_ms_per_pair": round(1e3 * (busy - idle) / len(sent), 2),
                    "latency_ms_p50": round(float(np.percentile(latency, 50)), 2),
                    "latency_ms_p95": round(float(np.percentile(latency, 95)), 2),
                    "latency_ms_max": round(float(latency.max()), 2),
                }
            )
        )
    finally:
        node.stop()
        peer.close()
        rclpy.try_shutdown()


if __name__ == "__main__":
    if "--ros-args" in sys.argv:
        from pose_ros.ros.human_pose_node import HumanPoseNode
        from pose_ros.ros.pipeline_node import spin

        sys.exit(spin(lambda: HumanPoseNode(InstantConfig(), InstantPipeline)))
    main()
