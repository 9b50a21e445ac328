"""A synthetic person leads a simulated arm: `pose_ros demo-mimicry`, `make demo-mimicry`.

source, human_pose and mimicry run as processes over DDS; the arm and its physics are here, and it hears only
`mimicry/joint_trajectory`. Afterwards all that was heard is held against the person's true joints.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, JointState, PointCloud2
from std_msgs.msg import String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.errors import PoseError
from pose_ros.eval import report
from pose_ros.eval.mimicry import HEADERS, Heard, Joints, judge, row_of
from pose_ros.eval.mimicry import Path as ArmPath
from pose_ros.eval.timing import circumstances
from pose_ros.geometry.rigid import RigidTransform, matrix_from_quaternion
from pose_ros.people_rows import PeopleReader
from pose_ros.ros.compose import prepare_dds
from pose_ros.ros.conversions import header_of, stamp_to_ns
from pose_ros.ros.mimicry_node import robot_file
from pose_ros.ros.sim_process import check_alive, node_process
from pose_ros.sim.arm import Arm, arm_kind
from pose_ros.sim.camera import OutsideCamera
from pose_ros.sim.engine import RATE as PHYSICS_RATE
from pose_ros.sim.engine import connect
from pose_ros.sim.film import titled, write_video
from pose_ros.sources.rgbd_folder import RGBDFolder
from pose_ros.sources.synthetic.scene import RATE as IMAGE_RATE
from pose_ros.sources.synthetic.scene import SyntheticConfig, SyntheticSource, write_people
from pose_ros.types import People
from pose_ros.viz import draw_people

START = 120.0  # s for the nodes to be ready
END = 1.5  # s without an image after which all is over
JOINTS_EVERY = 0.02  # s between the arm's joint states
LATE = 0.1  # s of physics that are made good at once at most
FILM_RATE = 15.0  # Hz
MOUNTED = np.array([0.0, 0.0, 1.3])  # m, of the arm's base: a shoulder's height
# One operator on two cores: nobody else is looked for while the operator is followed, nor any face.
PEOPLE = {"faces": False, "blazepose.max_people": 1}
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
MADE_HERE = ("source", "summary.json", "mimicry.mp4", "mimicry.jpg", "human_pose.log", "mimicry.log",
             "source_node.log")  # fmt: skip


class SimArm(Node):
    """`sim_arm`: the simulated robot, and a note of all that is heard meanwhile; in the caller's thread."""

    def __init__(self, robot: Robot, name: str) -> None:
        super().__init__("sim_arm")
        base = RigidTransform(robot.arms[0].base_from_chest.T, MOUNTED)
        self.robot, self.client = robot, connect()
        self.arm = Arm(self.client, name, base)
        self.arm.reset(robot.home)
        self.images: list[int] = []
        self.previews: list[tuple[int, int, list[float]]] = []  # stamp, arrival, q
        self.targets: list[tuple[int, Any]] = []
        self.commands: list[tuple[int, list[float]]] = []
        self.moved: list[tuple[int, np.ndarray]] = []
        self.modes: list[tuple[int, str]] = []
        self.clouds: dict[int, PointCloud2] = {}
        self.info = ""
        self._joints = self.create_publisher(JointState, "robot_joint_states", 10)
        listen = self.create_subscription
        listen(JointTrajectory, "mimicry/joint_trajectory", self._on_command, 50)
        listen(JointState, "mimicry/joint_states", self._on_preview, 50)
        listen(PoseStamped, "mimicry/wrist_target", self._on_target, 50)
        listen(String, "mimicry/state", self._on_state, LATCHED)
        listen(CameraInfo, "camera_info", self._on_image, 50)
        listen(PointCloud2, "skeletons/points", self._on_people, 50)
        listen(String, "skeletons/info", self._on_info, LATCHED)
        self.engage = self.create_client(SetBool, "/mimicry/engage")
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self._simulated = self._told = time.monotonic()

    def run_until(self, condition: Callable[[], Any], what: str, timeout: float) -> None:
        """Simulate and listen until the condition holds; PoseError where it does not in time."""
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise PoseError(f"waited {timeout:.0f} s for {what} in vain")
            self._executor.spin_once(timeout_sec=0.004)
            self._simulate()

    def _simulate(self) -> None:
        now = time.monotonic()
        self._simulated = max(self._simulated, now - LATE)
        stepped = False
        while now - self._simulated > 1 / PHYSICS_RATE:
            self.client.stepSimulation()
            self._simulated += 1 / PHYSICS_RATE
            stepped = True
        if stepped:
            self.moved.append((self._now(), self.arm.q))
        if now - self._told > JOINTS_EVERY:
            self._told = now
            names, q, qd = list(self.robot.names), self.arm.q.tolist(), self.arm.qd.tolist()
            header = header_of(self._now(), "")
            self._joints.publish(JointState(header=header, name=names, position=q, velocity=qd))

    def _now(self) -> int:
        return self.get_clock().now().nanoseconds

    def _on_command(self, message: JointTrajectory) -> None:
        q = list(message.points[-1].positions)
        self.commands.append((self._now(), q))
        self.arm.command(q)

    def _on_preview(self, message: JointState) -> None:
        self.previews.append((stamp_to_ns(message.header.stamp), self._now(), list(message.position)))

    def _on_target(self, message: PoseStamped) -> None:
        self.targets.append((stamp_to_ns(message.header.stamp), message.pose))

    def _on_state(self, message: String) -> None:
        self.modes.append((self._now(), json.loads(message.data)["mode"]))

    def _on_image(self, message: CameraInfo) -> None:
        self.images.append(stamp_to_ns(message.header.stamp))

    def _on_people(self, message: PointCloud2) -> None:
        self.clouds[stamp_to_ns(message.header.stamp)] = message

    def _on_info(self, message: String) -> None:
        self.info = message.data

    def heard(self) -> Heard:
        n, start = len(self.robot), self.images[0]

        def seconds(stamps: Any) -> np.ndarray:
            return (np.array(list(stamps), dtype=np.int64) - start) / 1e9

        def joints(stamps: Any, q: Any) -> Joints:
            return Joints(seconds(stamps), np.array(list(q), float).reshape(-1, n))

        places = np.array([[p.position.x, p.position.y, p.position.z] for _, p in self.targets])
        turns = np.array(
            [[(q := p.orientation).x, q.y, q.z, q.w] for _, p in self.targets], dtype=float
        ).reshape(-1, 4)
        return Heard(
            seconds(self.images), np.array([(at - stamp) / 1e9 for stamp, at, _ in self.previews]),
            joints((p[0] for p in self.previews), (p[2] for p in self.previews)),
            ArmPath(
                seconds(s for s, _ in self.targets), places.reshape(-1, 3), matrix_from_quaternion(turns)
            ),
            joints((c[0] for c in self.commands), (c[1] for c in self.commands)),
            joints((m[0] for m in self.moved), (m[1] for m in self.moved)),
            [((at - start) / 1e9, mode) for at, mode in self.modes],
        )  # fmt: skip

    def close(self) -> None:
        self._executor.shutdown()
        self.destroy_node()


