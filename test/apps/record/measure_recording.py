"""Minutes of recording with real nodes over DDS: what is lost, what it costs, what a kill leaves. Not a test.

python measure_recording.py OUT [--seconds 600] [--kill]

A process publishes pictures with their number in them, a person, objects, joints and commands; another runs
the node. Afterwards bag and set are compared, frame by frame, with what was published.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "test" / "ros")]
HEIGHT, WIDTH, BLOCK, BITS = 480, 640, 32, 16
JOINTS = [f"joint_{n}" for n in range(7)]


def numbered(picture: np.ndarray, number: int) -> np.ndarray:
    """Its number in black and white squares along the upper edge: no codec hides that."""
    picture = picture.copy()
    for bit in range(BITS):
        picture[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return picture


def number_of(picture: np.ndarray) -> int:
    middle = picture[BLOCK // 2, BLOCK // 2 : BITS * BLOCK : BLOCK].mean(axis=-1) > 127
    return int(np.dot(middle, 1 << np.arange(BITS)))


def publish(seconds: float, log: Path) -> None:
    import rclpy
    from people_for_record import people_cloud, person
    from rclpy.qos import DurabilityPolicy, QoSProfile
    from sensor_msgs.msg import Image, JointState, PointCloud2
    from std_msgs.msg import String
    from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose

    from pose_ros.ros.conversions import header_of, message_from_rgb
    from pose_ros.ros.people_cloud import info_message
    from pose_ros.skeleton import BLAZEPOSE_33

    rclpy.init()
    node = rclpy.create_node("publisher")
    kinds = {"image": Image, "joint_states": JointState, "joint_commands": JointState,
             "skeletons/points": PointCloud2, "objects/detections": Detection3DArray}  # fmt: skip
    out = {topic: node.create_publisher(kind, topic, 30) for topic, kind in kinds.items()}
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    info = node.create_publisher(String, "skeletons/info", latched)
    info.publish(info_message(BLAZEPOSE_33))
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    still = np.stack([x % 256, y % 256, (x + y) // 5 % 256], -1)
    noisy = [(still + rng.integers(-3, 4, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(20)]
    while not all(publisher.get_subscription_count() for publisher in out.values()):
        time.sleep(0.1)
    start, began, out_log = time.monotonic(), time.time_ns(), log.open("w")
    for n in range(round(seconds * 30)):
        time.sleep(max(start + n / 30 - time.monotonic(), 0))
        now = time.time_ns()
        angles = [float(np.sin(n / 30 + k)) for k in range(len(JOINTS))]
        out["image"].publish(message_from_rgb(numbered(noisy[n % 20], n), now, "camera"))
        out["skeletons/points"].publish(people_cloud([person(distance=2 + np.sin(n / 60))], now))
        header = header_of(now, "camera")
        for topic in ("joint_states", "joint_commands"):
            out[topic].publish(JointState(header=header, name=JOINTS, position=angles))
        found = ObjectHypothesisWithPose()
        found.hypothesis.class_id, found.hypothesis.score = "mug", 0.9
        found.pose.pose.position.x, found.pose.pose.orientation.w = n / 1000, 1.0
        detection = Detection3D(header=header, id="mug_1", results=[found])
        out["objects/detections"].publish(Detection3DArray(header=header, detections=[detection]))
        out_log.write(f"[{n}, {now}]\n")
        out_log.flush()
    print("published", n + 1, "in", (time.time_ns() - began) / 1e9, flush=True)
    time.sleep(2)
    rclpy.shutdown()


def sent_of(log: Path) -> list[list[int]]:
    """(number, stamp) of all that was published."""
    return [json.loads(line) for line in log.read_text().splitlines()]


def cpu_of(pid: int) -> float:
    """Seconds of user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> float:
    """Most memory that was resident, MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def run(out: Path, seconds: float, kill: bool) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    folder = out / "recordings"
    log = Path("/dev/shm") / f"sent_{os.getpid()}.json"  # a disk that is busy shall not hold the publisher up
    parameters = {"folder": folder, "task": "put the mug into the box", "features.action": "joint_commands",
                  "features.slots": "mug", "features.cameras": "front=image", "min_free": 0.5}  # fmt: skip
    arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    node = subprocess.Popen(
        [sys.executable, "-m", "pose_ros.ros.record_node", "--ros-args", *arguments], env=environment
    )
    profile = {"FASTRTPS_DEFAULT_PROFILES_FILE": str(ROOT / "config" / "fastdds.xml")}
    publisher = subprocess.Popen(
        [sys.executable, __file__, "--publish", str(log), "--seconds", str(seconds + 6)],
        env=environment | profile,
    )
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from std_msgs.msg import String

    rclpy.init()
    peer = rclpy.create_node("measure")
    key = peer.create_publisher(String, "record/key", 10)
    said: dict[str, str] = {}

    def hear(message: DiagnosticArray) -> None:
        said.update(
            {v.key: v.value for s in message.status for v in s.values}
            | {"message": message.status[0].message}
        )

    peer.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)

    def spin(duration: float) -> None:
        end = time.monotonic() + duration
        while time.monotonic() < end:
            rclpy.spin_once(peer, timeout_sec=0.2)

    while not log.exists():
        spin(0.2)
    spin(2.0)
    key.publish(String(data="start"))
    spin(1.0)
    before = cpu_of(node.pid)
    spin(seconds - 1)
    cost = (cpu_of(node.pid) - before) / (seconds - 1)
    if kill:
        killed = time.time_ns()
        node.send_signal(signal.SIGKILL)
        publisher.wait()
        check_kill(folder, killed, sent_of(log))
    else:
        key.publish(String(data="stop"))
        spin(5)
        print(json.dumps({k: v for k, v in said.items() if "rate" not in k}, indent=1))
        print("CPU of the node", round(cost, 3), "cores; most memory", peak_of(node.pid), "MB")
        publisher.wait()
        node.send_signal(signal.SIGINT)
        node.wait(30)
        check(folder, sent_of(log))
    rclpy.shutdown()


def check(folder: Path, sent: list[list[int]]) -> None:
    from mcap.reader import make_reader

    from pose_ros.apps.record import files
    from pose_ros.apps.record.video import read_video
    from pose_ros.ros.conversions import read_header

    stamps = {stamp: n for n, stamp in sent}
    bag = next((folder / "bags").rglob("*.mcap"))
    heard: dict[str, list[int]] = {}
    with bag.open("rb") as file:
        for schema, channel, message in make_reader(file).iter_messages(log_time_order=False):
            if schema.name != "std_msgs/msg/String":
                heard.setdefault(channel.topic, []).append(stamps[read_header(message.data)[0]])
    for topic, numbers in heard.items():
        span = numbers[-1] - numbers[0] + 1
        print(f"bag {topic}: {len(numbers)} of {span} published meanwhile, {span - len(set(numbers))} lost")
    print("bag", bag.stat().st_size / 1e9, "GB")
    root = folder / "lerobot"
    rows = files.read_parquet(root / "data/chunk-000/file-000.parquet")
    video = root / files.VIDEO.format(video_key="observation.images.front", chunk_index=0, file_index=0)
    times, state = rows["stamp_ns"].to_numpy(), np.array(rows["observation.state"].to_pylist())
    true_times = np.array([stamp for _, stamp in sent])
    shown = [number_of(picture) for picture in read_video(video)]
    nearest = np.abs(times[:, None] - true_times[None, max(shown[0] - 60, 0) : shown[-1] + 60]).argmin(axis=1)
    nearest += max(shown[0] - 60, 0)
    span = shown[-1] - shown[0] + 1
    twice, missed = len(shown) - len(set(shown)), len(set(nearest.tolist()) - set(shown))
    print(f"set: {len(rows)} rows, {span - len(set(shown))} of {span} pictures in none, {twice} in two;")
    other = int(np.sum(nearest != shown))
    print(f"{missed} pictures are in none though nearest to one; {other} rows without their nearest picture")
    gaps = np.diff(true_times[(true_times >= times[0]) & (true_times <= times[-1])]) / 1e9
    print("publisher: longest gap", gaps.max(), "s; gaps past 0.2 s make up", gaps[gaps > 0.2].sum(), "s")
    exact = np.interp(times, true_times, np.arange(len(sent)))
    error = np.abs(state[:, 0] - np.sin(exact / 30))
    valid = np.array(rows["valid"].to_pylist())
    print(
        "rows with all valid:",
        int(valid.all(axis=1).sum()),
        "; joint error",
        float(error[valid.all(axis=1)].max()),
    )
    print("video", video.stat().st_size / 1e6, "MB; parquet",
          sum(path.stat().st_size for path in root.rglob("*.parquet")) / 1e6, "MB")  # fmt: skip


def check_kill(folder: Path, killed_ns: int, sent: list[list[int]]) -> None:
    from mcap.exceptions import McapError
    from mcap.stream_reader import StreamReader

    from pose_ros.apps.record.bag_repair import repair
    from pose_ros.apps.record.dataset import LeRobotSet

    bag, last = next((folder / "bags").rglob("*.mcap")), 0
    with bag.open("rb") as file:
        try:
            for record in StreamReader(file).records:
                last = getattr(record, "log_time", last)
        except McapError as error:
            print("mcap's own reader ends with:", repr(error))
    print("bag: last message", (killed_ns - last) / 1e9, "s before the kill; repaired:", repair(bag))
    with LeRobotSet(folder / "lerobot") as dataset:
        print("recovered", dataset.recover(print))
        from pose_ros.apps.record import files

        rows = files.read_parquet(folder / "lerobot" / "data/chunk-000/file-000.parquet")
        print(
            "set:", len(rows), "rows; last row", (killed_ns - rows["stamp_ns"][-1].as_py()) / 1e9, "s before"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--publish", type=Path)
    parsed = parser.parse_args()
    if parsed.publish:
        publish(parsed.seconds, parsed.publish)
    else:
        run(parsed.out, parsed.seconds, parsed.kill)
