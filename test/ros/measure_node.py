"""CPU of the node's process and the way from image to TF: run by hand, prints one line of JSON.

    python test/ros/measure_node.py --people 1 [--width 1280 --height 720]    without inference
    python test/ros/measure_node.py --source FOLDER                           with the real networks

The node runs in a process of its own, in the first case with a pipeline that answers at once; this process
publishes pairs at 30 Hz and hears TF. Latency is from before an image is published to the TF of its stamp
being received; a pair without that was dropped, or showed nobody.
"""

from __future__ import annotations

import argparse
import itertools
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
    parser.add_argument("--source", help="frames for the real networks, played lap after lap")
    options = parser.parse_args()

    from harness import Camera, Peer, Process
    from tf2_msgs.msg import TFMessage

    from pose_ros.sources.source import open_source

    rclpy.init()
    peer = Peer()
    camera = Camera(peer)
    log = Path(tempfile.mkdtemp()) / "node.log"
    if options.source:
        with open_source(options.source) as source:
            camera.model = source.camera
            shots = [camera.messages(frame.rgb, frame.depth) for frame in source]
        node = Process(log, "pose_ros.ros.human_pose_node")
    else:
        camera.model = PinholeCamera(600.0, 600.0, 320.0, 240.0, options.width, options.height)
        shots = [camera.messages(*scene((320, 240), camera=camera.model))]
        node = Process(log, Path(__file__), "-p", f"people:={options.people}")
    played = itertools.cycle(shots)
    usage = psutil.Process(node.pid)
    received: dict[int, float] = {}
    sent: dict[int, float] = {}

    def on_tf(message: TFMessage) -> None:
        stamp = message.transforms[0].header.stamp
        received[stamp.sec * 10**9 + stamp.nanosec] = time.perf_counter()

    peer.create_subscription(TFMessage, "/tf", on_tf, 100)
    try:
        for publisher in (camera.image, camera.depth, camera.info):
            peer.wait(publisher.get_subscription_count, "the node", timeout=120)

        def run(seconds: float, publish: bool) -> float:
            """CPU seconds the node took in that time."""
            before = usage.cpu_times()
            for _ in range(round(seconds * options.rate)):
                due = time.perf_counter() + 1 / options.rate
                if publish:
                    stamp = camera.publish(next(played), time.time_ns())
                    sent[stamp] = camera.published_at
                peer.spin_for(due - time.perf_counter())
            after = usage.cpu_times()
            return after.user + after.system - before.user - before.system

        run(5 if options.source else 2, True)  # warm up
        sent.clear()
        busy = run(options.seconds, True)
        peer.spin_for(0.5)
        idle = run(3, False) / 3 * options.seconds
        pairs = sum(stamp in received for stamp in sent)
        latency = np.array([1e3 * (received[stamp] - at) for stamp, at in sent.items() if stamp in received])
        print(
            json.dumps(
                {
                    "source": options.source or f"{options.people} people, no inference",
                    "size": f"{camera.model.width}x{camera.model.height}",
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
        from pose_ros.ros.managed_node import spin

        sys.exit(spin(lambda: HumanPoseNode(InstantConfig(), InstantPipeline)))
    main()