def demo_mimicry(
    out: Path, robot: str = "panda", motion: str = "reach_forward", seed: int = 1, seconds: float = 11.0,
    drawn: Path | None = None, film: bool = True, settings: dict[str, Any] | None = None,
) -> int:  # fmt: skip
    """Lead an arm; leaves mimicry.mp4, mimicry.jpg, summary.json and the nodes' logs in `out`.

    drawn: the same synthetic person, drawn beforehand. settings: further parameters of the node mimicry.
    """
    arm_kind(robot)
    connect().disconnect()  # says at once what is missing
    out.mkdir(parents=True, exist_ok=True)
    for name in MADE_HERE:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    length = max(round(seconds * IMAGE_RATE), 1)
    config = SyntheticConfig(seed=seed, frames=length, people=1, motion=motion)
    if drawn is None:
        print("drawing the synthetic person", flush=True)
        drawn = out / "source"
        write_people(drawn, config)
    folder, loaded = RGBDFolder(drawn), Robot.load(robot_file(robot))
    parameters = {"robot": robot} | (settings or {})
    prepare_dds()
    rclpy.init()
    node = SimArm(loaded, robot)
    load = os.getloadavg()[0]
    try:
        _play(node, out, drawn, parameters)
    finally:
        node.close()
        rclpy.try_shutdown()
    keys = folder.keys()[: len(node.images)]
    people = [folder.truth[key][0] for key in keys]
    result = judge(
        loaded, node.heard(), people, MimicryConfig(), true_hands(config, loaded.arms[0].side)[: len(keys)]
    )
    name = f"{robot} {motion} {seed}"
    print(f"\n{report.table(HEADERS, [row_of(name, result)])}")
    summary = circumstances() | {
        "robot": robot, "motion": motion, "seed": seed, "human_pose": PEOPLE, "mimicry": parameters,
        "load": [load, os.getloadavg()[0]], "figures": result,
    }  # fmt: skip
    report.write_json(out / "summary.json", summary)
    if film:
        print("making the video", flush=True)
        pictures, modes = zip(*_film(node, folder, name), strict=True)
        write_video(out / "mimicry.mp4", pictures, FILM_RATE)
        led = [picture for picture, mode in zip(pictures, modes, strict=True) if mode == "following"]
        _write_sheet(out / "mimicry.jpg", led or pictures)
    node.client.disconnect()
    print(f"\n{out}: {'mimicry.mp4, mimicry.jpg, ' if film else ''}summary.json, logs of the nodes")
    return 0


