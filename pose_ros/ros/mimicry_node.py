"""mimicry: people in, a robot's joints out.

Everything happens in the executor's thread: a frame takes about 1 ms of kinematics and is answered at once by
the next command; a timer makes the others. That a frame's command comes early is made up by leaving out the
timer's next one, so that commands stay a sequence of equal periods, whose limits hold from sample to sample.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool

import pose_ros
from pose_ros.apps.mimicry.config import MimicryConfig
from pose_ros.apps.mimicry.errors import RobotError
from pose_ros.apps.mimicry.mimic import Command, Mimicry, Mode
from pose_ros.apps.mimicry.robot import Robot
from pose_ros.config import option
from pose_ros.errors import PoseError, unknown
from pose_ros.ros.app_node import AppNode
from pose_ros.ros.diagnostics import AGE, OK, WARN, Report
from pose_ros.ros.managed_node import spin
from pose_ros.ros.mimicry_output import MimicryOutput, chosen_outputs
from pose_ros.ros.people_input import PeopleInput
from pose_ros.types import People

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PREFIXES = (*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix)
PLACES = (
    Path(pose_ros.__file__).parents[1] / "config",
    *(Path(prefix) / "share" / "pose_ros" / "config" for prefix in PREFIXES if prefix),
)


@dataclass(frozen=True)
class RobotConfig:
    robot: str = option("xarm6", "robot: a name in config/mimicry, or the path of such a YAML file")
    robot_from: str = option(
        "file", "where the URDF comes from: the robot's file, or the topic robot_description",
        choices=("file", "topic"),
    )  # fmt: skip
    outputs: str = option(
        "joint_trajectory", "what is commanded, comma-separated: joint_trajectory, twist, joint_jog, pose"
    )
    engage: bool = option(False, "engage by itself as soon as the robot's joints and a person are known")
    need_joint_states: bool = option(
        True, "start only from the robot's own pose; without, it is believed to be at home: for previews"
    )


class MimicryNode(AppNode):
    def __init__(self, **options: object) -> None:
        super().__init__("mimicry", RobotConfig(), MimicryConfig(), **options)
        self.mimicry: Mimicry | None = None
        self.output: MimicryOutput | None = None
        self._people: PeopleInput | None = None
        self._others: dict[str, Subscription] = {}
        self._rest: list[object] = []  # timer and service
        self._last: Command | None = None
        self._ahead = False  # a frame has taken the timer's next command
        self._wanted = False  # engage as soon as that can be

    def configure(self) -> None:
        self._config, self._options = self.configs
        self._outputs = chosen_outputs(self._config.outputs)
        self._path = robot_file(self._config.robot)
        if self._config.robot_from == "file":
            self._make("")

    def _make(self, description: str) -> None:
        """The robot, from its file and perhaps another URDF."""
        options = self._options
        self.mimicry = Mimicry(Robot.load(self._path, description, options.side, options.mount), options)
        self.output = MimicryOutput(self, self.mimicry, self._outputs)
        robot = self.mimicry.robot
        self.get_logger().info(
            f"{robot.name}: {len(robot)} joints, {' and '.join(robot.parts)}, {self.mimicry.solver.name}"
        )

    def activate(self) -> None:
        self._people = PeopleInput(self, self._on_people, self.health)
        subscribe = self.create_subscription
        self._others = {
            "robot_joint_states": subscribe(JointState, "robot_joint_states", self._on_joints, 10)
        }
        if self._options.safety.clutch:
            self._others["mimicry/clutch"] = subscribe(Bool, "mimicry/clutch", self._on_clutch, 10)
        if self._config.robot_from == "topic":
            topic = "robot_description"
            self._others[topic] = subscribe(String, topic, self._on_description, LATCHED)
        self._wanted = self._config.engage
        self._rest = [
            self.create_timer(1 / self._options.rate, self._on_timer),
            self.create_service(SetBool, "~/engage", self._on_engage),
        ]

    def deactivate(self) -> None:
        timer, service = self._rest
        self.destroy_timer(timer)
        self.destroy_service(service)
        if self.mimicry:
            self.mimicry.disengage("the node is not active")
        self._people.close()
        for subscription in self._others.values():
            self.destroy_subscription(subscription)
        self._people, self._others, self._rest = None, {}, []

    def clean_up(self) -> None:
        if self.output:
            self.output.close()
        self.output = self.mimicry = self._last = None

    @property
    def inputs(self) -> dict[str, Subscription]:
        if self._people is None:
            return {}
        silent_is_fine = () if self._config.need_joint_states else ("robot_joint_states",)
        others = {topic: sub for topic, sub in self._others.items() if topic not in silent_is_fine}
        if self.health.stream("robot_description").count:
            others.pop("robot_description", None)  # it comes once
        return self._people.subscriptions | others

    @property
    def outputs(self) -> Iterable[Publisher]:
        return self.output.publishers() if self.output else []

    # What comes in.

    def _now(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _on_people(self, people: People) -> None:
        if self.mimicry is None:
            return
        started, now = time.perf_counter(), self._now()
        if self._wanted and len(people) and not self.mimicry.engaged:
            self._engage()
        operator = self.mimicry.see(people, now)
        if self._last is None or not self._ahead:
            self._step(now)
            self._ahead = True
        self.output.look(people, operator, self._last)
        self.health.stage("total", (time.perf_counter() - started) * 1e3)
        self.health.stage(AGE, (now * 1e9 - people.stamp_ns) / 1e6)
        self.health.output.add(people.stamp_ns)
        self.health.found = len(people)

    def _on_timer(self) -> None:
        if self.mimicry is None:
            self.health.report("waiting", "waits for robot_description", error=False)
        elif self._ahead:
            self._ahead = False
        else:
            self._step(self._now())

    def _step(self, now: float) -> None:
        command = self._last = self.mimicry.step(now)
        # Whom nobody leads and who stands may be led by others.
        if command.mode is not Mode.DISENGAGED or command.v.any():
            self.output.command(command)
        self.output.tell(command, self.mimicry.lock.id)

    def _on_joints(self, message: JointState) -> None:
        self.health.stream("robot_joint_states").add()
        if self.mimicry:
            self.mimicry.tell_present(dict(zip(message.name, message.position, strict=False)))

    def _on_clutch(self, message: Bool) -> None:
        self.health.stream("mimicry/clutch").add()
        if self.mimicry:
            self.mimicry.tell_clutch(message.data, self._now())

    def _on_description(self, message: String) -> None:
        self.health.stream("robot_description").add()
        if self.mimicry is not None:
            return  # the robot does not change while we run
        try:
            self._make(message.data)
        except PoseError as error:
            self.health.report("robot_description", f"robot_description does not fit: {error}")

    def _engage(self) -> str:
        reason = self.mimicry.engage(self._config.need_joint_states)
        if reason:
            self.health.report("engage", f"not engaged: {reason}")
        else:
            self._wanted = False
        return reason

    def _on_engage(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        if self.mimicry is None:
            reason = "waits for robot_description"
        elif request.data:
            reason = self._engage()
        else:
            self._wanted, reason = False, ""
            self.mimicry.disengage("told to stop")
        response.success, response.message = not reason, reason or "done"
        return response

    def describe(self, report: Report) -> None:
        if self.mimicry is None or self._last is None:
            return
        command = self._last
        report.values |= {
            "mode": command.mode.value, "operator": self.mimicry.lock.id or "none",
            "solver": self.mimicry.solver.name, "least distance of links [m]": command.distance,
        }  # fmt: skip
        report.values |= {f"reached {side}": there for side, there in self.mimicry.reached.items()}
        report.values |= {f"{cause} (times)": count for cause, count in self.mimicry.counts.items()}
        if command.reason:
            level = OK if command.mode is Mode.DISENGAGED else WARN
            report.say(level, f"{command.mode.value}: {command.reason}")


def robot_file(name: str) -> Path:
    """The YAML file of a robot by its name or path; RobotError lists the names."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    folder = next((place / "mimicry" for place in PLACES if (place / "mimicry").is_dir()), PLACES[0])
    names = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if name not in names:
        raise RobotError(unknown("robot", name, (*names, "or the path of a YAML file")))
    return names[name]


def main(arguments: list[str] | None = None) -> int:
    return spin(MimicryNode, arguments)


if __name__ == "__main__":
    sys.exit(main())
