"""Both nodes on one stream over DDS: rates, latency, drops. Run by hand, prints one line of JSON a node.

    python test/ros/measure_both.py --source FOLDER --models MODELS [--rate 30] [--seconds 20] [--alone]

Each node runs in a process of its own with its real pipeline; this process publishes the source's frames, lap
after lap, and hears what they answer: TF of people and objects/detections. Latency is from before an image is
published to the answer of its stamp being received. --alone measures each node without the other, too.
--stand-in: with pipelines that answer at once, for the nodes' own cost.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "test" / "ros")]
os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(ROOT / "config" / "fastdds.xml"))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
os.environ.setdefault("ROS_DOMAIN_ID", "98")

import psutil  # noqa: E402
import rclpy  # noqa: E402

WARM_UP = 5.0  # s


class Listener:
    """When the first answer to each stamp came, and how many things were in it."""

    def __init__(self) -> None:
        self.received: dict[int, float] = {}
        self.found: dict[int, int] = {}

    def heard(self, header, count: int) -> None:
        stamp = header.stamp.sec * 10**9 + header.stamp.nanosec
        self.received.setdefault(stamp, time.perf_counter())
        self.found[stamp] = count

    def figures(self, sent: dict[int, float]) -> dict:
        answered = [stamp for stamp in sent if stamp in self.received]
        latency = [1e3 * (self.received[stamp] - sent[stamp]) for stamp in answered] or [float("nan")]
        span = (max(sent) - min(sent)) / 1e9 if len(sent) > 1 else float("nan")
        return {
            "images_sent": len(sent),
            "answered": len(answered),
            "rate_hz": round(len(answered) / span, 1),
            "dropped_share": round(1 - len(answered) / len(sent), 3),
            "latency_ms_p50": round(float(np.percentile(latency, 50)), 1),
            "latency_ms_p95": round(float(np.percentile(latency, 95)), 1),
            "found_per_answer": round(float(np.mean([self.found[s] for s in answered] or [0])), 2),
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", required=True, help="frames, played lap after lap")
    parser.add_argument("--models", default="", help="CAD files of object_pose")
    parser.add_argument("--rate", type=float, default=30)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--alone", action="store_true", help="measure each node without the other, too")
    parser.add_argument("--stand-in", action="store_true", help="pipelines that answer at once")
    options = parser.parse_args()

    from harness import Peer

    rclpy.init()
    peer = Peer()
    try:
        both = ("human_pose", "object_pose")
        for nodes in ([(name,) for name in both] if options.alone else []) + [both]:
            measure(peer, nodes, options)
    finally:
        peer.close()
        rclpy.try_shutdown()


def measure(peer, nodes: tuple[str, ...], options: argparse.Namespace) -> None:
    from harness import Camera, Process
    from hri_msgs.msg import IdsList
    from vision_msgs.msg import Detection3DArray

    from pose_ros.sources.source import open_source

    camera = Camera(peer)
    with open_source(options.source) as source:
        camera.model = source.camera
        shots = [camera.messages(frame.rgb, frame.depth) for frame in source]
    folder, here = Path(tempfile.mkdtemp()), Path(__file__).parent
    programs = {"human_pose": here / "stand_in.py", "object_pose": here / "stand_in_objects.py"}
    arguments = {"human_pose": (), "object_pose": ("-r", "image_annotated:=objects/image_annotated")}
    if not options.stand_in:
        programs = {name: f"pose_ros.ros.{name}_node" for name in nodes}
        arguments["object_pose"] += ("-p", f"models:={json.dumps(options.models)}")
    running = {name: Process(folder / f"{name}.log", programs[name], *arguments[name]) for name in nodes}
    listeners = {name: Listener() for name in nodes}
    subscriptions = []
    if "human_pose" in nodes:  # said for every frame, whoever is in it
        people = listeners["human_pose"]
        topic = "humans/bodies/tracked"
        subscriptions.append(
            peer.create_subscription(IdsList, topic, lambda m: people.heard(m.header, len(m.ids)), 100)
        )
    if "object_pose" in nodes:
        objects = listeners["object_pose"]
        subscriptions.append(
            peer.create_subscription(
                Detection3DArray,
                "objects/detections",
                lambda m: objects.heard(m.header, len(m.detections)),
                100,
            )
        )
    played, sent = itertools.cycle(shots), {}

    def play(seconds: float) -> None:
        for _ in range(round(seconds * options.rate)):
            due = time.perf_counter() + 1 / options.rate
            stamp = camera.publish(next(played), time.time_ns())
            sent[stamp] = camera.published_at
            peer.spin_for(due - time.perf_counter())

    try:
        for publisher in (camera.image, camera.depth, camera.info):
            peer.wait(lambda p=publisher: p.get_subscription_count() >= len(nodes), "the nodes", timeout=180)
        play(WARM_UP)
        sent.clear()
        usage = {name: psutil.Process(program.pid) for name, program in running.items()}
        before = {name: sum(process.cpu_times()[:2]) for name, process in usage.items()}
        play(options.seconds)
        peer.spin_for(1.0)
        for name in nodes:
            cpu = sum(usage[name].cpu_times()[:2]) - before[name]
            print(
                json.dumps(
                    {
                        "node": name,
                        "beside": [other for other in nodes if other != name],
                        "source": options.source,
                        "size": f"{camera.model.width}x{camera.model.height}",
                        "rate_sent_hz": options.rate,
                        **listeners[name].figures(sent),
                        "cpu_cores": round(cpu / options.seconds, 2),
                        "memory_mb": round(usage[name].memory_info().rss / 2**20),
                    }
                ),
                flush=True,
            )
    finally:
        for program in running.values():
            program.stop()
        for subscription in subscriptions:
            peer.destroy_subscription(subscription)
        for publisher in (camera.image, camera.depth, camera.info):
            peer.destroy_publisher(publisher)


if __name__ == "__main__":
    main()