def _play(node: SimArm, out: Path, drawn: Path, parameters: dict[str, Any]) -> None:
    """All processes, until everything is played and answered."""
    with contextlib.ExitStack() as stack:
        start = lambda module, log, given: stack.enter_context(  # noqa: E731
            node_process(module, out / f"{log}.log", given)
        )
        nodes = {"mimicry": start("mimicry_node", "mimicry", parameters)}
        nodes["human_pose"] = start("human_pose_node", "human_pose", PEOPLE)

        def ready() -> bool:
            check_alive(nodes, out)
            return node.engage.service_is_ready()

        node.run_until(ready, "the nodes", START)
        _engage(node)
        player = start("source_node", "source_node", {"source": str(drawn), "wait_for": 1})
        last = time.monotonic()
        count = 0

        def over() -> bool:
            nonlocal last, count
            check_alive(nodes, out)
            if len(node.images) > count or (not count and player.poll() is None):
                last, count = time.monotonic(), len(node.images)
            return time.monotonic() - last > END

        node.run_until(over, "the end of the source", 600.0)
    if not node.images:
        raise PoseError(f"the source was not played: {(out / 'source_node.log').read_text()[-500:]}")


def _engage(node: SimArm, tries: int = 20) -> None:
    """Ask until mimicry has heard where the robot stands; PoseError with its reason."""
    for _ in range(tries):
        answer = node.engage.call_async(SetBool.Request(data=True))
        node.run_until(answer.done, "an answer of /mimicry/engage", START)
        if answer.result().success:
            return
        again = time.monotonic() + 0.25
        node.run_until(lambda again=again: time.monotonic() > again, "joint states", 1.0)
    raise PoseError(f"mimicry is not engaged: {answer.result().message}")


def true_hands(config: SyntheticConfig, side: str) -> np.ndarray:
    """(T,3,3): how the synthetic person's hand is turned against the forearm, which truth.json has not."""
    source = SyntheticSource(config)
    segments = source.actors[0].pose(source.times).segments()
    return np.swapaxes(segments[f"{side}_elbow"], -1, -2) @ segments[f"{side}_hand"]


def _film(node: SimArm, folder: RGBDFolder, name: str) -> Iterator[tuple[np.ndarray, str]]:
    """What the camera saw, with what human_pose made of it, beside the robot at that moment; and its mode."""
    read = PeopleReader(node.info)
    heard = node.heard()
    # From where the operator is seen, too: the robot stands beside them as their own arm would.
    view = OutsideCamera.at((0.35, -0.35, MOUNTED[2] - 0.12), np.radians(-15), np.radians(12), 1.75)
    every = round(IMAGE_RATE / FILM_RATE)
    shown = People((), 0, "")
    for key, stamp, t in list(zip(folder.keys(), node.images, heard.images, strict=False))[::every]:
        frame = folder.frame(key)
        if (cloud := node.clouds.get(stamp)) is not None and cloud.width:
            shown = read(cloud)
        q = heard.arm.at(np.array([t]))[0]
        if np.isfinite(q).all():
            node.arm.reset(q)
        rgb, _ = view.shoot(node.client)
        left = draw_people(frame.rgb, shown, frame.camera)
        mode = heard.mode(np.array([t]))[0]
        yield np.hstack([titled(left, "human_pose"), titled(rgb, f"{name}: {mode}   {t:4.1f} s")]), mode


def _write_sheet(file: Path, pictures: Sequence[np.ndarray], rows: int = 4) -> None:
    """Some moments below each other, small enough for a README."""
    if not pictures:
        return
    chosen = np.linspace(0, len(pictures) - 1, rows).astype(int)
    small = [cv2.resize(pictures[n], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for n in chosen]
    cv2.imwrite(str(file), np.vstack(small)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
